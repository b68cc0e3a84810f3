"""Deduplication: what was received already, by whom."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from fediverse.store import schema, seen
from tests.fediverse.stores import ALICE, NOW, opened

FOLLOW = f"{ALICE}#follows/1"


async def test_a7_an_activity_is_new_only_once_even_after_a_restart(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        assert await seen.first_time(tx, ALICE, FOLLOW, NOW)
        assert not await seen.first_time(tx, ALICE, FOLLOW, NOW)
    async with opened(database_url, create=False) as database, database.write() as tx:
        assert await seen.before(tx, ALICE, FOLLOW)
        assert not await seen.first_time(tx, ALICE, FOLLOW, NOW + timedelta(hours=1))


async def test_b10_a_stranger_who_names_an_id_first_does_not_block_its_owner(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        assert await seen.first_time(tx, "https://evil.example/users/mallory", FOLLOW, NOW)
        assert not await seen.before(tx, ALICE, FOLLOW)
        assert await seen.first_time(tx, ALICE, FOLLOW, NOW)


async def test_what_is_older_than_thirty_days_is_forgotten(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await seen.first_time(tx, ALICE, "https://peer.example/1", NOW - timedelta(days=31))
        await seen.first_time(tx, ALICE, "https://peer.example/2", NOW - timedelta(days=29))
        assert await seen.prune(tx, NOW) == 1
        assert not await seen.before(tx, ALICE, "https://peer.example/1")
        assert await seen.before(tx, ALICE, "https://peer.example/2")


async def test_only_hashes_are_stored(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.write() as tx:
        await seen.first_time(tx, ALICE, FOLLOW, NOW)
        rows = await tx.rows(select(schema.seen))
        assert [len(row["key"]) for row in rows] == [64]
        assert await tx.value(select(func.count()).select_from(schema.seen)) == 1
