"""Who follows our actors, in a form that names nobody to a reader of the disk.

Found by keyed hashes of the actor id and of the Follow; in the clear are only the host and the inbox posts go to, where
that is a shared one. The rest is one sealed value. Counted, never listed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.engine import RowMapping

from fediverse.protocol.keys import PublicKey
from fediverse.protocol.origins import host_of
from fediverse.store import inboxes, schema
from fediverse.store.database import Transaction
from fediverse.store.schema import followers

FEW = 5  # servers with fewer followers are never named to others (product.md, rule 8)

_PURPOSE = "follower"


@dataclass(frozen=True, slots=True)
class Follower:
    """One follower of one of our actors, unsealed.

    `follow` is the Follow exactly as received: id, type, actor, object. `key` is the key it was signed with. `inbox`
    and `personal` are the keys of stored inboxes: where posts go, and where an answer to this person goes.
    """

    actor: str
    id: str
    follow: dict[str, Any]
    key: PublicKey
    inbox: str
    personal: str


async def add(
    tx: Transaction,
    *,
    actor: str,
    follow: dict[str, Any],
    personal: str,
    shared: str | None,
    key: PublicKey,
    now: datetime,
) -> Follower:
    """Store a follower, or the newer Follow of one we have. URLs are canonical; the follower is the owner of `key`."""
    if shared == personal:
        shared = None  # it would stand readable, and it names a person
    follower = Follower(
        actor=actor,
        id=key.owner,
        follow=follow,
        key=key,
        inbox=await inboxes.remember(tx, shared or personal, shared=shared is not None),
        personal=await inboxes.remember(tx, personal, shared=False),
    )
    sealed = {"follow": follow, "personal": personal, "key": {"id": key.key_id, "owner": key.owner, "pem": key.pem()}}
    values = {
        "follow": _follow_hash(tx, follower.id, follow["id"]),
        "host": host_of(follower.id),
        "inbox": follower.inbox,
        "personal": follower.personal,
        "sealed": tx.sealer.seal(_PURPOSE, json.dumps(sealed)),
    }
    statement = tx.insert(followers).values(actor=actor, follower=_hash(tx, follower.id), since=now, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["actor", "follower"], set_=values))
    return follower


async def find(tx: Transaction, actor: str, follower_id: str) -> Follower | None:
    """One follower of one of our actors, or None."""
    row = await tx.row(
        select(followers).where(followers.c.actor == actor, followers.c.follower == _hash(tx, follower_id))
    )
    return None if row is None else _read(tx, row)


async def find_by_follow(tx: Transaction, follower_id: str, follow_id: str) -> Sequence[Follower]:
    """What `follower_id` follows by this Follow: one of our actors, or none."""
    row_of = followers.c.follow == _follow_hash(tx, follower_id, follow_id)
    return [_read(tx, row) for row in await tx.rows(select(followers).where(row_of))]


async def find_everywhere(tx: Transaction, follower_id: str) -> Sequence[Follower]:
    """The same person as a follower of each of our actors it follows."""
    row_of = followers.c.follower == _hash(tx, follower_id)
    return [_read(tx, row) for row in await tx.rows(select(followers).where(row_of).order_by(followers.c.actor))]


async def is_follower(tx: Transaction, actor: str, follower_id: str) -> bool:
    """Whether `follower_id` follows this actor of ours."""
    return await find(tx, actor, follower_id) is not None


async def count(tx: Transaction, actor: str) -> int:
    """How many follow this actor of ours."""
    return int(await tx.value(select(func.count()).where(followers.c.actor == actor)) or 0)


async def has_many(tx: Transaction, host: str) -> bool:
    """Whether at least FEW people of this host follow actors of ours, so that the host alone points at nobody."""
    theirs = (
        select(followers.c.follower)
        .distinct()
        .join(schema.inboxes, schema.inboxes.c.key == followers.c.personal)
        .where(schema.inboxes.c.host == host)
        .limit(FEW)
    )
    return len(await tx.rows(theirs)) == FEW


async def remove(tx: Transaction, actor: str, follower_id: str) -> bool:
    """Forget a follower; False if there was none."""
    row_of = (followers.c.actor == actor, followers.c.follower == _hash(tx, follower_id))
    return (await tx.execute(delete(followers).where(*row_of))).rowcount > 0


async def behind(tx: Transaction, actor: str, personal: str) -> Sequence[Follower]:
    """Whose personal inbox this is, among the followers of one of our actors."""
    row_of = (followers.c.actor == actor, followers.c.personal == personal)
    return [_read(tx, row) for row in await tx.rows(select(followers).where(*row_of))]


async def anyone_behind(tx: Transaction, actor: str, inbox: str) -> bool:
    """Whether a follower of this actor is reached through the stored inbox of this key."""
    found = select(followers.c.actor).where(followers.c.actor == actor, _reached_by(inbox)).limit(1)
    return await tx.value(found) is not None


def _reached_by(inbox: str) -> ColumnElement[bool]:
    return or_(followers.c.inbox == inbox, followers.c.personal == inbox)


def _hash(tx: Transaction, follower_id: str) -> str:
    return tx.sealer.hash("follower", follower_id)


def _follow_hash(tx: Transaction, follower_id: str, follow_id: str) -> str:
    return tx.sealer.hash("follow", follower_id, follow_id)


def _read(tx: Transaction, row: RowMapping) -> Follower:
    sealed = json.loads(tx.sealer.unseal(_PURPOSE, row["sealed"]))
    key = PublicKey.from_pem(sealed["key"]["pem"], sealed["key"]["id"], sealed["key"]["owner"])
    return Follower(row["actor"], key.owner, sealed["follow"], key, row["inbox"], row["personal"])
