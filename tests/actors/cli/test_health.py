from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.cli.health import Finding, _clock
from tests.actors.cli.test_accounts import follow, in_thread
from tests.actors.cli.typing_in import Here, beside
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Peer


def findings(out: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"ok": [], "note": [], "fault": []}
    for line in out.splitlines():
        found[line[:6].strip()].append(line[6:])
    return found


def test_the_doctor_says_where_the_key_lies_and_to_copy_it(here: Here) -> None:
    made = here.run("migrate")
    assert "Copy it to another place" in made.err
    found = findings(here.run("doctor").out)
    assert found["fault"] == []
    assert found["note"] == [
        f"the sealing key lies in {here.folder / 'data' / 'sealing.key'}: keep a copy elsewhere, without it followers"
        " are lost"
    ]
    assert "https://fund.test" in found["ok"][0]
    assert (here.folder / "data" / "sealing.key").read_text().strip() not in here.run("doctor").out


def test_the_doctor_tells_every_rule_that_was_relaxed(here: Here) -> None:
    here.run("migrate")
    here.settings |= {
        "CLARION_ALLOW_ADDRESSES": "10.0.0.0/8",
        "CLARION_RESOLVE": "peer.test=10.0.0.7",
        "CLARION_PACE": "off",
        "CLARION_SENDERS": "0",
        "CLARION_CONTACT": "",
    }
    notes = "\n".join(findings(here.run("doctor").out)["note"])
    for name in ("ALLOW_ADDRESSES lets connections through to 10.0.0.0/8", "RESOLVE", "PACE", "SENDERS", "CONTACT"):
        assert f"CLARION_{name}" in notes


def test_the_doctor_finds_an_open_folder_and_an_old_database(here: Here) -> None:
    here.run("migrate")
    (here.folder / "data").chmod(0o755)
    done = here.call("doctor")
    assert (done.code, done.err) == (1, "clarion: 1 fault found\n")
    assert "is open to every user of this machine" in findings(done.out)["fault"][0]
    with sqlite3.connect(here.folder / "data" / "clarion.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    done = here.call("doctor")
    assert done.err == "clarion: 2 faults found\n"
    assert "newer than this version" in findings(done.out)["fault"][1]


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(None, "ok"), (timedelta(0), "ok"), (timedelta(minutes=4), "ok"), (timedelta(hours=1), "fault")],
)
def test_the_doctor_holds_the_clock_against_what_the_database_knows(ahead: timedelta | None, kind: str) -> None:
    assert _clock(NOW, None if ahead is None else NOW + ahead).kind == kind


async def test_the_doctor_asks_its_own_origin_when_told_to(tmp_path: Path, authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "fund.test") as peer:
        here = beside(tmp_path, authority, names, origin=f"https://{peer.host}")
        await in_thread(here, "migrate")
        done = await in_thread(here, "doctor")
        assert peer.received == [], "nobody is asked unless told to"
        done = await in_thread(here, "doctor", "--network")
        assert Finding("ok", f"https://{peer.host} can be reached").text in done.out
        await peer.down()
        done = await in_thread(here, "doctor", "--network")
        assert done.code == 1
        assert "cannot be reached from here" in done.out


async def test_the_queue_shows_what_each_server_is_owed(tmp_path: Path, authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "harbour.test") as peer:
        here = beside(tmp_path, authority, names)
        await asyncio.to_thread(here.settled)
        assert (await in_thread(here, "queue", "status")).out == "Nothing is waiting.\n"
        await follow(here, peer.actor("alice"))
        await follow(here, peer.actor("bob"))
        await in_thread(here, "campaign", "put", here.write("roads.json"))
        await in_thread(here, "campaign", "open", "roads")
        status = (await in_thread(here, "queue", "status", "--json")).json
        (line,) = status["hosts"]
        assert line["host"] == peer.host
        assert line["waiting"] == status["deliveries"]["waiting"] == 5, "two appeals, two pins, the profile"
        assert (await in_thread(here, "queue", "status")).out.startswith("5 waiting\n\nhost\t")
