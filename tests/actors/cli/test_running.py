from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.actors.cli.test_accounts import follow, in_thread
from tests.actors.cli.typing_in import ROOT, Done, Here, beside
from tests.actors.desks import DONATE
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Answer, Peer


async def process(here: Here, *words: str) -> Done:
    return await asyncio.to_thread(here.process, *words)


def states(here: Here) -> Counter[str]:
    with contextlib.closing(sqlite3.connect(here.folder / "data" / "clarion.db")) as database:
        return Counter(state for (state,) in database.execute("SELECT state FROM deliveries"))


async def ready(here: Here, peer: Peer, *people: str) -> None:
    """An actor with a draft called roads, and these followers."""
    await asyncio.to_thread(here.settled)
    for name in people:
        await follow(here, peer.actor(name))
    await in_thread(here, "campaign", "put", here.write("roads.json"))


async def nobody_listens(port: int) -> None:
    """Wait until a server has let go of its port, the first thing it does when told to stop."""
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()


# Starting


async def test_f6_a_second_serve_is_refused_and_short_acts_beside_the_first_work(here: Here) -> None:
    async with here.running("serve") as program:
        assert program.first.startswith("Made "), "the first start makes the key"
        assert program.process.stderr is not None
        assert b"Serving https://fund.test at 127.0.0.1 port " in await program.process.stderr.readline()
        in_use = "clarion: clarion.db is in use: another clarion serve, migrate or restore is running on it"
        assert await process(here, "serve") == Done(2, "", f"{in_use}\n")
        assert here.refused("migrate") == (in_use, 2)
        for words in (
            ["actor", "create", "fund", "--name", "The fund"],
            ["actor", "destination", "add", "fund", DONATE, "--label", "Fund", "--currency", "EUR"],
            ["campaign", "put", here.write("roads.json")],
        ):
            assert (await in_thread(here, *words)).code == 0
        assert (await in_thread(here, "campaign", "open", "roads")).out == "roads is open (version 2)\n"
        program.process.terminate()
        assert (await program.ended()).code == 0
    assert here.run("migrate").out.startswith("The database is up to date"), "the lock ends with the process"


async def test_f5_two_first_starts_at_once_make_one_database_and_one_key(here: Here) -> None:
    done = await asyncio.gather(*(process(here, "migrate") for _ in range(2)))
    assert {each.code for each in done} <= {0, 2}
    assert any(each.code == 0 for each in done)
    assert all("in use" in each.err for each in done if each.code)
    assert here.run("migrate").out == "The database is up to date (0001).\n"
    here.settled()


async def test_k2_a_port_in_use_is_exit_code_2_and_one_line(here: Here) -> None:
    here.run("migrate")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        here.settings["CLARION_BIND"] = address
        done = await process(here, "serve")
    assert done == Done(2, "", f"clarion: CLARION_BIND: cannot listen at {address}: Address already in use\n")


