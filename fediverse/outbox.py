"""What our actors say: each function stores what is said and owes it, in the transaction of the act. No network.

A Create is kept as an envelope: its note is read again at each attempt, so it always carries the newest form. The
bytes of every other activity are fixed here and never change under their id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, select, update

from fediverse.protocol import documents
from fediverse.protocol.origins import origin_of
from fediverse.protocol.retry import Priority
from fediverse.protocol.strict_json import dumps, loads_object
from fediverse.store import collections, objects, owe
from fediverse.store.database import Transaction
from fediverse.store.owe import Owed
from fediverse.store.queue import Post, spoke_otherwise_before
from fediverse.store.schema import activities, deliveries, inboxes, local_actors

ONCE_MORE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Act:
    """One act of one actor: who speaks, when, and where new ids (32 hex digits) come from."""

    actor: str
    now: datetime
    new_id: Callable[[], str]

    def activity_id(self) -> str:
        """A new id for an activity of this server."""
        return f"{origin_of(self.actor)}/activities/{self.new_id()}"


async def create(
    tx: Transaction,
    act: Act,
    note: dict[str, Any],
    *,
    priority: Priority,
    valid_until: datetime | None = None,
    leave_out: Iterable[str] = (),
) -> None:
    """Publish a new note to the followers. `valid_until` marks an open form: past it this form leaves no more.

    Hosts whose software is in `leave_out` get nothing: what they need instead is said by `create_instead`.
    """
    await objects.add(
        tx,
        object_id=note["id"],
        owner=act.actor,
        body=note,
        reply_to=note.get("inReplyTo"),
        valid_until=valid_until,
        now=act.now,
    )
    envelope: dict[str, Any] = documents.create(act.activity_id(), act.actor, note) | {"object": note["id"]}
    owed = Owed(envelope["id"], act.actor, "create", note["id"], 1, priority, act.now)
    await _say(tx, owed, envelope, listed=True)
    await owe.create(tx, owed, leave_out=leave_out)


async def create_instead(
    tx: Transaction, act: Act, note_id: str, *, priority: Priority, software: Iterable[str]
) -> None:
    """Publish a note already stored, in a Create of its own that answers nothing, to hosts of this software only.

    For hosts that were told to delete the note it answers: Misskey refuses a note whose `inReplyTo` cannot be
    resolved (mastodon-compat §1.7).
    """
    note = await objects.current(tx, note_id)
    if note is None or note.body is None:
        raise LookupError("only a note that stands can be created elsewhere")
    envelope: dict[str, Any] = documents.create(act.activity_id(), act.actor, note.body) | {"object": note_id}
    owed = Owed(envelope["id"], act.actor, "create", note_id, note.version, priority, act.now)
    await _say(tx, owed, envelope, form="instead")
    await owe.create(tx, owed, only=software)


async def change(
    tx: Transaction,
    act: Act,
    note: dict[str, Any],
    *,
    priority: Priority,
    valid_until: datetime | None = None,
    leave_out: Iterable[str] = (),
) -> None:
    """Replace a note by its next form, everywhere it may be. Sets `updated`, always later than the one before."""
    before = await objects.current(tx, note["id"])
    if before is None or before.deleted is not None:
        raise LookupError("only a note that stands can be changed")
    updated = objects.after(before.updated, act.now)
    note = {**note, "updated": documents.timestamp(updated)}
    version = await objects.replace(tx, before, body=note, valid_until=valid_until, updated=updated)
    body: dict[str, Any] = documents.update(act.activity_id(), act.actor, note)
    owed = Owed(body["id"], act.actor, "update", note["id"], version, priority, act.now)
    await _say(tx, owed, documents.contextual(body), valid_until=valid_until)
    await owe.change(tx, owed, leave_out=leave_out)


async def retract(tx: Transaction, act: Act, note_id: str, *, priority: Priority = Priority.RETRACT) -> None:
    """Delete a note everywhere it may be: its text leaves our tables, its id answers 410 for ever."""
    before = await objects.current(tx, note_id)
    if before is None or before.deleted is not None:
        return
    await _delete(tx, act, before, priority, software=None)
    await objects.bury(tx, note_id, act.now)
    await _forget(tx, activities.c.object == note_id, activities.c.kind == "update")
    await collections.unpin(tx, act.actor, note_id)


async def delete_at(tx: Transaction, act: Act, note_id: str, *, priority: Priority, software: Iterable[str]) -> None:
    """Delete a note at hosts that do not take edits, and only there: for everyone else its id stays alive."""
    before = await objects.current(tx, note_id)
    if before is not None and before.deleted is None:
        await _delete(tx, act, before, priority, software=tuple(software))


async def pin(tx: Transaction, act: Act, note_id: str, *, position: int, priority: Priority) -> None:
    """Put a note among the featured ones, and tell followers."""
    await collections.pin(tx, act.actor, note_id, position)
    await _pinning(tx, act, "add", note_id, priority)


async def unpin(tx: Transaction, act: Act, note_id: str, *, priority: Priority) -> None:
    """Take a note out of the featured ones, and tell followers."""
    await collections.unpin(tx, act.actor, note_id)
    await _pinning(tx, act, "remove", note_id, priority)


async def profile(tx: Transaction, act: Act) -> None:
    """Tell followers that the actor document has changed: the stored one, whole."""
    stored = await tx.value(select(local_actors.c.document).where(local_actors.c.id == act.actor))
    body: dict[str, Any] = documents.update(act.activity_id(), act.actor, loads_object(stored.encode()))
    owed = Owed(body["id"], act.actor, "profile", act.actor, None, Priority.PROFILE, act.now)
    await _say(tx, owed, documents.contextual(body))
    await owe.profile(tx, owed)
    await _forget(tx, activities.c.object == act.actor, activities.c.kind == "profile", activities.c.id != body["id"])


async def respond(
    tx: Transaction, act: Act, answer: Literal["accept", "reject"], *, follow: dict[str, Any], inbox: str
) -> None:
    """Accept or reject a Follow, exactly as it was received, at the follower's personal inbox (its key)."""
    build = documents.accept if answer == "accept" else documents.reject
    body: dict[str, Any] = build(act.activity_id(), act.actor, follow)
    owed = Owed(body["id"], act.actor, answer, None, None, Priority.ANSWER, act.now)
    await _say(tx, owed, documents.contextual(body), sealed=True)
    host = await tx.value(select(inboxes.c.host).where(inboxes.c.key == inbox))
    await owe.one(tx, owed, inbox=inbox, host=host)


