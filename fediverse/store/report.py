"""Who has confirmed: the last word owed of each note to each inbox, and what became of it.

The last word is the newest Create, Update or Delete. An Update absorbed into a Create that never left is that Create.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from fediverse.store.database import Transaction
from fediverse.store.reach import NOTE_KINDS
from fediverse.store.schema import deliveries, followers, hosts

_WORDS = (*NOTE_KINDS, "delete")


@dataclass(frozen=True, slots=True)
class Word:
    """The last word of one note to one inbox of a host.

    `kind` is create, update or delete; `state` as in the ledger: waiting, claimed, delivered, refused, gone, parked or
    cancelled. `next_attempt` is set while it is open, and never lies before what the host asked for; `status` and
    `reason` are those of the last answer; `settled` is when it ended.
    """

    note: str
    host: str
    software: str | None
    kind: str
    state: str
    attempts: int
    next_attempt: datetime | None
    status: int | None
    reason: str | None
    settled: datetime | None


async def last_words(tx: Transaction, notes: Iterable[str]) -> Sequence[Word]:
    """The last words of these notes (their ids), by note, host and the order owed."""
    age = func.row_number().over(
        partition_by=(deliveries.c.object, deliveries.c.inbox), order_by=deliveries.c.seq.desc()
    )
    ranked = (
        select(deliveries, age.label("age"))
        .where(deliveries.c.object.in_(tuple(notes)), deliveries.c.kind.in_(_WORDS), deliveries.c.state != "absorbed")
        .subquery()
    )
    newest = (
        select(ranked, hosts.c.software, hosts.c.resting_until, hosts.c.retry_after)
        .join(hosts, hosts.c.name == ranked.c.host)
        .where(ranked.c.age == 1)
        .order_by(ranked.c.object, ranked.c.host, ranked.c.seq)
    )
    words = []
    for row in await tx.rows(newest):
        times = [row["not_before"], row["resting_until"], row["retry_after"]]
        words.append(
            Word(
                note=row["object"],
                host=row["host"],
                software=row["software"],
                kind=row["kind"],
                state=row["state"],
                attempts=row["attempts"],
                next_attempt=None if row["settled"] else max(time for time in times if time is not None),
                status=row["status"],
                reason=row["reason"],
                settled=row["settled"],
            )
        )
    return words


async def still_held(tx: Transaction, notes: Iterable[str], software: Iterable[str]) -> set[str]:
    """Which of these notes may be held by a host of this software that was never told to delete them.

    As in the reach, inboxes that are gone do not count: nothing can be told there.
    """
    told = deliveries.alias("told")
    same = (told.c.object == deliveries.c.object, told.c.host == deliveries.c.host)
    held = (
        select(deliveries.c.object)
        .join(hosts, hosts.c.name == deliveries.c.host)
        .where(
            deliveries.c.object.in_(tuple(notes)),
            deliveries.c.kind.in_(NOTE_KINDS),
            deliveries.c.attempts > 0,
            deliveries.c.state != "gone",
            hosts.c.software.in_(tuple(software)),
            ~exists().where(*same, told.c.kind == "delete"),
        )
        .distinct()
    )
    return {row["object"] for row in await tx.rows(held)}


async def followers_by_host(tx: Transaction, actor: str) -> Mapping[str, int]:
    """How many follow an actor from each host. Not to be shown beside a host's name where they are few."""
    rows = await tx.rows(
        select(followers.c.host, func.count().label("number"))
        .where(followers.c.actor == actor)
        .group_by(followers.c.host)
    )
    return {row["host"]: row["number"] for row in rows}
