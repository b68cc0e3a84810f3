"""What an inbox does with an activity, personal or shared: authenticate, then act. One table.

    type                     concerns us when                     proven by                then
    Follow                   its object is an actor of ours       its key, fetched if new  follower stored, Accept owed
    Undo                     it embeds a Follow of one of ours    the same                 follower forgotten
    Undo (by id)             it names nothing else, as we know    the key it followed with follower forgotten
    Block                    its object is an actor of ours       its key, fetched if new  follower forgotten
    Delete (of its actor)    always                               the key it followed with follower forgotten everywhere
    everything else          never                                -                        nothing

What does not concern us is answered with 202 and changes nothing, and nothing is fetched for it: neither a key nor an
object (must-survive C5, E5). Its signature must be well formed and fresh. So the `Like` of a server we never met
(fediverse-pasture's `verify_actor` sends one) is answered 202 unverified. Accept and Reject belong to it since we never
follow; a Move too: the follower stays until its own Undo or Delete. A Follow of the instance actor is let lie: it says
nothing that could be followed.

No answer tells who follows us (product.md, rule 8). A forged Like, Delete or Undo is answered the same for a follower,
for somebody whose key we happen to have, and for a stranger, and neither sooner nor later. Where it depends on a
follower whether an activity concerns us, it is settled with the keys that are here, or after the answer.

There is no network inside a transaction: keys and documents first, then one short write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fediverse import following
from fediverse.exchange.doors import Knock, examine
from fediverse.exchange.keyring import Keyring
from fediverse.outbox import Act
from fediverse.protocol import documents, signatures, vocabulary
from fediverse.protocol.errors import Malformed, NotHere, Reason, Unauthenticated
from fediverse.protocol.keys import PublicKey
from fediverse.protocol.messages import Request
from fediverse.protocol.origins import host_of
from fediverse.protocol.signatures import Window
from fediverse.protocol.vocabulary import Block, Delete, Follow, Undo
from fediverse.store import followers, local_actors, seen, upkeep
from fediverse.store.database import Database, Transaction
from fediverse.store.followers import Follower
from fediverse.store.remote_actors import KnownKey

STEP = 0.05  # seconds; many times what an activity costs us that proves to be of nobody we know


@dataclass(frozen=True, slots=True)
class Reception:
    """What an inbox needs: our origin, the database, the keys of others, a clock, new ids (32 hex digits).

    202 leaves at a whole number of `step` seconds after the request was read.
    """

    origin: str
    database: Database
    keyring: Keyring
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    window: Window = signatures.DEFAULT
    step: float = STEP


async def receive(reception: Reception, request: Request) -> None:
    """Take in one POST; returning means 202. Raises a FederationError whose status is the answer."""
    now = reception.clock()
    knock = examine(request, origin=reception.origin, now=now, window=reception.window)
    handler = HANDLERS[type(knock.activity)]
    async with _in_step(reception.step):
        if await handler.concerns_us(reception, knock.activity):
            await handler.act(reception, knock, knock.activity, now)
        else:
            await _let_lie(reception, knock, knock.activity, now)


@contextlib.asynccontextmanager
async def _in_step(step: float) -> AsyncIterator[None]:
    """Ends at the next whole step: what was looked up on the way does not show in how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    yield
    if step:
        await asyncio.sleep(step - (loop.time() - began) % step)


async def _let_lie(reception: Reception, knock: Knock, _: vocabulary.Activity, now: datetime) -> None:
    """A bad signature is 401 only in the name of somebody for whom a bad one has been 401 lately: until then it would
    tell that we have their key, so that they followed or left within a day. Raises Unauthenticated(MISMATCH)."""
    known = await reception.keyring.cached(knock.presented.key_id, now)
    if known is None:
        return
    if _made_with(knock, known.key):
        async with reception.database.write() as tx:
            await upkeep.revive(tx, host_of(known.key.owner), now)
    elif known.refetched is not None:
        raise Unauthenticated(Reason.MISMATCH)


# --- who sent it ------------------------------------------------------------------------------------------------------


