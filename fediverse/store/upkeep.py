"""The slow things of the ledger: what was stranded, parked, or owed to an inbox that is no more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, case, func, literal, literal_column, or_, select, update

from fediverse.protocol.retry import Priority
from fediverse.store.database import Moment, Transaction, greatest
from fediverse.store.queue import Post, open_at
from fediverse.store.reach import is_open
from fediverse.store.schema import deliveries, followers, hosts, inboxes


async def sweep(tx: Transaction, *, now: datetime) -> int:
    """Make any host due that has open deliveries and no due time; the number found. It should find none."""
    urgency = select(func.min(deliveries.c.priority)).where(open_at(hosts.c.name)).scalar_subquery()
    stranded = select(deliveries.c.host).where(is_open())
    result = await tx.execute(
        update(hosts).where(hosts.c.due.is_(None), hosts.c.name.in_(stranded)).values(due=now, urgency=urgency)
    )
    return result.rowcount


async def revive(tx: Transaction, host: str, now: datetime) -> None:
    """A signed request came from this host: it is alive. What was parked is tried again, a back-off ends.

    So is what would be parked at the next look, its time having run out while the host was at rest.
    """
    parked = and_(deliveries.c.host == host, deliveries.c.state == literal_column("'parked'"))
    row = await tx.row(select(hosts.c.failures).where(hosts.c.name == host))
    if row is None or (not row["failures"] and await tx.value(select(deliveries.c.seq).where(parked).limit(1)) is None):
        return
    await tx.lock(select(hosts.c.name).where(hosts.c.name == host))
    overdue = and_(open_at(host), deliveries.c.state == "waiting", deliveries.c.deadline <= now)
    for asleep in (parked, overdue):
        await tx.execute(
            update(deliveries)
            .where(asleep)
            .values(state="waiting", settled=None, not_before=now, deadline=_keeps_trying_from(now))
        )
    urgency = select(func.min(deliveries.c.priority)).where(open_at(host)).scalar_subquery()
    at = greatest(literal(now, Moment), func.coalesce(hosts.c.retry_after, literal(now, Moment)))
    await tx.execute(
        update(hosts)
        .where(hosts.c.name == host)
        .values(
            failures=0,
            failed=None,
            resting_until=None,
            due=case((urgency.is_(None), None), else_=at),
            urgency=func.coalesce(urgency, hosts.c.urgency),
        )
    )
    tx.wake()


def _keeps_trying_from(now: datetime) -> ColumnElement[Any]:
    safety = deliveries.c.priority.in_([int(each) for each in Priority if each.is_safety])
    return case(
        (safety, literal(now + Priority.CLOSE.keeps_trying, Moment)),
        else_=literal(now + Priority.APPEAL.keeps_trying, Moment),
    )


async def drop_inbox(tx: Transaction, sender: str, inbox: str, now: datetime) -> None:
    """No follower of `sender` is left behind this inbox: what never left for it stays here."""
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.sender == sender,
            deliveries.c.host == select(inboxes.c.host).where(inboxes.c.key == inbox).scalar_subquery(),
            deliveries.c.inbox == inbox,
            deliveries.c.state.in_(("waiting", "parked")),
            deliveries.c.attempts == 0,
            deliveries.c.kind.in_(("create", "add", "remove", "profile")),
        )
        .values(state="cancelled", settled=now)
    )


async def try_personal(tx: Transaction, post: Post, now: datetime) -> None:
    """A shared inbox is no more: all that is open there goes to the personal inboxes of the followers behind it.

    What is owed to hosts that hold a note, and has no follower behind it, stays. The host's row must be held.
    """
    behind = followers.c.inbox == post.inbox
    followed = deliveries.c.sender.in_(select(followers.c.actor).where(behind))
    here = and_(open_at(post.lease.host), deliveries.c.inbox == post.inbox, followed)
    copies = _copies(post, here, followers.c.personal, now).join(
        followers, and_(behind, followers.c.actor == deliveries.c.sender)
    )
    await _move(tx, copies, here, "no shared inbox", now)
    await tx.execute(update(followers).where(behind).values(inbox=followers.c.personal))


async def redirect(tx: Transaction, post: Post, *, to: str, now: datetime) -> None:
    """A follower has another inbox now: this delivery and all that is open at the old one goes there instead.

    Unless an act took this delivery back while it was in flight. The answer that led here goes along: an actor is asked
    once, so that one who names ever new inboxes does not keep us running.
    """
    here = and_(
        deliveries.c.host == post.lease.host,
        deliveries.c.inbox == post.inbox,
        deliveries.c.sender == post.sender,
        or_(is_open(), and_(deliveries.c.seq == post.seq, deliveries.c.state == "gone")),
    )
    await _move(tx, _copies(post, here, literal(to), now, deliveries.c.status), here, "moved", now)


def _copies(
    post: Post,
    here: ColumnElement[bool],
    inbox: ColumnElement[str],
    now: datetime,
    status: ColumnElement[int | None] | None = None,
) -> Select[Any]:
    """The deliveries `here` as they are owed at another inbox of the host, in their order and never attempted."""
    kept = (deliveries.c[name] for name in _KEPT)
    last = literal(None, Integer) if status is None else status
    at = case((deliveries.c.seq == post.seq, literal(now, Moment)), else_=deliveries.c.not_before)
    return select(*kept, inbox, literal(0), literal("waiting"), last, at).where(here).order_by(deliveries.c.seq)


async def _move(tx: Transaction, copies: Select[Any], here: ColumnElement[bool], reason: str, now: datetime) -> None:
    names = [*_KEPT, "inbox", "attempts", "state", "status", "not_before"]
    await tx.execute(tx.insert(deliveries).from_select(names, copies).on_conflict_do_nothing())
    await tx.execute(update(deliveries).where(here).values(state="gone", settled=now, reason=reason))


_KEPT = (
    *("activity", "sender", "kind", "object", "version", "host", "priority"),
    *("owed", "deadline", "again"),
)
