"""The actors of this server: their documents as served, and their keys, the private half sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.engine import RowMapping

from fediverse.protocol.keys import KeyPair
from fediverse.protocol.strict_json import dumps, loads_object
from fediverse.store.database import Transaction
from fediverse.store.objects import after
from fediverse.store.schema import local_actors

SERVICE: Final = "Service"
APPLICATION: Final = "Application"  # the instance actor and nobody else

_PURPOSE = "actor key"
_READABLE = (
    local_actors.c.id,
    local_actors.c.handle,
    local_actors.c.kind,
    local_actors.c.document,
    local_actors.c.public_pem,
    local_actors.c.published,
    local_actors.c.updated,
)


@dataclass(frozen=True, slots=True)
class LocalActor:
    """One of our actors, without its private key (see `signing_key`). `document` is the JSON as served now."""

    id: str
    handle: str
    kind: str
    document: dict[str, Any]
    public_pem: str
    published: datetime
    updated: datetime


def key_id_of(actor_id: str) -> str:
    """The one form of key id that works everywhere (mastodon-compat §1.4)."""
    return f"{actor_id}#main-key"


async def create(
    tx: Transaction, *, actor_id: str, handle: str, kind: str, document: dict[str, Any], key: KeyPair, now: datetime
) -> LocalActor:
    """Store a new actor with its key. The database refuses an id or a handle that is already taken."""
    actor = LocalActor(actor_id, handle, kind, document, key.public_pem(), now, now)
    await tx.execute(local_actors.insert().values(**_row(tx, actor, key)))
    return actor


async def create_once(
    tx: Transaction, *, actor_id: str, handle: str, kind: str, document: dict[str, Any], key: KeyPair, now: datetime
) -> None:
    """Store an actor unless it is there: for several processes that start at once."""
    actor = LocalActor(actor_id, handle, kind, document, key.public_pem(), now, now)
    await tx.execute(tx.insert(local_actors).values(**_row(tx, actor, key)).on_conflict_do_nothing())


async def by_id(tx: Transaction, actor_id: str) -> LocalActor | None:
    """The actor of this id, or None."""
    row = await tx.row(select(*_READABLE).where(local_actors.c.id == actor_id))
    return None if row is None else _read(row)


async def by_handle(tx: Transaction, handle: str) -> LocalActor | None:
    """The actor of this handle, case ignored (mastodon-compat §6.1), or None. Handles are stored in lower case."""
    row = await tx.row(select(*_READABLE).where(local_actors.c.handle == handle.lower()))
    return None if row is None else _read(row)


async def services(tx: Transaction) -> Sequence[LocalActor]:
    """Every announcing actor, by handle; without the instance actor."""
    rows = await tx.rows(select(*_READABLE).where(local_actors.c.kind == SERVICE).order_by(local_actors.c.handle))
    return [_read(row) for row in rows]


async def replace_document(tx: Transaction, actor: LocalActor, document: dict[str, Any], now: datetime) -> LocalActor:
    """Serve another document from now on; `updated` grows even if the clock stands still."""
    updated = after(actor.updated, now)
    await tx.execute(
        update(local_actors)
        .where(local_actors.c.id == actor.id)
        .values(document=dumps(document).decode(), updated=updated)
    )
    return LocalActor(actor.id, actor.handle, actor.kind, document, actor.public_pem, actor.published, updated)


async def signing_key(tx: Transaction, actor_id: str) -> KeyPair:
    """The key pair of one of our actors. Reading it is dear (see KeyPair): `Federation.key` keeps it."""
    sealed = await tx.value(select(local_actors.c.sealed_private).where(local_actors.c.id == actor_id))
    if sealed is None:
        raise LookupError("no such actor")
    return KeyPair.from_pem(tx.sealer.unseal(_PURPOSE, sealed), key_id_of(actor_id), actor_id)


def _row(tx: Transaction, actor: LocalActor, key: KeyPair) -> dict[str, Any]:
    return {
        "id": actor.id,
        "handle": actor.handle,
        "kind": actor.kind,
        "document": dumps(actor.document).decode(),
        "public_pem": actor.public_pem,
        "sealed_private": tx.sealer.seal(_PURPOSE, key.private_pem()),
        "published": actor.published,
        "updated": actor.updated,
    }


def _read(row: RowMapping) -> LocalActor:
    return LocalActor(**{**row, "document": loads_object(row["document"].encode())})
