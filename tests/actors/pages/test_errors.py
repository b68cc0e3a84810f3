"""Refusals: a page for people, JSON for the rest, and nothing of our insides for anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fediverse.protocol.documents import ACTIVITY_JSON
from tests.actors.houses import Living, living
from tests.actors.pages.reading import Dom

BROWSER = "text/html,*/*;q=0.8"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path) as house:
        yield house


MISSING = ("/c/none/en", "/nothing", "/@nobody", f"/notes/{'0' * 32}", f"/actors/{'0' * 32}", "/static/x", "/inbox/")


@pytest.mark.parametrize("path", MISSING)
async def test_a_person_gets_a_page_and_a_program_json(house: Living, path: str) -> None:
    page = await house.get(path, accept=BROWSER)
    assert page.status_code == 404
    assert Dom(await page.get_data(as_text=True)).one("h1").text == "There is no such page here."
    assert page.headers["X-Robots-Tag"] == "noindex, noarchive"
    for accept in (ACTIVITY_JSON, f"{ACTIVITY_JSON}, text/html;q=0.1", "*/*", ""):
        document = await house.get(path, accept=accept)
        assert (document.status_code, document.content_type) == (404, "application/json")
        assert set(await document.get_json()) == {"error"}


async def test_a_page_that_is_missing_says_so_in_the_readers_language(house: Living) -> None:
    answer = await house.get("/c/none/en", accept=BROWSER, accept_language="fa")
    assert Dom(await answer.get_data(as_text=True)).one("html")["dir"] == "rtl"
    assert "Accept-Language" in answer.headers["Vary"]


async def test_a_refused_method_names_those_that_are_allowed(house: Living) -> None:
    answer = await house.get("/about", method="POST", accept=BROWSER)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


async def test_j5_no_error_shows_a_stack_a_path_or_a_version(house: Living) -> None:
    async with house.house.database.write() as tx:
        await tx.execute(text("DROP TABLE featured"))
        await tx.execute(text("ALTER TABLE campaigns RENAME TO away"))
    broken = ("/", "/@fund", f"/actors/{'a' * 32}/featured", "/c/roads/en", "/c/roads/en/closed")
    for path in (*MISSING, *broken, "/c/%2e%2e/en", "/c/%00/en", "/about?" + "x" * 9000):
        for accept in (BROWSER, "*/*"):
            answer = await house.get(path, accept=accept)
            assert answer.status_code >= 400 or path.startswith("/about")
            whole = (await answer.get_data(as_text=True)) + str(answer.headers)
            for word in (
                "Traceback",
                "sqlite",
                "no such table",
                ".py",
                "/work",
                "/static/actor.py",
                "uart",
                "ypercorn",
                "0.1.0",
            ):
                assert word not in whole, (path, word)
            assert "Server" not in answer.headers


@pytest.mark.parametrize("accept", [BROWSER, ACTIVITY_JSON])
async def test_h12_another_host_is_refused_and_forwarded_hosts_are_not_believed(house: Living, accept: str) -> None:
    await house.open()
    for path in ("/", "/about", "/c/roads/en", "/@fund", "/static/clarion.css"):
        assert (await house.get(path, host="evil.example", accept=accept)).status_code == 421
        forwarded = {"x_forwarded_host": "evil.example", "forwarded": "host=evil.example", "x_host": "evil.example"}
        answer = await house.get(path, accept=accept, **forwarded)
        assert answer.status_code == 200
        assert "evil" not in (await answer.get_data(as_text=True)) + str(answer.headers)
