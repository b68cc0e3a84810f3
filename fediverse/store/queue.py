"""One line and one lease per host: claim a host, begin a delivery, settle it, let the host go.

A delivery is *attempted* from the commit of `begin`, which precedes its first byte; begun but never settled (kill,
lapsed lease) means attempted, outcome unknown. `begin` reads the newest form as its last statement, so an act that
committed before it is in the bytes, and one that commits later found this post in flight.

Whoever settles holds the host's row first and reads its open deliveries in a second statement: in one statement
PostgreSQL would keep the old snapshot for the subquery and lose a wake-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, literal_column, or_, select, update
from sqlalchemy.engine import RowMapping

from fediverse.protocol.documents import contextual
from fediverse.protocol.retry import Priority
from fediverse.protocol.strict_json import dumps, loads_object
from fediverse.store import inboxes as inbox_store
from fediverse.store.database import Moment, Transaction, least
from fediverse.store.line import BETWEEN_UPDATES, Open, Spoken, next_up
from fediverse.store.reach import OPEN, is_open
from fediverse.store.schema import activities, deliveries, hosts, inboxes, objects

LEASE = timedelta(seconds=90)
RESERVE = 10  # tokens that only safety acts and answers may take
HEAD = 50  # how much of a long line is looked at at once


class LeaseLost(Exception):
    """Another sender holds this host now: what we were about to write is theirs to say."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A token bucket per host: `rate` a second, `burst` at once (GoToSocial allows 300 in 5 minutes)."""

    rate: float = 1.0
    burst: float = 60.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to talk to one host until the lease runs out or is renewed; `fence` tells it from every other."""

    host: str
    owner: str
    fence: int


@dataclass(frozen=True, slots=True)
class Post:
    """One attempt, ready to be signed: what to send where, and what was known of host and delivery before it."""

    seq: int
    lease: Lease
    activity: str
    sender: str
    kind: str
    object: str | None
    version: int | None
    inbox: str
    url: str
    shared: bool
    body: bytes
    attempts: int
    last_status: int | None
    missing_since: datetime | None
    host_failures: int
    host_rested: bool
    priority: Priority
    again: bool


async def claim(tx: Transaction, *, owner: str, now: datetime, limit: int) -> list[Lease]:
    """Lease up to `limit` hosts that are due, the most urgent level first."""
    leases: list[Lease] = []
    for level in Priority:
        free = limit - len(leases)
        if free <= 0:
            break
        claimed = (
            update(hosts)
            .where(hosts.c.name.in_(due_hosts(level, now, free)))
            .values(owner=owner, fence=hosts.c.fence + 1, lease_until=now + LEASE)
            .returning(hosts.c.name, hosts.c.fence)
        )
        leases += [Lease(row["name"], owner, row["fence"]) for row in await tx.rows(claimed)]
    return leases


def due_hosts(level: Priority, now: datetime, limit: int) -> Select[str]:
    """The hosts of one priority level that are due and free: one index range, never a sort of all that sleep."""
    return (
        select(hosts.c.name)
        .where(
            hosts.c.urgency == int(level),
            hosts.c.due <= now,
            or_(hosts.c.lease_until.is_(None), hosts.c.lease_until <= now),
        )
        .order_by(hosts.c.due)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


async def begin(tx: Transaction, lease: Lease, *, now: datetime, pace: Pace | None) -> Post | None:
    """Begin the next attempt for this host, or let the host go and return None. Raises LeaseLost."""
    host = await _hold(tx, lease, now)
    line: list[Open] = []
    spoken: dict[str, Spoken] | None = None
    choice: Open | datetime | None = None
    while not isinstance(choice, Open):
        more = await _head(tx, lease.host, now, after=len(line))
        if not more:
            break
        line += more
        if spoken is None and any(row.kind == "update" for row in more):
            spoken = await _spoken(tx, lease.host, now)
        choice = next_up(line, spoken or {}, now)
    if not isinstance(choice, Open):
        await release(tx, lease, now=now, look=choice)
        return None
    if pace is not None:
        again_at = await _pace(tx, host, choice.priority, pace, now)
        if again_at is not None:
            await release(tx, lease, now=now, look=again_at)
            return None
    return await _begin(tx, lease, host, choice, now)


async def settle(
    tx: Transaction,
    post: Post,
    *,
    now: datetime,
    state: str,
    status: int | None,
    reason: str | None,
    unknown: bool,
    not_before: datetime | None = None,
    missing: bool | None = None,
) -> None:
    """Write down how an attempt ended. A delivery cancelled meanwhile stays cancelled. Raises LeaseLost.

    `missing`: whether the inbox answered that it is not there; None if the inbox was not heard at all.
    """
    await _hold(tx, post.lease, now)
    settled = None if state == "waiting" else now
    values: dict[str, Any] = {
        "state": case((deliveries.c.state == "claimed", state), else_=deliveries.c.state),
        "settled": case((deliveries.c.state == "claimed", literal(settled, Moment)), else_=deliveries.c.settled),
        "status": status,
        "reason": reason,
        "flying_version": None,
    }
    if not_before is not None:
        values["not_before"] = not_before
    if missing is not None:
        values["missing_since"] = func.coalesce(deliveries.c.missing_since, literal(now, Moment)) if missing else None
    if unknown and post.version is not None:
        values["unknown_version"] = _oldest(literal(post.version))
    await tx.execute(update(deliveries).where(deliveries.c.seq == post.seq).values(**values))


async def erase_answer(tx: Transaction, post: Post) -> None:
    """Erase the sealed body of an Accept or Reject that nobody is owed any more: it names a follower."""
    owed = exists().where(deliveries.c.activity == post.activity, deliveries.c.state.in_((*OPEN, "parked")))
    await tx.execute(update(activities).where(activities.c.id == post.activity, ~owed).values(sealed_body=None))


async def host_answers(tx: Transaction, host: str) -> None:
    """The host gave an answer of its own: whatever back-off there was is over."""
    await tx.execute(
        update(hosts).where(hosts.c.name == host).values(failures=0, failed=None, resting_until=None, retry_after=None)
    )


async def host_rests(tx: Transaction, host: str, *, until: datetime, asked: bool, now: datetime) -> None:
    """Nothing goes to this host before `until`; `asked`: it named the time itself, and that always wins."""
    await tx.execute(
        update(hosts)
        .where(hosts.c.name == host)
        .values(
            failures=hosts.c.failures + 1,
            failed=now,
            resting_until=until,
            retry_after=until if asked else hosts.c.retry_after,
        )
    )


async def release(tx: Transaction, lease: Lease, *, now: datetime, look: datetime | None = None) -> None:
    """Let the host go; it is due when the earliest of its open deliveries is, or at `look`. Raises LeaseLost."""
    host = await _hold(tx, lease, now)
    open_now = await tx.row(
        select(
            func.min(deliveries.c.not_before).label("at"),
            func.min(deliveries.c.priority).label("urgency"),
        ).where(open_at(lease.host))
    )
    due = None
    if open_now is not None and open_now["at"] is not None:
        due = max(look or open_now["at"], host["resting_until"] or now, host["retry_after"] or now, now)
    await tx.execute(
        update(hosts)
        .where(hosts.c.name == lease.host)
        .values(
            owner=None,
            lease_until=None,
            due=due,
            urgency=hosts.c.urgency if due is None or open_now is None else open_now["urgency"],
        )
    )


async def spoke_otherwise_before(tx: Transaction, post: Post) -> bool:
    """Whether an older version's attempt at this host ended unknown, so that it may still arrive after this one."""
    if post.version is None:
        return False
    older = or_(deliveries.c.unknown_version < post.version, deliveries.c.flying_version < post.version)
    found = select(deliveries.c.seq).where(
        deliveries.c.object == post.object, deliveries.c.host == post.lease.host, deliveries.c.seq != post.seq, older
    )
    return await tx.value(found.limit(1)) is not None


