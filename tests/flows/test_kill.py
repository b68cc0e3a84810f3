"""Senders killed in the middle: nothing is lost, nothing overtakes, and no more is repeated than was in flight."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from fediverse.protocol.messages import Request
from fediverse.protocol.retry import Priority
from fediverse.store import queue
from fediverse.store.schema import deliveries
from tests.fediverse.store.building import Ledger, ledger, one_key
from tests.peers import signing
from tests.peers.authority import Authority
from tests.peers.names import Names

HOSTS, EACH = 100, 10  # personal inboxes; two notes make 2,000 deliveries
AT_ONCE = 8
PATIENCE = 200  # seconds, on a machine with other things to do
LAPSED = queue.LEASE.total_seconds() + 1


@dataclass(frozen=True)
class Arrival:
    """One POST as it came in."""

    request: Request
    inbox: str
    activity: dict[str, Any]
    answered: bool

    @property
    def what(self) -> tuple[str, int]:
        """The text of the note it carries and its version: ("appeal", 1)."""
        found = re.fullmatch(r"<p>(\w+) (\d)</p>", self.activity["object"]["content"])
        assert found
        return found[1], int(found[2])


class Crowd:
    """All hosts of `*.crowd.test`, behind one listener. Until `letting` is set, answers are held back."""

    def __init__(self, names: Names) -> None:
        self.arrivals: list[Arrival] = []
        self.unanswered = 0
        self.letting = asyncio.Event()
        self.letting.set()
        self._listener = names.listen("crowd.test")
        self.address, self.port = self._listener.getsockname()
        self._arrived = asyncio.Condition()

    @property
    def hosts(self) -> list[str]:
        return [f"h{number}.crowd.test:{self.port}" for number in range(HOSTS)]

    @property
    def resolve(self) -> dict[str, str]:
        return {host.partition(":")[0]: self.address for host in self.hosts}

    @contextlib.asynccontextmanager
    async def listening(self, authority: Authority) -> AsyncIterator[None]:
        server = web.Server(self._answer, access_log=None)
        tls = authority.server_context("*.crowd.test")
        listener = await asyncio.get_running_loop().create_server(server, sock=self._listener, ssl=tls)
        yield
        listener.close()
        await server.shutdown(timeout=1)

    async def until(self, arrived: int) -> None:
        """Wait until that many have arrived in all."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: len(self.arrivals) >= arrived)

    async def until_all_wait(self) -> None:
        """Wait until as many posts wait for their answer as are sent at once."""
        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: self.unanswered == AT_ONCE)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = tuple((name.decode().lower(), value.decode()) for name, value in request.raw_headers)
        seen = Request(request.method, request.raw_path, headers, body)
        answered = self.letting.is_set()
        arrival = Arrival(seen, f"https://{request.host}{request.path}", json.loads(body), answered)
        async with self._arrived:
            self.arrivals.append(arrival)
            self.unanswered += not answered
            self._arrived.notify_all()
        await self.letting.wait()
        return web.Response(status=202)


