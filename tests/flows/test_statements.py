"""A fault at every statement of an act, on both databases: all of it or nothing (must-survive F1)."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from actors.model import State
from tests.actors.desks import Group, everything, group

MISSKEY = "misskey.example"


class Plug(Exception):
    """Pulled."""


class Fuse:
    """Counts statements and blows before one of them; `at` 0 lets all pass. The commit counts as the last."""

    def __init__(self, us: Group) -> None:
        self._engine = us.database.engine.sync_engine
        self.at = 0
        self.count = 0

    def __enter__(self) -> Fuse:
        event.listen(self._engine, "before_cursor_execute", self._statement)
        event.listen(self._engine, "commit", self._commit)
        return self

    def __exit__(self, *exc: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._statement)
        event.remove(self._engine, "commit", self._commit)

    def _statement(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at:
            raise Plug

    def _commit(self, _: Connection) -> None:
        self._statement()


async def prepared(us: Group, *, opened: bool) -> None:
    """Followers on servers of every kind, one of which has been sent the notes and one of which is down."""
    await us.follow("shared.example", times=2)
    await us.follow("personal.example", times=2, shared=False)
    await us.follow(MISSKEY)
    await us.runs(MISSKEY, "misskey")
    await us.draft(languages=("en",))
    if opened:
        await us.do("open")
        await us.deliver()
        await us.raised("2500")
        await us.do("goal_update")  # not delivered yet
        us.later(minutes=1)


async def all_or_nothing(us: Group, act: Callable[[], Awaitable[object]]) -> int:
    """Blow at every statement in turn, see that nothing stays, and let it pass at last; how many statements it has."""
    before = await everything(us.database)
    with Fuse(us) as fuse:
        while True:
            fuse.at, fuse.count = fuse.at + 1, 0
            try:
                await act()
            except Plug:
                at, fuse.at = fuse.at, 0
                assert await everything(us.database) == before, f"something stayed after a fault at statement {at}"
                fuse.at = at
            else:
                break
    assert await everything(us.database) != before
    return fuse.count


@pytest.mark.slow
async def test_f1_opening_is_all_or_nothing(database_url: str) -> None:
    async with group(database_url) as us:
        await prepared(us, opened=False)
        assert await all_or_nothing(us, lambda: us.do("open")) > 25
        assert Counter(kind for kind, _ in await us.states()) == Counter(create=4, add=4, profile=4)


@pytest.mark.slow
async def test_f1_closing_is_all_or_nothing(database_url: str) -> None:
    async with group(database_url) as us:
        await prepared(us, opened=True)
        sent = Counter(await us.states())
        assert await all_or_nothing(us, lambda: us.do("close")) > 40
        owed = Counter(await us.states()) - sent
        assert owed["update", "waiting"] == 3
        assert owed["update", "absorbed"] == 3  # the goal update never left: its Create carries the closed form
        assert owed["delete", "waiting"] == 1  # where edits are not taken, of the appeal
        assert owed["create", "cancelled"] == 1  # and the goal update never gets there
        assert owed["create", "waiting"] == 4 - 1  # the closure note everywhere, less the cancelled Create


CLOSE_AND_DIE = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.actors.desks import group

left = int(sys.argv[2])

def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with group(sys.argv[1], create=False) as us:
        us.later(minutes=1)
        event.listen(Engine, "before_cursor_execute", count)
        await us.do("close")

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("statement", [20, 45])
async def test_f1_closing_killed_in_the_middle_has_not_begun_and_can_be_done(database_url: str, statement: int) -> None:
    async with group(database_url) as us:
        await prepared(us, opened=True)
        before = await everything(us.database)
        killed = await asyncio.create_subprocess_exec(sys.executable, "-c", CLOSE_AND_DIE, database_url, str(statement))
        assert await killed.wait() == -signal.SIGKILL
        assert await everything(us.database) == before
        await us.do("close")
        assert (await us.campaign()).campaign.state is State.CLOSED


@pytest.mark.slow
async def test_f1_retracting_is_all_or_nothing(database_url: str) -> None:
    async with group(database_url) as us:
        await prepared(us, opened=True)
        assert await all_or_nothing(us, lambda: us.do("retract")) > 25
        states = Counter(await us.states())
        assert states["delete", "waiting"] == 4
        assert states["create", "cancelled"] == 4
        assert states["create", "waiting"] == 0
