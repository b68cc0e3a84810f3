"""Our own actors at rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fediverse.store import local_actors, schema
from tests.fediverse.stores import FUND, NOW, ORIGIN, an_actor, key_of, opened


async def test_an_actor_is_found_by_its_id_and_by_its_handle_in_any_case(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        made = await an_actor(tx)
        assert await local_actors.by_id(tx, FUND) == made
        assert await local_actors.by_handle(tx, "Fund") == made
        assert await local_actors.by_id(tx, f"{ORIGIN}/actors/other") is None
        assert await local_actors.by_handle(tx, "other") is None


async def test_the_private_key_comes_back_and_is_not_readable_on_disk(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        key = await local_actors.signing_key(tx, FUND)
        assert (key.key_id, key.owner) == (f"{FUND}#main-key", FUND)
        assert key_of(FUND).public().verify(key.sign(b"said"), b"said")
        stored = await tx.value(select(schema.local_actors.c.sealed_private))
        assert b"PRIVATE KEY" not in stored


async def test_there_is_no_signing_key_of_a_stranger(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.read() as tx:
        with pytest.raises(LookupError):
            await local_actors.signing_key(tx, FUND)


async def test_a_handle_is_given_only_once(database_url: str) -> None:
    async with opened(database_url) as database:
        async with database.write() as tx:
            await an_actor(tx)
        with pytest.raises(IntegrityError):
            async with database.write() as tx:
                await an_actor(tx, f"{ORIGIN}/actors/other", "fund")


async def test_a_new_document_is_later_than_the_old_one_even_if_the_clock_stands_still(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        first = await an_actor(tx)
        second = await local_actors.replace_document(tx, first, {**first.document, "name": "Fund"}, NOW)
        assert await local_actors.by_id(tx, FUND) == second
        assert second.document["name"] == "Fund"
        assert first.updated < second.updated < NOW + timedelta(seconds=1)


async def test_the_instance_actor_is_not_among_the_announcing_ones(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        fund = await an_actor(tx)
        await local_actors.create(
            tx,
            actor_id=f"{ORIGIN}/actor",
            handle="instance.actor",
            kind=local_actors.APPLICATION,
            document={},
            key=key_of(FUND),
            now=NOW,
        )
        assert await local_actors.services(tx) == [fund]