class Senders:
    """Starts senders, one after the other, and lets the time pass that leases need to lapse between them."""

    def __init__(self, database: str, crowd: Crowd, authority: Authority) -> None:
        self.ahead = 0.0
        self._settings = {
            "database": database,
            "resolve": crowd.resolve,
            "ca_file": str(authority.ca_file),
            "at_once": AT_ONCE,
        }

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    async def start(self, *, forever: bool) -> asyncio.subprocess.Process:
        settings = {**self._settings, "ahead": self.ahead, "forever": forever}
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.flows.sender", json.dumps(settings))

    async def kill(self, sender: asyncio.subprocess.Process) -> None:
        sender.kill()
        assert await sender.wait() == -signal.SIGKILL, "it was running until now"
        self.ahead += LAPSED

    async def finish(self) -> None:
        """A fresh sender sends whatever is due, and ends."""
        async with asyncio.timeout(PATIENCE):
            assert await (await self.start(forever=False)).wait() == 0


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_senders_killed_twice_in_the_middle_lose_nothing_and_repeat_only_what_was_in_flight(
    database_url: str, authority: Authority, names: Names
) -> None:
    crowd = Crowd(names)
    senders = Senders(database_url, crowd, authority)
    async with crowd.listening(authority), ledger(database_url) as book:
        book.now = senders.now
        for host in crowd.hosts:
            await book.follow(host, times=EACH, shared=False)
        appeal = await book.create("appeal 1")
        update = await book.create("update 1", reply_to=appeal)
        assert await book.count("waiting") == 2 * HOSTS * EACH == 2000

        # The first is killed while every post it makes at a time has been received and none has been answered.
        sender = await senders.start(forever=True)
        await crowd.until(200)
        crowd.letting.clear()
        await crowd.until_all_wait()
        await senders.kill(sender)
        crowd.letting.set()

        # The second is killed wherever it is, after the appeal was closed behind its back.
        sender = await senders.start(forever=True)
        await crowd.until(450)
        book.now = senders.now
        await book.change(appeal, "appeal 2", Priority.CLOSE)
        await crowd.until(700)
        await senders.kill(sender)

        await senders.finish()
        senders.ahead += timedelta(minutes=15).total_seconds()
        await senders.finish()  # what is said once more where nobody knows what arrived

        states = await _states(book)
    _everything_was_delivered(crowd, states)
    _nothing_overtook(crowd, appeal, update)
    _only_what_was_in_flight_was_repeated(crowd, kills=2)
    for arrival in crowd.arrivals:
        signing.verify(arrival.request, one_key().public_pem())
    if database_url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as file:
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def _states(book: Ledger) -> Counter[tuple[str, str]]:
    async with book.database.read() as tx:
        rows = await tx.rows(select(deliveries.c.kind, deliveries.c.state))
    return Counter((row["kind"], row["state"]) for row in rows)


def _everything_was_delivered(crowd: Crowd, states: Counter[tuple[str, str]]) -> None:
    assert states["create", "delivered"] == 2 * HOSTS * EACH
    assert {state for _, state in states} <= {"delivered", "absorbed"}, states
    created = {(it.inbox, it.what[0]) for it in crowd.arrivals if it.activity["type"] == "Create"}
    assert len(created) == 2 * HOSTS * EACH
    last = {it.inbox: it.what for it in crowd.arrivals if it.what[0] == "appeal"}
    assert set(last.values()) == {("appeal", 2)}, "every copy heard the last word last"
    assert 0 < states["update", "delivered"] < HOSTS * EACH + 2 * AT_ONCE, "some were closed before they left"


def _nothing_overtook(crowd: Crowd, appeal: str, update: str) -> None:
    story: defaultdict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    told: defaultdict[str, set[str]] = defaultdict(set)
    for it in crowd.arrivals:
        kind, object_id = it.activity["type"], it.activity["object"]["id"]
        if kind == "Update":
            assert object_id in told[it.inbox], "an Update before its Create"
        if object_id == update:
            assert appeal in told[it.inbox], "an answer before what it answers"
        told[it.inbox].add(object_id)
        story[it.inbox, object_id].append((kind, it.what[1]))
    for said in story.values():
        assert [version for _, version in said] == sorted(version for _, version in said), said
        assert said == sorted(said, key=lambda it: it[0] == "Update"), said


def _only_what_was_in_flight_was_repeated(crowd: Crowd, *, kills: int) -> None:
    times = Counter((it.inbox, it.activity["id"]) for it in crowd.arrivals)
    assert max(times.values()) <= 1 + kills
    assert sum(times.values()) - len(times) <= kills * AT_ONCE
    held = [(it.inbox, it.activity["id"]) for it in crowd.arrivals if not it.answered]
    assert len(held) == AT_ONCE
    assert all(times[it] >= 2 for it in held), "what nobody knew to have arrived is sent again, under the same id"
