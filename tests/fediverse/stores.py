"""An open database with our tables, for tests: `async with opened(url) as database`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import select

from fediverse.protocol.keys import KeyPair
from fediverse.store import inboxes, local_actors
from fediverse.store.database import Database, Transaction
from fediverse.store.local_actors import LocalActor
from fediverse.store.schema import inboxes as inbox_table
from fediverse.store.schema import metadata
from fediverse.store.sealed import Sealer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORIGIN = "https://fund.example"
FUND = f"{ORIGIN}/actors/fund"
ALICE = "https://peer.example/users/alice"


@contextlib.asynccontextmanager
async def opened(url: str, *, create: bool = True) -> AsyncIterator[Database]:
    """`create=False` for a database that has its tables: the same one, after a restart."""
    async with Database(url, Sealer(b"s" * 32)) as database:
        if create:
            async with database.engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
        yield database


def key_of(actor_id: str) -> KeyPair:
    """A key pair of this actor; the same for the whole run and for every port, since making one is dear."""
    return KeyPair(f"{actor_id}#main-key", actor_id, _private(actor_id.rpartition("/")[2]))


@cache
def _private(whose: str) -> rsa.RSAPrivateKey:
    return KeyPair.generate(whose, whose).private


async def an_actor(tx: Transaction, actor_id: str = FUND, handle: str = "fund") -> LocalActor:
    """A stored announcing actor of ours."""
    return await local_actors.create(
        tx,
        actor_id=actor_id,
        handle=handle,
        kind=local_actors.SERVICE,
        document={"id": actor_id, "type": "Service", "preferredUsername": handle},
        key=key_of(actor_id),
        now=NOW,
    )


async def inbox_url(tx: Transaction, key: str) -> str:
    """Where a stored inbox lies."""
    row = await tx.row(select(inbox_table).where(inbox_table.c.key == key))
    assert row is not None
    return inboxes.url_in(tx, row)
