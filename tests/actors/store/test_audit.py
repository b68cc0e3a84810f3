"""The audit log: a chain per actor in which nothing can be changed unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, update

from actors.store import audit
from actors.store.schema import audit as table
from tests.actors.desks import Group, group
from tests.fediverse.store.building import ACTOR


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        for number in range(5):
            await write(found, detail={"number": number, "reason": "goal_met"})
        yield found


async def write(us: Group, **more: object) -> None:
    async with us.database.write() as tx:
        await audit.write(tx, ACTOR, "close", now=us.now, organiser="o" * 32, campaign="roads", **more)  # type: ignore[arg-type]


async def broken(us: Group) -> int | None:
    async with us.database.read() as tx:
        return await audit.first_broken(tx, ACTOR)


async def test_every_row_names_the_one_before_it(us: Group) -> None:
    async with us.database.read() as tx:
        rows = await audit.entries(tx, ACTOR)
    assert [row.number for row in rows] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [row.previous for row in rows] == [*(row.hash for row in rows[1:]), audit.BEGINNING]
    assert (rows[0].detail, rows[0].at) == ({"number": 4, "reason": "goal_met"}, us.now)
    assert await broken(us) is None


async def test_the_log_is_read_page_by_page(us: Group) -> None:
    async with us.database.read() as tx:
        first = await audit.entries(tx, ACTOR, limit=3)
        second = await audit.entries(tx, ACTOR, limit=3, before=first[-1].number)
    assert [row.number for row in (*first, *second)] == [8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    "change",
    [
        {"act": "open"},
        {"organiser": "p" * 32},
        {"campaign": "walls"},
        {"detail": "{}"},
        {"at": None},
        {"hash": "0" * 64},
        {"number": 50},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_row_that_was_altered_is_named(us: Group, change: dict[str, object]) -> None:
    values = {"at": us.now.replace(hour=1)} if "at" in change else change
    async with us.database.write() as tx:
        await tx.execute(update(table).where(table.c.number == 6).values(**values))
    assert await broken(us) == 6


async def test_a_row_that_was_taken_out_is_named(us: Group) -> None:
    async with us.database.write() as tx:
        await tx.execute(delete(table).where(table.c.number == 4))
    assert await broken(us) == 4


async def test_acts_at_the_same_time_make_one_chain(us: Group) -> None:
    await asyncio.gather(*(write(us, detail={"at once": number}) for number in range(6)))
    assert await broken(us) is None
    async with us.database.read() as tx:
        assert len(await audit.entries(tx, ACTOR)) == 14
