"""What the ledger holds, in numbers: by state, and by host for what is not delivered. For operators only: it names
hosts, some of which have a single account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.engine import RowMapping

from fediverse.store.database import Transaction
from fediverse.store.reach import OPEN
from fediverse.store.schema import activities, deliveries, hosts

UNSETTLED = (*OPEN, "parked", "refused")


@dataclass(frozen=True, slots=True)
class Line:
    """One host and what it is owed. `next_attempt` is None where nothing will be tried by itself.

    `waiting` are open; `parked` were given up and come back when the host says something; `refused` stay so. `oldest`
    is when the oldest of them was owed; `failures` counts attempts in a row at which the host did not answer.
    """

    host: str
    software: str | None
    waiting: int
    parked: int
    refused: int
    oldest: datetime
    failures: int
    next_attempt: datetime | None


async def by_state(tx: Transaction) -> Mapping[str, int]:
    """How many deliveries there are in each state, the ones claimed now counted as waiting."""
    rows = await tx.rows(select(deliveries.c.state, func.count().label("number")).group_by(deliveries.c.state))
    found: dict[str, int] = {}
    for row in rows:
        state = "waiting" if row["state"] in OPEN else row["state"]
        found[state] = found.get(state, 0) + row["number"]
    return found


async def lines(tx: Transaction, *, limit: int) -> Sequence[Line]:
    """Hosts with undelivered deliveries, the longest owed first."""
    return [_read(row) for row in await tx.rows(_lines().limit(limit))]


async def newest_moment(tx: Transaction) -> datetime | None:
    """The latest moment at which anything was said or tried here, to hold a clock against."""
    said: datetime | None = await tx.value(select(func.max(activities.c.published)))
    tried: datetime | None = await tx.value(select(func.max(deliveries.c.attempted)))
    return max((each for each in (said, tried) if each is not None), default=None)


def _lines() -> Select[str, str | None, int, int, int, int, datetime, int, datetime | None]:
    oldest = func.min(deliveries.c.owed)
    return (
        select(
            deliveries.c.host,
            hosts.c.software,
            _number("waiting").label("waiting"),
            _number("claimed").label("claimed"),
            _number("parked").label("parked"),
            _number("refused").label("refused"),
            oldest.label("oldest"),
            hosts.c.failures,
            hosts.c.due,
        )
        .join(hosts, hosts.c.name == deliveries.c.host)
        .where(deliveries.c.state.in_(UNSETTLED))
        .group_by(deliveries.c.host, hosts.c.software, hosts.c.failures, hosts.c.due)
        .order_by(oldest, deliveries.c.host)
    )


def _number(state: str) -> ColumnElement[int]:
    return func.sum(case((deliveries.c.state == state, 1), else_=0))


def _read(row: RowMapping) -> Line:
    waiting = row["waiting"] + row["claimed"]
    return Line(
        host=row["host"],
        software=row["software"],
        waiting=waiting,
        parked=row["parked"],
        refused=row["refused"],
        oldest=row["oldest"],
        failures=row["failures"],
        next_attempt=row["due"] if waiting else None,
    )
