"""The page of a campaign in each state: what it shows, what it must never show, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from actors.wording import wording
from fediverse.store import local_actors
from tests.actors.desks import ASKS
from tests.actors.houses import DONATE, ORIGIN, ROOMS, Living, living
from tests.actors.pages.reading import Dom

OPEN, CLOSED = "/c/roads/en", "/c/roads/en/closed"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path) as house:
        yield house


async def read(house: Living, path: str, status: int = 200, **headers: str) -> Dom:
    answer = await house.get(path, **headers)
    assert answer.status_code == status
    return Dom(await answer.get_data(as_text=True))


def asks(dom: Dom) -> bool:
    """Whether a page leads to any destination, or holds as much as the name of one."""
    return any(host in str(dom.rawdata) + dom.text for host in ("donate.example", "rooms.example"))


async def test_an_open_page_shows_state_texts_figures_and_where_to_help(house: Living) -> None:
    await house.open()
    await house.raised("2143.87")
    dom = await read(house, OPEN)
    assert dom.one("h1").text == "Safe roads north"
    assert dom.one("p", class_="state").text == "This campaign is open. Open until: 2027-01-31"
    assert dom.one("div", class_="lead").text == "People are on the road, now."
    assert dom.one("div", class_="ask").text == ASKS["en"]
    assert "The whole story." in dom.one("section", class_="story").text
    assert dom.one("progress")["value"] == "42"
    assert "€2,100 of €5,000 raised (42%)" in dom.text
    assert "2143" not in dom.text.replace(",", ""), "a single gift could be read off"
    assert dom.all("p", class_="banner open") == []


async def test_a_destination_shows_its_label_and_whole_host_and_gives_nothing_away(house: Living) -> None:
    await house.open()
    dom = await read(house, OPEN)
    section = dom.one("section", class_="destinations")
    assert "Solidarity fund" in section.text
    assert "donate.example" in section.text
    assert "rooms.example" in section.text
    for url in (DONATE, ROOMS):
        link = dom.one("a", href=url)
        assert link["rel"] == "noopener nofollow"
        assert link["referrerpolicy"] == "no-referrer"
        assert "target" not in link.attributes


async def test_a_page_says_how_to_verify_that_it_is_really_theirs(house: Living) -> None:
    await house.open()
    for language in ("en", "fa"):
        section = (await read(house, f"/c/roads/{language}")).one("section", class_="verify")
        assert "@fund@fund.test" in section.text
        assert wording(language).verify in section.text


async def test_each_language_has_its_page_in_its_direction_with_links_to_the_others(house: Living) -> None:
    await house.open()
    english, persian = await read(house, OPEN), await read(house, "/c/roads/fa")
    assert (english.one("html")["lang"], english.one("html")["dir"]) == ("en", "ltr")
    assert (persian.one("html")["lang"], persian.one("html")["dir"]) == ("fa", "rtl")
    assert persian.one("h1").text == "راه امن"
    other = english.one("a", href=f"{ORIGIN}/c/roads/fa")
    assert (other.text, other["lang"], other["hreflang"]) == ("فارسی", "fa", "fa")
    assert persian.one("a", href=f"{ORIGIN}/c/roads/en").text == "English"
    assert all(e["dir"] == "ltr" for e in persian.all("bdi") if "example" in e.text or "@fund" in e.text)


async def test_a_page_is_whole_for_those_who_hear_it(house: Living) -> None:
    await house.open()
    await house.raised("100")
    for path in (OPEN, "/c/roads/fa", "/", "/@fund", "/about", f"/notes/{(await house.note_ids())[0]}"):
        dom = await read(house, path, accept="text/html")
        assert len(dom.all("h1")) == 1
        assert dom.one("main")["id"] == "content"
        assert dom.all("a")[0]["href"] == "#content", "the first thing to tab to skips the rest"
        assert dom.one("title").text
        assert dom.one("html")["lang"]
        levels = [int(e.tag[1]) for e in dom.elements if e.tag in ("h1", "h2", "h3")]
        assert levels == [1, *[2] * (len(levels) - 1)]
        labels = [e["aria-labelledby"] for e in dom.elements if "aria-labelledby" in e.attributes]
        ids = [e["id"] for e in dom.elements if "id" in e.attributes]
        assert set(labels) <= set(ids)
        assert len(set(ids)) == len(ids)
        assert all("alt" in e.attributes for e in dom.all("img"))
        assert all(e.text for e in dom.all("a")), "every link has a name"


async def test_no_page_loads_anything_from_elsewhere_or_sets_a_cookie(house: Living) -> None:
    await house.open()
    for path in (OPEN, "/", "/@fund", "/about", "/c/nothing/en"):
        answer = await house.get(path, accept="text/html")
        assert "Set-Cookie" not in answer.headers
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        dom = Dom(await answer.get_data(as_text=True))
        loaded = [e["src"] for e in dom.elements if "src" in e.attributes]
        loaded += [e["href"] for e in dom.all("link") if e["rel"] in ("stylesheet", "icon")]
        assert all(url.startswith(("/static/", f"{ORIGIN}/pictures/")) for url in loaded)
        for tag in ("script", "style", "iframe", "form", "object", "base"):
            assert dom.all(tag) == []
        assert not [e for e in dom.elements if "style" in e.attributes]


async def test_an_open_page_is_cached_for_seconds_and_never_served_stale(house: Living) -> None:
    await house.open()
    answer = await house.get(OPEN)
    assert answer.headers["Cache-Control"] == "max-age=2, must-revalidate"
    again = await house.get(OPEN, if_none_match=answer.headers["ETag"])
    assert (again.status_code, await again.get_data()) == (304, b"")
    assert again.headers["Cache-Control"] == "max-age=2, must-revalidate"
    await house.close()
    assert (await house.get(OPEN, if_none_match=answer.headers["ETag"])).status_code == 200


async def test_previews_hear_nothing_of_the_state_and_the_same_before_and_after(house: Living) -> None:
    await house.open()
    said = ("og:title", "og:description", "og:image", "og:image:alt", "og:site_name", "description", "twitter:title")
    before = await read(house, OPEN)
    await house.close()
    after, closed = await read(house, OPEN), await read(house, CLOSED)
    assert [before.meta(name) for name in said] == [after.meta(name) for name in said]
    assert [before.meta(name) for name in said] == [closed.meta(name) for name in said]
    assert before.meta("og:title") == "Safe roads north"
    assert before.one("title").text == closed.one("title").text
    whole = " ".join(str(before.meta(name)) for name in said).lower()
    assert not any(word in whole for word in ("donate", "open", "closed", "€"))


async def test_a_paused_page_says_so_and_leads_nowhere(house: Living) -> None:
    await house.open()
    await house.pause()
    dom = await read(house, OPEN)
    assert dom.one("p", class_="banner paused").text == "PAUSED – please do not donate for now"
    assert not asks(dom)
    assert ASKS["en"] not in dom.text


async def test_a_closed_page_says_so_at_both_addresses_and_where_to_help_instead(house: Living) -> None:
    await house.open()
    assert (await house.get(CLOSED)).status_code == 404, "before the first closing there is no closed page"
    await house.close()
    for path in (OPEN, CLOSED):
        dom = await read(house, path)
        assert dom.one("p", class_="banner closed").text == "CLOSED – please do not donate"
        assert dom.one("link", rel="canonical")["href"] == f"{ORIGIN}{path}"
        assert "Everyone has arrived." in dom.text
        assert dom.one("a", href="https://kitchen.example/about").text == "Winter kitchen"
        assert dom.one("a", hreflang="fa")["href"] == f"{ORIGIN}/c/roads/fa/closed"
        assert not asks(dom)
        assert ASKS["en"] not in dom.text
    persian = await read(house, "/c/roads/fa/closed")
    assert "CLOSED – please do not donate" in persian.one("p", class_="banner closed").text
    assert wording("fa").closed in persian.text


async def test_a_page_past_its_end_has_expired_though_nobody_has_closed_it_yet(house: Living) -> None:
    await house.open(expires="2026-11-23T12:00:00Z")
    assert asks(await read(house, OPEN))
    house.clock.forward(hours=24)
    dom = await read(house, OPEN)
    assert dom.one("p", class_="banner expired").text == "EXPIRED – please check before you donate"
    assert not asks(dom)


async def test_at_the_goal_money_is_hidden_and_other_help_is_not(house: Living) -> None:
    await house.open()
    await house.raised("5000")
    dom = await read(house, OPEN)
    assert "Goal reached, being checked by the organisers." in dom.text
    assert DONATE not in dom.links
    assert ROOMS in dom.links


@pytest.mark.parametrize("table", ["campaigns", "campaign_destinations", "local_actors"])
async def test_a_page_that_cannot_read_the_database_shows_no_destination(house: Living, table: str) -> None:
    await house.open()
    async with house.house.database.write() as tx:
        await tx.execute(text("PRAGMA defer_foreign_keys=ON"))
        await tx.execute(text(f"ALTER TABLE {table} RENAME TO away"))
    for path, language in ((OPEN, "en"), ("/c/roads/fa", "fa"), (CLOSED, "en")):
        answer = await house.get(path)
        assert answer.status_code == 503
        assert answer.headers["Cache-Control"] == "no-store"
        assert int(answer.headers["Retry-After"]) > 0
        dom = Dom(await answer.get_data(as_text=True))
        assert dom.one("html")["lang"] == language
        assert "STATE UNKNOWN – please do not donate for now" in dom.one("p", class_="banner unknown").text
        assert not asks(dom)
        assert "no such table" not in dom.text


@pytest.mark.parametrize("path", [OPEN, CLOSED, "/c/roads/de", "/c/other/en", "/c/roads", "/c/roads/en/other"])
async def test_j3_a_draft_is_nowhere(house: Living, path: str) -> None:
    await house.draft()
    answer = await house.get(path, accept="text/html")
    assert answer.status_code == 404
    assert "Safe roads" not in await answer.get_data(as_text=True)
    assert "Safe roads" not in (await read(house, "/")).text
    assert "Safe roads" not in (await read(house, "/@fund", accept="text/html")).text


@pytest.mark.parametrize("erase", [False, True])
async def test_j3_a_retracted_campaign_is_gone_with_every_word_of_it(house: Living, erase: bool) -> None:
    await house.open()
    await house.close()
    notes = await house.note_ids()
    await house.retract(erase=erase)
    for path in (OPEN, CLOSED, "/c/roads/fa", "/c/roads/fa/closed", *(f"/notes/{note}" for note in notes)):
        answer = await house.get(path, accept="text/html")
        assert answer.status_code == 410
        assert answer.headers["Cache-Control"] == "no-store"
        html = await answer.get_data(as_text=True)
        for word in ("Safe roads", "arrived", "road", "راه", "Winter kitchen", "og:"):
            assert word not in html.replace("/c/roads", "")
        assert ("withdrawn" in html.lower() or "پس گرفته" in html) is not erase
    for path in ("/", "/@fund"):
        assert "roads" not in (await read(house, path, accept="text/html")).rawdata


async def test_j3_a_retracted_campaign_says_when_unless_it_was_erased(house: Living) -> None:
    await house.open()
    await house.retract()
    assert "Withdrawn on 2026-11-22." in (await read(house, OPEN, 410)).text


async def test_j3_a_withdrawn_language_is_gone_and_the_others_stay(house: Living) -> None:
    await house.open()
    english, persian = await house.note_ids()
    await house.withdraw(persian)
    gone = await read(house, "/c/roads/fa", 410)
    assert "راه امن" not in gone.text
    other = await read(house, OPEN)
    assert other.one("h1").text == "Safe roads north"
    assert other.all("a", hreflang="fa") == []
    assert (await house.get(f"/notes/{persian}", accept="text/html")).status_code == 410
    assert (await house.get(f"/notes/{english}", accept="text/html")).status_code == 200


HOSTILE = "<script>alert(1)</script>&lt;b&gt; \"'><img src=x onerror=alert(1)> @someone@elsewhere.example"


async def test_h7_html_in_any_text_is_text_and_links_lead_to_https_only(tmp_path: Path) -> None:
    async with living(tmp_path, name=HOSTILE[:60], summary=HOSTILE, label=HOSTILE[:60]) as house:
        english = {
            "title": HOSTILE[:90],
            "lead": HOSTILE,
            "ask": HOSTILE,
            "full_text": f"{HOSTILE}\n\n[a page](https://page.example/?a=b&c=d)\n\n<svg/onload=alert(1)>",
            "hashtags": [],
            "closed": {"outcome": HOSTILE, "projects": [{"name": HOSTILE[:60], "url": "https://kitchen.example/"}]},
        }
        await house.open(languages={"en": english})
        notes = await house.note_ids()
        open_pages = [OPEN, "/", "/@fund", f"/notes/{notes[0]}"]
        pages = [await read(house, path, accept="text/html") for path in open_pages]
        await house.close()
        pages += [await read(house, path, accept="text/html") for path in (*open_pages, CLOSED)]
    for dom in pages:
        assert "<script>alert(1)</script>" in dom.text, "it is shown as it was written"
        assert dom.all("script") == dom.all("svg") == dom.all("b") == []
        assert [e["src"] for e in dom.all("img")] in ([], [f"{ORIGIN}/pictures/{'a' * 32}.png"])
        assert not [name for e in dom.elements for name in e.attributes if name.startswith("on")]
        assert all(link.startswith(("https://", "/", "#content", "mailto:")) for link in dom.links)
        assert not any("elsewhere.example" in link for link in dom.links), "nobody is mentioned"


async def test_a_page_may_be_found_but_never_kept_and_not_found_where_the_actor_does_not_want_it(house: Living) -> None:
    await house.open()
    note = f"/notes/{(await house.note_ids())[0]}"
    for path in (OPEN, "/@fund", note):
        assert (await house.get(path, accept="text/html")).headers["X-Robots-Tag"] == "noarchive"
    async with house.house.database.write() as tx:
        actor = await local_actors.by_id(tx, house.actor.id)
        assert actor is not None
        await local_actors.replace_document(tx, actor, {**actor.document, "indexable": False}, house.clock())
    for path in (OPEN, "/@fund", note):
        assert (await house.get(path, accept="text/html")).headers["X-Robots-Tag"] == "noindex, noarchive"