async def _hold(tx: Transaction, lease: Lease, now: datetime) -> RowMapping:
    """Lock the host's row, see that the lease is still ours, and renew it when half of it is over."""
    row = await tx.row(select(hosts).where(hosts.c.name == lease.host).with_for_update())
    if row is None or row["owner"] != lease.owner or row["fence"] != lease.fence:
        raise LeaseLost(lease.host)
    if row["lease_until"] < now + LEASE / 2:
        await tx.execute(update(hosts).where(hosts.c.name == lease.host).values(lease_until=now + LEASE))
    return row


def open_at(host: Any) -> ColumnElement[bool]:
    """The open deliveries of a host."""
    return and_(deliveries.c.host == host, is_open())


async def _head(tx: Transaction, host: str, now: datetime, *, after: int) -> Sequence[Open]:
    """The next of a host's open deliveries; those past their deadline are parked on the way."""
    rows = await _read_head(tx, host, after)
    if not any(row["deadline"] <= now for row in rows):
        return [_open(row) for row in rows]
    overdue = update(deliveries).where(open_at(host), deliveries.c.deadline <= now)
    await tx.execute(overdue.values(state="parked", settled=now))
    return [_open(row) for row in await _read_head(tx, host, after)]


async def _read_head(tx: Transaction, host: str, after: int) -> Sequence[RowMapping]:
    valid_until = case((deliveries.c.kind == "create", objects.c.valid_until), else_=activities.c.valid_until)
    version = case((deliveries.c.kind == "create", objects.c.version), else_=deliveries.c.version)
    return await tx.rows(
        select(
            *(deliveries.c[name] for name in _AS_THEY_ARE),
            deliveries.c.priority,
            deliveries.c.deadline,
            objects.c.reply_to,
            version.label("version"),
            valid_until.label("valid_until"),
        )
        .join(activities, activities.c.id == deliveries.c.activity)
        .outerjoin(objects, objects.c.id == deliveries.c.object)
        .where(open_at(host))
        .order_by(deliveries.c.priority, deliveries.c.seq)
        .offset(after)
        .limit(HEAD)
    )


