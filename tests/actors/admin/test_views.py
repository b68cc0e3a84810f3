"""The delivery report over HTTP: as JSON and as a table, and who is named in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from actors.admin import views
from actors.model import Kind
from actors.service.report import AtHost, NoteReport, Outcome, Report
from tests.actors.admin.houses import settled
from tests.actors.desks import document
from tests.fediverse.store.building import Ledger

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def report() -> Report:
    hosts = [
        AtHost("many.example", "mastodon", "update", Outcome.DELIVERED, 1, 1, None, 202, None),
        AtHost("slow.example", "evil\x1b[31m\u202ename", "update", Outcome.WAITING, 2, 3, NOW, 503, "busy"),
    ]
    note = NoteReport(
        "a" * 32,
        f"https://fund.example/notes/{'a' * 32}",
        Kind.APPEAL,
        "fa",
        withdrawn=False,
        counts=Counter({Outcome.DELIVERED: 3, Outcome.WAITING: 2}),
        hosts=hosts,
        unnamed=Counter({Outcome.DELIVERED: 2}),
    )
    return Report("roads", "closed", [note], Counter({Outcome.DELIVERED: 3, Outcome.WAITING: 2}))


def test_the_table_shows_a_line_for_each_server_and_one_for_those_too_small_to_name() -> None:
    lines = views.report_text(report()).splitlines()
    assert lines[0] == "campaign roads: closed; not confirmed: 2 waiting"
    assert lines[2] == f"appeal in fa  https://fund.example/notes/{'a' * 32}"
    rows = [line.split() for line in lines[3:]]
    assert rows[0][:3] == ["outcome", "inboxes", "server"]
    assert rows[1] == ["delivered", "1", "many.example", "mastodon", "202"]
    assert rows[2][-4:] == ["503", "busy", "2026-11-22", "12:00Z"]
    assert rows[3] == ["delivered", "2", "(few", "followers)"]
    assert len({line.index(word) for line, word in zip(lines[3:5], ("server", "many"), strict=True)}) == 1


def test_j7_what_another_server_calls_itself_cannot_draw_in_the_table() -> None:
    text = views.report_text(report())
    assert text.isascii()
    assert "\x1b" not in text


async def test_servers_with_few_followers_are_counted_and_not_named(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        ledger = Ledger(desk.house.database)
        await ledger.follow("many.example", times=5)
        await ledger.follow("few.example", times=4)
        await desk.put("/campaigns/roads", document("en"))
        await desk.post("/campaigns/roads/open")
        for token in (desk.token, desk.reader):
            answer = await desk.get("/campaigns/roads/deliveries", token=token)
            found = answer.json
            assert found["settled"] is False
            assert [host["host"] for host in found["notes"][0]["hosts"]] == ["many.example"]
            assert found["notes"][0]["unnamed"] == {"waiting": 1}
            assert found["counts"] == {"waiting": 2}
            table = await desk.get(
                "/campaigns/roads/deliveries", token=token, headers={"Accept": "text/plain, application/json;q=0.5"}
            )
            assert table.headers["Content-Type"].startswith("text/plain")
            assert b"many.example" in table.body
            assert b"few.example" not in table.body + answer.body
        for accept in ("*/*", "application/json", "text/html", "application/*;q=0.9, text/plain;q=0.1"):
            answer = await desk.get("/campaigns/roads/deliveries", headers={"Accept": accept})
            assert answer.headers["Content-Type"] == "application/json"