def _prove(knock: Knock, key: PublicKey) -> None:
    """Raises Unauthenticated unless the request was made with this key and the key speaks for the activity's actor."""
    verified = signatures.verify(knock.presented, knock.request, key)
    if verified.owner != knock.activity.actor:
        raise Unauthenticated(Reason.KEY_OWNER)


async def _authenticate(reception: Reception, knock: Knock, now: datetime) -> KnownKey:
    """The key of the actor, fetched if need be; asked for again once if the signature does not match it."""
    known = await reception.keyring.get(knock.presented.key_id, now)
    try:
        _prove(knock, known.key)
    except Unauthenticated as refusal:
        fresh = await reception.keyring.again(known, now) if refusal.reason is Reason.MISMATCH else None
        if fresh is None:
            raise
        _prove(knock, fresh.key)
        return fresh
    return known


# --- Follow -----------------------------------------------------------------------------------------------------------


async def _follows_one_of_ours(reception: Reception, activity: Follow) -> bool:
    async with reception.database.read() as tx:
        followed = await local_actors.by_id(tx, activity.object)
    if followed is None:
        raise NotHere("No such actor")
    return followed.kind == local_actors.SERVICE


async def _take_in(reception: Reception, knock: Knock, activity: Follow, now: datetime) -> None:
    if activity.id is None:
        raise Malformed("id: a Follow without one cannot be accepted")
    known = await _authenticate(reception, knock, now)
    follow = documents.follow(activity.id, activity.actor, activity.object)
    async with reception.database.write() as tx:
        await upkeep.revive(tx, host_of(activity.actor), now)
        if await seen.first_time(tx, activity.actor, activity.id, now):
            act = Act(activity.object, now, reception.new_id)
            await following.welcome(
                tx, act, follow=follow, personal=known.inbox, shared=known.shared_inbox, key=known.key
            )


# --- Undo, Block, Delete ----------------------------------------------------------------------------------------------


def _followed(activity: Undo) -> str | None:
    """Whom the undone Follow was of, where the Undo says so itself."""
    return None if activity.inner is None else activity.inner.object


async def _undoes_a_follow(reception: Reception, activity: Undo) -> bool:
    """By embedding: of an actor of ours. By id alone: perhaps, and whether it does is not to be seen from outside."""
    inner, followed = activity.inner, _followed(activity)
    if followed is None:
        return inner is None or inner.kind in (None, "Follow")
    if inner is None or inner.kind != "Follow":
        return False
    async with reception.database.read() as tx:
        return await _is_announcing(tx, followed)


async def _undo(reception: Reception, knock: Knock, activity: Undo, now: datetime) -> None:
    """By id alone it only concerns us if it names a Follow that we hold, and some servers make ids that can be guessed:
    so nothing shows of that, as with a Delete."""
    if _followed(activity) is None:
        async with reception.database.read() as tx:
            kept = await followers.find_by_follow(tx, activity.actor, activity.object_id or "")
        if await _is_made_by(reception, knock, kept, now):
            await _end_follow(reception, activity, now)
        elif kept:
            question = ("undo", activity.actor)
            reception.keyring.in_background(question, lambda: _undo_once_proven(reception, knock, activity, now))
    else:
        await _undo_once_proven(reception, knock, activity, now)


async def _undo_once_proven(reception: Reception, knock: Knock, activity: Undo, now: datetime) -> None:
    await _authenticate(reception, knock, now)
    await _end_follow(reception, activity, now)


async def _end_follow(reception: Reception, activity: Undo, now: datetime) -> None:
    async with reception.database.write() as tx:
        await upkeep.revive(tx, host_of(activity.actor), now)
        if activity.id is not None and not await seen.first_time(tx, activity.actor, activity.id, now):
            return
        for follower in await _undone(tx, activity):
            await following.part(tx, follower, now)