_AS_THEY_ARE = ("seq", "kind", "object", "inbox", "attempts", "attempted", "owed", "not_before")


def _open(row: RowMapping) -> Open:
    known = {name: value for name, value in row.items() if name not in {"priority", "deadline"}}
    return Open(**known, priority=Priority(row["priority"]))


async def _spoken(tx: Transaction, host: str, now: datetime) -> dict[str, Spoken]:
    rows = await tx.rows(
        select(deliveries.c.object, deliveries.c.version, deliveries.c.attempted)
        .where(
            deliveries.c.host == host,
            deliveries.c.kind == literal_column("'update'"),  # spelt out, for the index
            deliveries.c.attempted > now - BETWEEN_UPDATES,
        )
        .order_by(deliveries.c.attempted)
    )
    return {row["object"]: Spoken(row["version"], row["attempted"]) for row in rows}


async def _pace(tx: Transaction, host: RowMapping, priority: Priority, pace: Pace, now: datetime) -> datetime | None:
    """Take a token; or when there will be one."""
    since = (now - host["tokens_at"]).total_seconds() if host["tokens_at"] else None
    tokens = pace.burst if since is None else min(pace.burst, host["tokens"] + pace.rate * max(since, 0))
    needed = 1.0 if priority <= Priority.CORRECT else 1.0 + min(RESERVE, pace.burst / 2)
    if tokens < needed:
        return now + timedelta(seconds=(needed - tokens) / pace.rate)
    await tx.execute(update(hosts).where(hosts.c.name == host["name"]).values(tokens=tokens - 1, tokens_at=now))
    return None


async def _begin(tx: Transaction, lease: Lease, host: RowMapping, chosen: Open, now: datetime) -> Post | None:
    """Mark the attempt, and read what to send as the last statement."""
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.seq == chosen.seq)
        .values(
            state="claimed",
            attempts=deliveries.c.attempts + 1,
            attempted=now,
            unknown_version=case(
                (deliveries.c.flying_version.is_(None), deliveries.c.unknown_version),
                else_=_oldest(deliveries.c.flying_version),
            ),
            flying_version=chosen.version,
        )
    )
    row = await tx.row(
        select(
            deliveries.c.activity,
            deliveries.c.sender,
            deliveries.c.again,
            deliveries.c.status,
            deliveries.c.missing_since,
            activities.c.kind,
            activities.c.body,
            activities.c.sealed_body,
            objects.c.body.label("note"),
            inboxes.c.shared,
            inboxes.c.url,
            inboxes.c.sealed,
        )
        .join(activities, activities.c.id == deliveries.c.activity)
        .join(inboxes, inboxes.c.key == deliveries.c.inbox)
        .outerjoin(objects, objects.c.id == deliveries.c.object)
        .where(deliveries.c.seq == chosen.seq)
    )
    if row is None:
        raise LookupError("the delivery begun is not there")
    return Post(
        seq=chosen.seq,
        lease=lease,
        activity=row["activity"],
        sender=row["sender"],
        kind=chosen.kind,
        object=chosen.object,
        version=chosen.version,
        inbox=chosen.inbox,
        url=inbox_store.url_in(tx, row),
        shared=row["shared"],
        body=_bytes(tx, row),
        attempts=chosen.attempts + 1,
        last_status=row["status"],
        missing_since=row["missing_since"],
        host_failures=host["failures"],
        host_rested=bool(host["failures"]) or host["retry_after"] is not None,
        priority=chosen.priority,
        again=row["again"],
    )


def _bytes(tx: Transaction, row: RowMapping) -> bytes:
    if row["sealed_body"] is not None:
        return tx.sealer.unseal("activity", row["sealed_body"]).encode()
    body: str = row["body"]
    if row["kind"] not in {"create", "instead"}:
        return body.encode()
    note = loads_object(row["note"].encode())
    if row["kind"] == "instead":
        note.pop("inReplyTo", None)
    return dumps(contextual({**loads_object(body.encode()), "object": note}))


def _oldest(version: Any) -> Any:
    return case((deliveries.c.unknown_version.is_(None), version), else_=least(deliveries.c.unknown_version, version))