async def say_once_more(tx: Transaction, post: Post, *, now: datetime, new_id: Callable[[], str]) -> None:
    """Owe the last word again if an older version may still arrive after it.

    Some servers apply whatever comes last (peers: GoToSocial and snac), so after an attempt whose outcome was never
    known, the newest Update or the Delete is said under a new id, ten minutes later. A post that was overtaken while it
    was in flight is not the last word any more. An open form keeps its end.
    """
    if post.kind not in {"update", "delete"} or post.again or not await spoke_otherwise_before(tx, post):
        return
    if await tx.value(select(deliveries.c.state).where(deliveries.c.seq == post.seq)) != "delivered":
        return
    ends = await tx.value(select(activities.c.valid_until).where(activities.c.id == post.activity))
    act = Act(post.sender, now, new_id)
    body: dict[str, Any] = {**loads_object(post.body), "id": act.activity_id()}
    owed = Owed(body["id"], post.sender, post.kind, post.object, post.version, post.priority, now)
    await _say(tx, owed, body, valid_until=ends)
    await owe.one(tx, owed, inbox=post.inbox, host=post.lease.host, again_at=now + ONCE_MORE_AFTER)


async def _delete(
    tx: Transaction, act: Act, note: objects.StoredObject, priority: Priority, software: tuple[str, ...] | None
) -> None:
    body: dict[str, Any] = documents.delete(act.activity_id(), act.actor, note.id)
    owed = Owed(body["id"], act.actor, "delete", note.id, note.version + 1, priority, act.now)
    await _say(tx, owed, documents.contextual(body))
    await owe.erase(tx, owed, software=software)


async def _pinning(tx: Transaction, act: Act, kind: Literal["add", "remove"], note_id: str, priority: Priority) -> None:
    build = documents.add if kind == "add" else documents.remove
    body: dict[str, Any] = build(act.activity_id(), act.actor, note_id, documents.featured_of(act.actor))
    owed = Owed(body["id"], act.actor, kind, note_id, None, priority, act.now)
    await _say(tx, owed, documents.contextual(body))
    await owe.pinning(tx, owed)


async def _say(
    tx: Transaction,
    owed: Owed,
    body: dict[str, Any],
    *,
    form: str | None = None,
    valid_until: datetime | None = None,
    listed: bool = False,
    sealed: bool = False,
) -> None:
    text = dumps(body).decode()
    await tx.execute(
        activities.insert().values(
            id=owed.activity,
            actor=owed.sender,
            kind=form or owed.kind,
            object=owed.object,
            version=owed.version,
            body=None if sealed else text,
            sealed_body=tx.sealer.seal("activity", text) if sealed else None,
            valid_until=valid_until,
            published=owed.now,
            listed=listed,
        )
    )


async def _forget(tx: Transaction, *which: ColumnElement[bool]) -> None:
    """Erase what was said and will not be said again: it may hold what has been retracted since."""
    await tx.execute(update(activities).where(*which).values(body=None))
