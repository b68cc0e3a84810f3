"""What is owed, to whom, how urgently: written in the transaction of the act that says it.

    write version n of o, per inbox   every open Update(o, m < n) is cancelled; what replaces it takes over the higher
                                      priority and the later deadline
                                      a Create open and never attempted, at a host where nothing of o ever was, takes
                                      the act's priority; Update(n) is absorbed
                                      in every other case Update(o, n) is owed
    write Delete of o, per inbox      every open Create, Update, Add and Remove of o is cancelled; Delete is owed
                                      wherever a form of o was ever attempted
    Add, Remove of o                  the latest replaces an open earlier one

Whatever is owed for a note inherits the highest priority and the latest deadline owed for it or for a note that
answers it. Hosts are locked in the order of their names, once, at the start of an act.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
    union,
    update,
)

from fediverse.protocol.retry import Priority
from fediverse.store import reach
from fediverse.store.database import Moment, Transaction, among, greatest, least
from fediverse.store.reach import NOTE_KINDS, OPEN, is_open
from fediverse.store.schema import deliveries, followers, hosts, objects

# What is parked comes back when its host does; by then a newer word has taken its place.
UNSAID = (*OPEN, "parked")
IN_VAIN = ("refused", "gone")

Targets = Select[Any, Any] | CompoundSelect[Any, Any]


@dataclass(frozen=True, slots=True)
class Owed:
    """One activity, as the ledger needs to know it."""

    activity: str
    sender: str
    kind: str
    object: str | None
    version: int | None
    priority: Priority
    now: datetime


async def lock_line(tx: Transaction, sender: str) -> None:
    """Hold every host this sender may write to, in the order of their names; once per transaction."""
    if not tx.first_time(("line", sender)):
        return
    mine = union(
        select(followers.c.host).where(followers.c.actor == sender),
        select(deliveries.c.host).where(deliveries.c.sender == sender),
    ).subquery()
    await tx.lock(select(hosts.c.name).where(hosts.c.name.in_(select(mine.c.host))).order_by(hosts.c.name))


async def create(
    tx: Transaction, owed: Owed, *, leave_out: Iterable[str] = (), only: Iterable[str] | None = None
) -> None:
    """A Create goes to followers: a shared inbox without one would drop it (mastodon-compat §3.2).

    Hosts whose software is in `leave_out` get nothing; with `only`, no others do.
    """
    await lock_line(tx, owed.sender)
    wanted = _runs_none_of(leave_out) if only is None else _runs(only)
    targets = _only(reach.follower_inboxes(owed.sender), wanted)
    await _owe(tx, owed, select(targets.c.inbox, targets.c.host))


async def change(tx: Transaction, owed: Owed, *, leave_out: Iterable[str] = ()) -> None:
    """A new version of a note: to followers and its reach, but not to hosts whose software is in `leave_out`."""
    await lock_line(tx, owed.sender)
    targets = _only(reach.hears_updates(owed.sender, owed.object or ""), _runs_none_of(leave_out), _not_deleted(owed))
    never_left = select(deliveries.c.inbox).where(
        deliveries.c.object == owed.object,
        deliveries.c.kind == "create",
        is_open(),
        deliveries.c.attempts == 0,
        deliveries.c.host.not_in(reach.attempted_hosts(owed.object or "")),  # by another inbox: it drops a known id
    )
    await _owe(tx, owed, select(targets.c.inbox, targets.c.host), absorbed_at=never_left)
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.object == owed.object,
            deliveries.c.kind == "update",
            deliveries.c.version < owed.version,
            deliveries.c.state.in_(UNSAID),
        )
        .values(state="cancelled", settled=owed.now)
    )


async def erase(tx: Transaction, owed: Owed, *, software: Iterable[str] | None = None) -> None:
    """A Delete: to wherever the note may be; with `software`, only to hosts that run one of these."""
    await lock_line(tx, owed.sender)
    runs = true() if software is None else _runs(software)
    targets = _only(reach.hears_deletes(owed.sender, owed.object or ""), runs, _not_deleted(owed, *IN_VAIN))
    await _owe(tx, owed, select(targets.c.inbox, targets.c.host))
    cancelled = update(deliveries).where(
        deliveries.c.object == owed.object,
        deliveries.c.kind.in_((*NOTE_KINDS, "add", "remove")),
        deliveries.c.state.in_(UNSAID),
    )
    if software is not None:
        cancelled = cancelled.where(deliveries.c.host.in_(select(hosts.c.name).where(runs)))
    await tx.execute(cancelled.values(state="cancelled", settled=owed.now))


async def pinning(tx: Transaction, owed: Owed) -> None:
    """Add or Remove: only the latest of the two is kept, and none goes to a host that was told to delete the note."""
    await lock_line(tx, owed.sender)
    await _cancel_open(tx, owed, "add", "remove")
    targets = _only(reach.follower_inboxes(owed.sender), _not_deleted(owed))
    await _owe(tx, owed, select(targets.c.inbox, targets.c.host))


async def profile(tx: Transaction, owed: Owed) -> None:
    """An Update of the actor: the newest replaces those still waiting."""
    await lock_line(tx, owed.sender)
    await _cancel_open(tx, owed, "profile")
    await _owe(tx, owed, reach.follower_inboxes(owed.sender))


async def one(tx: Transaction, owed: Owed, *, inbox: str, host: str, again_at: datetime | None = None) -> None:
    """One activity to one inbox: an Accept, a Reject, or the last word said once more `again_at`."""
    await tx.lock(select(hosts.c.name).where(hosts.c.name == host))
    target = select(literal(inbox).label("inbox"), literal(host).label("host"))
    await _owe(tx, owed, target, again_at=again_at)


def _only(targets: Targets, *conditions: ColumnElement[bool]) -> Any:
    inner = targets.subquery()
    return select(inner.c.inbox, inner.c.host).join(hosts, hosts.c.name == inner.c.host).where(*conditions).subquery()


def _runs(software: Iterable[str]) -> ColumnElement[bool]:
    return hosts.c.software.in_(tuple(software))


def _runs_none_of(leave_out: Iterable[str]) -> ColumnElement[bool]:
    return or_(hosts.c.software.is_(None), hosts.c.software.not_in(tuple(leave_out)))


def _not_deleted(owed: Owed, *in_vain: str) -> ColumnElement[bool]:
    """After a Delete nothing is sent for that note to that host (some servers revive deleted ids).

    A Delete itself is sent again where the one before it ended in a state of `in_vain`.
    """
    told = select(deliveries.c.host).where(
        deliveries.c.object == owed.object, deliveries.c.kind == "delete", deliveries.c.state.not_in(in_vain)
    )
    return hosts.c.name.not_in(told)


async def _cancel_open(tx: Transaction, owed: Owed, *kinds: str) -> None:
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.object == owed.object,
            deliveries.c.kind.in_(kinds),
            deliveries.c.state.in_(UNSAID),
        )
        .values(state="cancelled", settled=owed.now)
    )


async def _owe(
    tx: Transaction,
    owed: Owed,
    targets: Targets,
    *,
    absorbed_at: Select[str] | None = None,
    again_at: datetime | None = None,
) -> None:
    to = targets.subquery()
    state: ColumnElement[Any] = literal("waiting")
    settled: ColumnElement[Any] = literal(None, Moment)
    if absorbed_at is not None:
        absorbed = to.c.inbox.in_(absorbed_at)
        state = case((absorbed, "absorbed"), else_="waiting")
        settled = case((absorbed, literal(owed.now, Moment)), else_=None)
    priority, deadline = await _inherited(tx, owed, to)
    rows = select(
        literal(owed.activity),
        literal(owed.sender),
        literal(owed.kind),
        literal(owed.object, String),
        literal(owed.version, Integer),
        to.c.inbox,
        to.c.host,
        priority,
        state,
        literal(owed.now, Moment),
        literal(again_at or owed.now, Moment),
        deadline,
        settled,
        literal(again_at is not None),
    ).where(true())  # SQLite cannot tell ON CONFLICT from a join without a WHERE
    columns = "activity sender kind object version inbox host priority state owed not_before deadline settled again"
    await tx.execute(tx.insert(deliveries).from_select(columns.split(), rows).on_conflict_do_nothing())
    await _hand_down(tx, owed)
    await _make_due(tx, owed, again_at)
    tx.wake()


async def _inherited(tx: Transaction, owed: Owed, to: Subquery) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The highest priority and latest deadline among this act's and what is open for the note or its answers."""
    priority = literal(int(owed.priority))
    deadline = literal(owed.now + owed.priority.keeps_trying, Moment)
    if owed.object is None:
        return priority, deadline
    answers = await tx.rows(select(objects.c.id).where(objects.c.reply_to == owed.object))
    family = [owed.object, *(row["id"] for row in answers)]  # as a list, each of them is one step in the index
    kin = deliveries.alias("kin")
    # Open is said as "not settled": by the state, PostgreSQL would walk all that is open anew for every inbox.
    here = and_(kin.c.object.in_(family), kin.c.host == to.c.host, kin.c.inbox == to.c.inbox, kin.c.settled.is_(None))
    urgent = func.coalesce(select(func.min(kin.c.priority)).where(here).scalar_subquery(), priority)
    lasting = func.coalesce(select(func.max(kin.c.deadline)).where(here).scalar_subquery(), deadline)
    return least(priority, urgent), greatest(deadline, lasting)


