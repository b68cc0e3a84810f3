"""Who follows whom: the acts by which a follower comes and goes. No network; the caller's transaction.

Follow              welcome   stored, an Accept is owed to the personal inbox
Undo, Block, Delete part      forgotten, nothing is said
by our own wish     expel     forgotten, a Reject is owed to the personal inbox
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fediverse import outbox
from fediverse.outbox import Act
from fediverse.protocol.keys import PublicKey
from fediverse.store import followers, upkeep
from fediverse.store.database import Transaction
from fediverse.store.followers import Follower


async def welcome(
    tx: Transaction, act: Act, *, follow: dict[str, Any], personal: str, shared: str | None, key: PublicKey
) -> None:
    """Take in the owner of `key` as a follower of `act.actor`, and owe the Accept.

    `follow` is `{id, type, actor, object}` as received: Mastodon matches an Accept by exactly these (mastodon-compat
    §4.4). A Follow under a new id is accepted again: the other server may have lost the first answer.
    """
    before = await followers.find(tx, act.actor, key.owner)
    follower = await followers.add(
        tx, actor=act.actor, follow=follow, personal=personal, shared=shared, key=key, now=act.now
    )
    if before is not None:
        await _drop_unused(tx, before, act.now)
    await outbox.respond(tx, act, "accept", follow=follow, inbox=follower.personal)


async def part(tx: Transaction, follower: Follower, now: datetime) -> None:
    """Forget a follower who left; what never left for an inbox that only they had stays here."""
    await followers.remove(tx, follower.actor, follower.id)
    await _drop_unused(tx, follower, now)


async def expel(tx: Transaction, act: Act, follower_id: str) -> bool:
    """Remove a follower of `act.actor` by our own wish; False if `follower_id` (an actor id) follows us not.

    A Reject after an Accept is the way to do so (mastodon-compat §4.4).
    """
    follower = await followers.find(tx, act.actor, follower_id)
    if follower is None:
        return False
    await part(tx, follower, act.now)
    await outbox.respond(tx, act, "reject", follow=follower.follow, inbox=follower.personal)
    return True


async def _drop_unused(tx: Transaction, follower: Follower, now: datetime) -> None:
    for inbox in {follower.inbox, follower.personal}:
        if not await followers.anyone_behind(tx, follower.actor, inbox):
            await upkeep.drop_inbox(tx, follower.actor, inbox, now)
