"""The server's own pages and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.actors.houses import ORIGIN, Living, living
from tests.actors.pages.reading import Dom


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path, contact="ops@fund.test") as house:
        yield house


async def read(house: Living, path: str) -> Dom:
    answer = await house.get(path)
    assert answer.status_code == 200
    return Dom(await answer.get_data(as_text=True))


async def test_the_first_page_lists_who_announces_and_what_is_open(house: Living) -> None:
    await house.draft("secret")
    await house.open()
    dom = await read(house, "/")
    assert dom.one("h1").text == "fund.test"
    assert dom.one("a", href=f"{ORIGIN}/@fund").text == "Winter Light"
    assert "@fund@fund.test" in dom.text
    assert dom.one("a", href=f"{ORIGIN}/c/roads/en").text == "Safe roads north"
    assert "secret" not in str(dom.rawdata)
    assert "instance.actor" not in dom.text, "the server's own actor announces nothing"


async def test_the_first_page_speaks_the_readers_language_and_no_cache_takes_one_for_the_other(house: Living) -> None:
    answers = [await house.get("/", accept_language=language) for language in ("en", "fa")]
    assert len({await answer.get_data() for answer in answers}) == 2
    assert [answer.headers["Vary"] for answer in answers] == ["Accept-Language"] * 2


async def test_an_open_campaign_past_its_end_is_not_listed_as_open(house: Living) -> None:
    await house.open(expires="2026-11-23T12:00:00Z")
    house.clock.forward(hours=24)
    assert "EXPIRED – please check before you donate" in (await read(house, "/")).text


async def test_about_says_whom_to_write_to_what_the_rules_are_and_what_is_not_promised(house: Living) -> None:
    dom = await read(house, "/about")
    assert dom.one("a", href="mailto:ops@fund.test").text == "ops@fund.test"
    ids = {element["id"] for element in dom.elements if "id" in element.attributes}
    assert {"contact", "rules", "privacy", "limits"} <= ids


async def test_about_works_with_a_contact_page_and_without_any(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with living(tmp_path / "one", contact="https://group.example/contact") as house:
        assert (await read(house, "/about")).one("a", href="https://group.example/contact")
    async with living(tmp_path / "two") as house:
        assert not any(link.startswith("mailto:") for link in (await read(house, "/about")).links)


async def test_every_actor_has_a_picture_and_nobody_else(house: Living) -> None:
    url = house.actor.document["icon"]["url"]
    answer = await house.get(url.removeprefix(ORIGIN))
    assert answer.status_code == 200
    assert answer.content_type == house.actor.document["icon"]["mediaType"] == "image/png"
    assert (await answer.get_data()).startswith(b"\x89PNG\r\n\x1a\n")
    assert (await house.get(f"/pictures/{'b' * 32}.png")).status_code == 404


async def test_files_come_from_a_list_and_not_from_a_folder(house: Living) -> None:
    style = await house.get("/static/clarion.css")
    assert (style.status_code, style.content_type) == (200, "text/css; charset=utf-8")
    assert style.headers["ETag"]
    for path in ("/static/", "/static/app.py", "/static/..%2fapp.py", "/static/clarion.css/", "/static"):
        assert (await house.get(path)).status_code == 404