async def _hand_down(tx: Transaction, owed: Owed) -> None:
    """Give this act's priority and deadline to what must go before it: the note's own line, and its parents'."""
    family: list[str] = []
    above = owed.object
    while above is not None and above not in family:
        family.append(above)
        above = await tx.value(select(objects.c.reply_to).where(objects.c.id == above))
    if not family:
        return
    mine = deliveries.alias("mine")
    deadline = literal(owed.now + owed.priority.keeps_trying, Moment)
    await tx.execute(
        update(deliveries)
        .where(
            deliveries.c.object.in_(family),
            is_open(),
            among(deliveries.c.inbox, select(mine.c.inbox).where(mine.c.activity == owed.activity)),
        )
        .values(
            priority=least(deliveries.c.priority, literal(int(owed.priority))),
            deadline=greatest(deliveries.c.deadline, deadline),
        )
    )


async def _make_due(tx: Transaction, owed: Owed, again_at: datetime | None) -> None:
    """The hosts concerned are due now. A resting host stays at rest, but a safety act asks it once more."""
    now = literal(again_at or owed.now, Moment)
    at = greatest(now, func.coalesce(hosts.c.retry_after, now))
    if not owed.priority.is_safety:
        at = greatest(at, func.coalesce(hosts.c.resting_until, now))
    priority = literal(int(owed.priority))
    concerned = select(deliveries.c.host).where(deliveries.c.activity == owed.activity)
    await tx.execute(
        update(hosts)
        .where(hosts.c.name.in_(concerned))
        .values(
            due=case((hosts.c.due.is_(None), at), else_=least(hosts.c.due, at)),
            urgency=case((hosts.c.due.is_(None), priority), else_=least(hosts.c.urgency, priority)),
        )
    )
