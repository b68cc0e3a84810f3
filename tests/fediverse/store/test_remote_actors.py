"""The cache of other people's keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from fediverse.store import remote_actors, schema
from fediverse.store.remote_actors import KnownKey, MissingKey
from tests.fediverse.stores import ALICE, NOW, key_of, opened

KEY = f"{ALICE}#main-key"


def known() -> KnownKey:
    return KnownKey(key_of(ALICE).public(), f"{ALICE}/inbox", "https://peer.example/inbox", NOW)


async def test_a_key_comes_back_as_it_was_kept(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        assert await remote_actors.look_up(tx, KEY, NOW) is None
        await remote_actors.keep(tx, replace(known(), refetched=NOW - timedelta(minutes=1)))
        found = await remote_actors.look_up(tx, KEY, NOW)
        assert isinstance(found, KnownKey)
        assert (found.key.key_id, found.key.owner, found.key.pem()) == (KEY, ALICE, key_of(ALICE).public_pem())
        assert (found.inbox, found.shared_inbox) == (f"{ALICE}/inbox", "https://peer.example/inbox")
        assert (found.fetched, found.refetched) == (NOW, NOW - timedelta(minutes=1))


async def test_a_key_is_good_for_a_day(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await remote_actors.keep(tx, known())
        assert isinstance(await remote_actors.look_up(tx, KEY, NOW + timedelta(hours=23)), KnownKey)
        assert await remote_actors.look_up(tx, KEY, NOW + timedelta(hours=24)) is None


@pytest.mark.parametrize("transient", [True, False])
async def test_a9_a_key_that_could_not_be_had_is_missing_for_ten_minutes(database_url: str, transient: bool) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await remote_actors.keep_missing(tx, KEY, NOW, transient=transient)
        found = await remote_actors.look_up(tx, KEY, NOW + timedelta(minutes=9))
        assert found == MissingKey(transient, NOW + timedelta(minutes=10))
        assert await remote_actors.look_up(tx, KEY, NOW + timedelta(minutes=10)) is None


async def test_a_key_that_is_had_again_replaces_its_absence(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await remote_actors.keep_missing(tx, KEY, NOW, transient=True)
        await remote_actors.keep(tx, known())
        assert isinstance(await remote_actors.look_up(tx, KEY, NOW), KnownKey)


async def test_a_clock_that_went_back_makes_nothing_last_longer(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.write() as tx:
        await remote_actors.keep(tx, known())
        assert await remote_actors.look_up(tx, KEY, NOW - timedelta(hours=1)) is None


async def test_neither_the_key_nor_its_owner_is_readable_on_disk(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.write() as tx:
        await remote_actors.keep(tx, known())
        row = await tx.row(select(schema.remote_keys))
        assert row is not None
        assert b"alice" not in row["sealed"]
        assert b"PUBLIC KEY" not in row["sealed"]
        assert "alice" not in row["key"]


async def test_old_keys_and_the_oldest_beyond_the_cap_are_forgotten(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        for number in range(6):
            moment = NOW - timedelta(hours=number * 6)  # the last is 30 hours old
            await remote_actors.keep_missing(tx, f"{KEY}{number}", moment, transient=False)
        assert await remote_actors.prune(tx, NOW, max_rows=3) == 3
        kept = [row["fetched"] for row in await tx.rows(select(schema.remote_keys.c.fetched))]
        assert sorted(kept) == [NOW - timedelta(hours=12), NOW - timedelta(hours=6), NOW]
        assert await tx.value(select(func.count()).select_from(schema.remote_keys)) == 3


async def test_a_flood_of_keys_is_forgotten_down_to_the_cap_at_once(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        for number in range(7):
            await remote_actors.keep_missing(tx, f"{KEY}{number}", NOW - timedelta(minutes=number), transient=False)
        assert await remote_actors.prune(tx, NOW, max_rows=2) == 5
        assert await remote_actors.prune(tx, NOW, max_rows=2) == 0
        assert await tx.value(select(func.count()).select_from(schema.remote_keys)) == 2
