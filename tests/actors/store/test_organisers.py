"""Organisers as stored: hashes of tokens and no more."""

from __future__ import annotations

import hashlib

from sqlalchemy import select

from actors.store import organisers
from actors.store.organisers import Organiser, Role
from actors.store.schema import organisers as table
from tests.actors.desks import group
from tests.fediverse.store.building import ACTOR


async def test_an_organiser_comes_back_and_the_token_does_not(database_url: str) -> None:
    async with group(database_url) as us, us.database.write() as tx:
        someone = Organiser("o" * 32, ACTOR, "day shift", Role.READER, us.now)
        await organisers.add(tx, someone, "secret")
        assert [each.label for each in await organisers.of_actor(tx, ACTOR)] == ["night shift", "day shift"]
        row = await tx.row(select(table).where(table.c.id == someone.id))
        assert row is not None
        assert row["token"] == hashlib.sha256(b"secret").hexdigest()
        assert await organisers.authenticate(tx, "secret") == someone


async def test_a_token_is_revoked_once_and_by_its_own_actor_only(database_url: str) -> None:
    async with group(database_url) as us, us.database.write() as tx:
        someone = Organiser("o" * 32, ACTOR, "day shift", Role.ORGANISER, us.now)
        await organisers.add(tx, someone, "secret")
        assert not await organisers.revoke(tx, f"{ACTOR}x", someone.id, us.now)
        assert await organisers.authenticate(tx, "secret") == someone
        assert await organisers.revoke(tx, ACTOR, someone.id, us.now)
        assert not await organisers.revoke(tx, ACTOR, someone.id, us.now)
        assert await organisers.authenticate(tx, "secret") is None
