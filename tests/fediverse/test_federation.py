"""Who we are: the instance actor, our keys, and what is forgotten in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from fediverse.exchange.client import Client
from fediverse.federation import Federation, Urls
from fediverse.protocol.nodeinfo import About
from fediverse.store import local_actors, remote_actors, seen
from fediverse.store.database import Database
from fediverse.store.schema import local_actors as table
from tests.fediverse.stores import ALICE, NOW, ORIGIN, an_actor, key_of, opened


def federation(database: Database, **changed: Any) -> Federation:
    settings: dict[str, Any] = {
        "origin": ORIGIN,
        "handle_domain": "handles.example",
        "database": database,
        "client": Client(user_agent="test"),
        "clock": lambda: NOW,
        "new_id": lambda: "0" * 32,
        "random": lambda: 0.5,
        "about": About(name="Fund", description="A test"),
        "version": "0.1.0",
    }
    return Federation(**{**settings, **changed})


async def test_the_instance_actor_is_made_once_even_by_processes_that_start_together(database_url: str) -> None:
    async with opened(database_url) as database:
        several = [federation(database) for _ in range(4)]
        await asyncio.gather(*(it.__aenter__() for it in several))
        keys = [await it.instance_key() for it in several]
        assert len({key.public_pem() for key in keys}) == 1
        async with database.read() as tx:
            assert await tx.value(select(func.count()).select_from(table)) == 1
            actor = await local_actors.by_id(tx, f"{ORIGIN}/actor")
        assert actor is not None
        assert (actor.kind, actor.document["type"]) == ("Application", "Application")
        assert actor.document["webfinger"] == "instance.actor@handles.example"
        assert actor.public_pem == keys[0].public_pem()
        await asyncio.gather(*(it.__aexit__() for it in several))


async def test_a_key_is_read_once_and_kept(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, federation(database) as us:
        async with database.write() as tx:
            fund = await an_actor(tx)
        assert await us.key(fund.id) is await us.key(fund.id)
        with pytest.raises(LookupError):
            await us.key(f"{ORIGIN}/actors/none")


async def test_what_has_no_more_use_is_forgotten(database_url: str) -> None:
    async with opened(database_url) as database, federation(database) as us:
        async with database.write() as tx:
            await seen.first_time(tx, ALICE, "old", NOW - timedelta(days=31))
            await seen.first_time(tx, ALICE, "new", NOW)
            await remote_actors.keep_missing(tx, "old", NOW - timedelta(days=2), transient=True)
            await remote_actors.keep(
                tx, remote_actors.KnownKey(key_of(ALICE).public(), f"{ALICE}/inbox", None, fetched=NOW)
            )
        await us.tidy()
        async with database.read() as tx:
            assert [await seen.before(tx, ALICE, it) for it in ("old", "new")] == [False, True]
            assert await remote_actors.look_up(tx, f"{ALICE}#main-key", NOW) is not None


def test_everything_of_ours_lives_under_the_origin() -> None:
    urls = Urls("https://fund.example:8443")
    assert urls.host == "fund.example:8443"
    assert urls.instance_actor == "https://fund.example:8443/actor"
    assert urls.shared_inbox == "https://fund.example:8443/inbox"
    assert urls.actor("1") == "https://fund.example:8443/actors/1"
    assert urls.note("1") == "https://fund.example:8443/notes/1"
    assert urls.profile("fund") == "https://fund.example:8443/@fund"