async def test_k2_an_address_that_is_not_ours_is_exit_code_2_and_one_line(here: Here) -> None:
    here.run("migrate")
    here.settings["CLARION_BIND"] = "192.0.2.1:8000"
    done = await process(here, "serve")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "CLARION_BIND: cannot listen at 192.0.2.1:8000" in done.err


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can give the permission up")
def test_k2_without_permission_it_is_exit_code_2_and_one_line(here: Here) -> None:
    here.run("migrate")
    here.settings["CLARION_BIND"] = "127.0.0.1:81"
    without = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    ran = subprocess.run(
        [*without, sys.executable, "-m", "actors", "serve"],
        cwd=ROOT, env=here.environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stderr
    assert ran.stderr == "clarion: CLARION_BIND: cannot listen at 127.0.0.1:81: Permission denied\n"


async def test_k2_tls_files_that_do_not_belong_together_are_exit_code_2_and_one_line(
    here: Here, authority: Authority
) -> None:
    (here.folder / "a").mkdir()
    (here.folder / "b").mkdir()
    chain, _ = authority.write_certificate("fund.test", here.folder / "a")
    _, private = authority.write_certificate("fund.test", here.folder / "b")
    private.chmod(0o600)
    here.settings |= {"CLARION_TLS_CERT": str(chain), "CLARION_TLS_KEY": str(private)}
    done = await process(here, "serve")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "CLARION_TLS_CERT" in done.err
    assert "CLARION_TLS_KEY" in done.err


def test_delivering_with_no_senders_is_a_mistake_that_is_told(here: Here) -> None:
    here.run("migrate")
    assert here.refused("deliver", senders="0")[1] == 2
    assert here.refused("deliver", "--senders", "0")[1] == 2


# Stopping


async def test_k3_a_sigterm_lets_the_post_in_flight_end_and_leaves_the_rest_queued(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "slow.test") as peer:
        here = beside(tmp_path, authority, names)
        await ready(here, peer, "alice")
        gate = asyncio.Event()
        peer.will("/inbox", Answer(202, hold=gate))
        here.run("campaign", "open", "roads")
        async with here.running("serve") as program:
            port = int(program.first.partition(" port ")[2].partition(",")[0])
            await peer.wait_until(lambda: len(peer.posts) == 1)
            began = time.monotonic()
            program.process.terminate()
            await nobody_listens(port)
            gate.set()
            ended = await program.ended()
        assert time.monotonic() - began < 20
        assert ended.code == 0
        assert len(peer.posts) == 1
        assert states(here) == {"delivered": 1, "waiting": 4}
        assert "Traceback" not in ended.err

        async with here.running("deliver") as program:
            assert program.first == "Working for https://fund.test, delivering to 8 servers at a time.\n"
            await peer.wait_until(lambda: len(peer.posts) == 5)
            program.process.terminate()
            assert (await program.ended()).code == 0
        assert states(here) == {"delivered": 5}


async def test_k3_ctrl_c_ends_it_as_well_and_says_nothing(here: Here) -> None:
    here.run("migrate")
    async with here.running("serve", "--senders", "0") as program:
        assert program.first.endswith(", delivering nothing.\n")
        program.process.send_signal(2)
        assert await program.ended() == Done(0, "", "")


# The story


async def test_a_campaign_is_run_from_the_command_line_and_a_server_started_later_delivers_it(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "harbour.test") as peer:
        here = beside(tmp_path, authority, names)
        await ready(here, peer, "alice", "bob")
        await in_thread(here, "organiser", "add", "fund")
        await in_thread(here, "campaign", "open", "roads")
        await in_thread(here, "campaign", "close", "roads", "--reason", "goal_met")
        report = (await in_thread(here, "campaign", "report", "roads")).out
        assert "Not every server has confirmed." in report
        assert peer.host in report, "the command line names servers with few followers"

        async with here.running("serve") as program:
            await peer.wait_until(lambda: Counter(kinds(peer))["Create"] == 4)
            # Beside it, noticed by polling: an act of another process wakes nobody here.
            began = time.monotonic()
            await in_thread(here, "campaign", "retract", "roads")
            await peer.wait_until(lambda: Counter(kinds(peer))["Delete"] == 4)
            assert time.monotonic() - began < 10
            program.process.terminate()
            ended = await program.ended()
        assert ended.code == 0

        notes = [post.document["object"] for post in peer.posts if post.document["type"] == "Create"]
        assert not any("chip in" in json.dumps(note) for note in notes), "what waited left in its closed form"
        report = (await in_thread(here, "campaign", "report", "roads")).out
        assert report.splitlines()[-1] == "Every server that may hold a note has its last word."
        assert (await in_thread(here, "campaign", "report", "roads", "--json")).json["settled"] is True
        for line in ended.err.splitlines():
            assert "alice" not in line
            json.loads(line)


def kinds(peer: Peer) -> list[str]:
    return [post.document["type"] for post in peer.posts]


async def test_the_demo_is_a_command(here: Here) -> None:
    assert "--keep" in (await in_thread(here, "demo", "--help")).out