async def _undone(tx: Transaction, activity: Undo) -> Sequence[Follower]:
    """Whom an Undo concerns. One that names an earlier Follow, overtaken by a newer, concerns nobody any more."""
    named, followed = activity.object_id, _followed(activity)
    if followed is None:
        return await followers.find_by_follow(tx, activity.actor, named or "")
    follower = await followers.find(tx, followed, activity.actor)
    if follower is None:
        return []
    if named is not None and named != follower.follow["id"] and await seen.before(tx, activity.actor, named):
        return []
    return [follower]


async def _blocks_one_of_ours(reception: Reception, activity: Block) -> bool:
    async with reception.database.read() as tx:
        return await _is_announcing(tx, activity.object)


async def _block(reception: Reception, knock: Knock, activity: Block, now: datetime) -> None:
    await _authenticate(reception, knock, now)
    async with reception.database.write() as tx:
        await upkeep.revive(tx, host_of(activity.actor), now)
        if activity.id is not None and not await seen.first_time(tx, activity.actor, activity.id, now):
            return
        follower = await followers.find(tx, activity.object, activity.actor)
        if follower is not None:
            await following.part(tx, follower, now)


async def _deletes_its_actor(_: Reception, activity: Delete) -> bool:
    return activity.of_actor


async def _delete(reception: Reception, knock: Knock, activity: Delete, now: datetime) -> None:
    """The key document is gone with the actor: the key kept with the follower must do (mastodon-compat §4.3).

    If that one no longer matches, the actor's own server is asked once, afterwards: 404 or 410 is a confirmation too.
    The answer is 202 in any case, as it is for strangers: nobody learns from it who follows us.
    """
    actor = activity.actor
    async with reception.database.read() as tx:
        kept = await followers.find_everywhere(tx, actor)
    if await _is_made_by(reception, knock, kept, now):
        await _end(reception, actor, now)
    elif kept:
        reception.keyring.in_background(("gone", actor), lambda: _end_if_gone(reception, actor, now))


async def _end_if_gone(reception: Reception, actor: str, now: datetime) -> None:
    if await reception.keyring.is_gone(actor, now):
        await _end(reception, actor, now)


async def _end(reception: Reception, actor: str, now: datetime) -> None:
    async with reception.database.write() as tx:
        await upkeep.revive(tx, host_of(actor), now)
        for follower in await followers.find_everywhere(tx, actor):
            await following.part(tx, follower, now)


async def _is_made_by(reception: Reception, knock: Knock, kept: Sequence[Follower], now: datetime) -> bool:
    """Whether a request is of these followers (one person), by a key that is here: nobody is asked."""
    known = await reception.keyring.cached(knock.presented.key_id, now)
    keys = [follower.key for follower in kept] + ([known.key] if known is not None else [])
    return any(_made_with(knock, key) for key in keys)


def _made_with(knock: Knock, key: PublicKey) -> bool:
    try:
        _prove(knock, key)
    except Unauthenticated:
        return False
    return True


async def _is_announcing(tx: Transaction, actor_id: str) -> bool:
    actor = await local_actors.by_id(tx, actor_id)
    return actor is not None and actor.kind == local_actors.SERVICE


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handler:
    """When an activity concerns us (no network, nothing written), and what to do then, authenticating first."""

    concerns_us: Callable[[Reception, Any], Awaitable[bool]]
    act: Callable[[Reception, Knock, Any, datetime], Awaitable[None]]


async def _never(_: Reception, __: vocabulary.Activity) -> bool:
    return False


_LET_LIE = Handler(_never, _let_lie)

HANDLERS: dict[type[vocabulary.Activity], Handler] = {
    Follow: Handler(_follows_one_of_ours, _take_in),
    Undo: Handler(_undoes_a_follow, _undo),
    Block: Handler(_blocks_one_of_ours, _block),
    Delete: Handler(_deletes_its_actor, _delete),
    vocabulary.Accept: _LET_LIE,
    vocabulary.Reject: _LET_LIE,
    vocabulary.Update: _LET_LIE,
    vocabulary.Move: _LET_LIE,
    vocabulary.Like: _LET_LIE,
    vocabulary.Announce: _LET_LIE,
    vocabulary.Create: _LET_LIE,
    vocabulary.Flag: _LET_LIE,
    vocabulary.Unknown: _LET_LIE,
}
