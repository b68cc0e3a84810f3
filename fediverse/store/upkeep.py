"""The slow things of the ledger: what was stranded, parked, or owed to an inbox that is no more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, case, func, literal, select, true, update

from fediverse.protocol.retry import Priority
from fediverse.store.database import Moment, Transaction, greatest
from fediverse.store.queue import Post, open_at
from fediverse.store.reach import OPEN
from fediverse.store.schema import deliveries, followers, hosts


async def sweep(tx: Transaction, *, now: datetime) -> int:
    """Make any host due that has open deliveries and no due time; the number found. It should find none."""
    urgency = select(func.min(deliveries.c.priority)).where(open_at(hosts.c.name)).scalar_subquery()
    stranded = select(deliveries.c.host).where(deliveries.c.state.in_(OPEN))
    result = await tx.execute(
        update(hosts).where(hosts.c.due.is_(None), hosts.c.name.in_(stranded)).values(due=now, urgency=urgency)
    )
    return result.rowcount


async def revive(tx: Transaction, host: str, now: datetime) -> None:
    """A signed request came from this host: it is alive. What was parked is tried again, a back-off ends."""
    parked = and_(deliveries.c.host == host, deliveries.c.state == "parked")
    row = await tx.row(select(hosts.c.failures).where(hosts.c.name == host))
    if row is None or (not row["failures"] and await tx.value(select(deliveries.c.seq).where(parked).limit(1)) is None):
        return
    await tx.lock(select(hosts.c.name).where(hosts.c.name == host))
    await tx.execute(
        update(deliveries)
        .where(parked)
        .values(state="waiting", settled=None, not_before=now, deadline=now + Priority.APPEAL.keeps_trying)
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


async def drop_inbox(tx: Transaction, sender: str, inbox: str, now: datetime) -> None:
    """No follower of `sender` is left behind this inbox: what never left for it stays here."""
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.sender == sender,
            deliveries.c.inbox == inbox,
            deliveries.c.state == "waiting",
            deliveries.c.attempts == 0,
            deliveries.c.kind.in_(("create", "add", "remove", "profile")),
        )
        .values(state="cancelled", settled=now)
    )


async def try_personal(tx: Transaction, post: Post, now: datetime) -> int:
    """A shared inbox is no more: all that is open there goes to the personal inboxes of the followers behind it.

    Returns how many followers that was. The host's row must be held.
    """
    behind = followers.c.inbox == post.inbox
    copied = [column.name for column in deliveries.c if column.name not in _OF_ITS_OWN]
    here = and_(deliveries.c.inbox == post.inbox, deliveries.c.state.in_(OPEN))
    copies = (
        select(*(deliveries.c[name] for name in copied), followers.c.personal, literal(0), literal("waiting"))
        .join(followers, and_(behind, followers.c.actor == deliveries.c.sender))
        .where(here)
        .order_by(deliveries.c.seq)
    )
    names = [*copied, "inbox", "attempts", "state"]
    await tx.execute(tx.insert(deliveries).from_select(names, copies.where(true())).on_conflict_do_nothing())
    await tx.execute(update(deliveries).where(here).values(state="gone", settled=now, reason="no shared inbox"))
    moved = await tx.execute(update(followers).where(behind).values(inbox=followers.c.personal))
    return moved.rowcount


_OF_ITS_OWN = {
    *("seq", "inbox", "attempts", "state", "attempted", "settled", "status", "reason"),
    *("flying_version", "unknown_version"),
}


async def next_due(tx: Transaction) -> datetime | None:
    """When the next host is due."""
    moment: datetime | None = await tx.value(select(func.min(hosts.c.due)))
    return moment
