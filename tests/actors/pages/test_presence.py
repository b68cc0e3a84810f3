"""The pages of actors and notes, on the URLs where servers find JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fediverse.protocol.documents import ACTIVITY_JSON
from tests.actors.desks import ASKS
from tests.actors.houses import ORIGIN, Living, living
from tests.actors.pages.reading import Dom

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
MASTODON = f'application/ld+json; profile="https://www.w3.org/ns/activitystreams", {ACTIVITY_JSON}, text/html;q=0.1'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path) as house:
        yield house


async def read(house: Living, path: str, status: int = 200, **headers: str) -> Dom:
    answer = await house.get(path, **{"accept": BROWSER, **headers})
    assert answer.status_code == status
    return Dom(await answer.get_data(as_text=True))


async def test_an_actor_has_a_page_with_its_handle_and_campaigns(house: Living) -> None:
    await house.open()
    for path in ("/@fund", house.actor.id.removeprefix(ORIGIN)):
        dom = await read(house, path)
        assert dom.one("h1").text == "Winter Light"
        assert "@fund@fund.test" in dom.text
        assert "We announce." in dom.text
        assert dom.one("a", href=f"{ORIGIN}/c/roads/en").text == "Safe roads north"
        assert dom.one("link", rel="canonical")["href"] == f"{ORIGIN}/@fund"


async def test_an_actors_page_lists_a_closed_campaign_as_closed_at_its_other_address(house: Living) -> None:
    await house.open()
    await house.close()
    dom = await read(house, "/@fund")
    assert "CLOSED – please do not donate" in dom.text
    assert f"{ORIGIN}/c/roads/en/closed" in dom.links


async def test_an_actors_page_speaks_the_readers_language(house: Living) -> None:
    dom = await read(house, "/@fund", accept_language="fa-IR,fa;q=0.9,en;q=0.5")
    assert (dom.one("html")["lang"], dom.one("html")["dir"]) == ("fa", "rtl")
    answer = await house.get("/@fund", accept=BROWSER, accept_language="fr")
    assert Dom(await answer.get_data(as_text=True)).one("html")["lang"] == "en"
    assert set(answer.headers.getlist("Vary")) == {"Accept", "Accept-Language"}


async def test_the_servers_own_actor_leads_people_to_the_page_about_the_server(house: Living) -> None:
    assert (await read(house, "/actor")).one("h1").text == "About fund.test"


async def test_a_note_has_a_page_with_its_text_and_the_way_to_the_campaign(house: Living) -> None:
    await house.open()
    english, persian = await house.note_ids()
    dom = await read(house, f"/notes/{english}")
    assert ASKS["en"] in dom.one("article").text
    assert dom.links.count(f"{ORIGIN}/c/roads/en") >= 1
    other = await read(house, f"/notes/{persian}", accept_language="en")
    assert (other.one("html")["lang"], other.one("html")["dir"]) == ("fa", "rtl")
    assert ASKS["fa"] in other.one("article").text


async def test_a_closed_note_has_its_banner_once(house: Living) -> None:
    await house.open()
    await house.close()
    for note in await house.note_ids():
        dom = await read(house, f"/notes/{note}")
        assert dom.text.count("CLOSED – please do not donate") == 1
        assert dom.all("p", class_="banner") == []
        assert ASKS["en"] not in dom.text
        assert any(link.endswith("/closed") for link in dom.links)


async def test_a_note_past_its_end_says_expired_and_nothing_else_of_it(house: Living) -> None:
    await house.open(expires="2026-11-23T12:00:00Z")
    note = (await house.note_ids())[0]
    house.clock.forward(hours=24)
    answer = await house.get(f"/notes/{note}", accept=BROWSER)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    dom = Dom(await answer.get_data(as_text=True))
    assert "EXPIRED – please check before you donate" in dom.text
    assert ASKS["en"] not in dom.text


async def test_j4_page_and_document_of_one_url_vary_by_accept_and_so_for_head(house: Living) -> None:
    await house.open()
    first, _ = await house.note_ids()
    await house.withdraw(first)
    last = (await house.note_ids())[-1]
    for path in ("/@fund", house.actor.id.removeprefix(ORIGIN), "/actor", f"/notes/{last}", f"/notes/{first}"):
        for method in ("GET", "HEAD"):
            page = await house.get(path, method=method, accept=BROWSER)
            document = await house.get(path, method=method, accept=ACTIVITY_JSON)
            assert page.content_type == "text/html; charset=utf-8"
            assert document.content_type == ACTIVITY_JSON
            for answer in (page, document):
                assert "Accept" in answer.headers.getlist("Vary")
                assert answer.headers["Cache-Control"] in ("no-cache", "no-store", "max-age=2, must-revalidate")
            assert page.headers.get("ETag") != document.headers.get("ETag") or page.status_code == 410


async def test_j4_what_says_in_which_state_something_is_leaves_no_copy_in_between(house: Living) -> None:
    """Private things are stored nowhere; the pages about a campaign only for seconds, and never beyond."""
    await house.open()
    refused = await house.get("/admin/v1/campaigns")
    assert refused.status_code == 401
    assert refused.headers["Cache-Control"] == "no-store"
    assert (await house.get("/c/roads/en")).headers["Cache-Control"] == "max-age=2, must-revalidate"


async def test_both_pages_point_to_the_document_in_the_head_and_in_a_header(house: Living) -> None:
    await house.open()
    note = f"{ORIGIN}/notes/{(await house.note_ids())[0]}"
    for path, expected in (
        ("/@fund", house.actor.id),
        (note.removeprefix(ORIGIN), note),
        ("/actor", f"{ORIGIN}/actor"),
    ):
        answer = await house.get(path, accept=BROWSER)
        assert answer.headers["Link"] == f'<{expected}>; rel="alternate"; type="{ACTIVITY_JSON}"'
        dom = Dom(await answer.get_data(as_text=True))
        assert dom.one("link", rel="alternate", type=ACTIVITY_JSON)["href"] == expected


async def test_a_server_that_would_rather_have_json_gets_it(house: Living) -> None:
    await house.open()
    for path in ("/@fund", f"/notes/{(await house.note_ids())[0]}"):
        assert (await house.get(path, accept=MASTODON)).content_type == ACTIVITY_JSON
