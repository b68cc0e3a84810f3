"""What was done, by whom, when: append-only, each row bound to the one before it by SHA-256, a chain per actor.

No texts, no names, no addresses, no tokens: what an act concerned is named by slug, id, figure and reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from actors.store.campaigns import lock_actor
from actors.store.schema import audit
from fediverse.protocol.strict_json import Json, canonical, dumps, loads_object
from fediverse.store.database import Transaction

BEGINNING = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `organiser` is None for an operator on the command line and for the server by itself."""

    actor: str
    number: int
    at: datetime
    organiser: str | None
    act: str
    campaign: str | None
    detail: Mapping[str, Json]
    previous: str
    hash: str


async def write(
    tx: Transaction,
    actor: str,
    act: str,
    *,
    now: datetime,
    organiser: str | None,
    campaign: str | None = None,
    detail: Mapping[str, Json] | None = None,
) -> None:
    """Add the next row of the actor's chain, in the transaction of the act."""
    await lock_actor(tx, actor)
    last = await tx.row(
        select(audit.c.number, audit.c.hash).where(audit.c.actor == actor).order_by(audit.c.number.desc()).limit(1)
    )
    number, previous = (last["number"] + 1, last["hash"]) if last is not None else (1, BEGINNING)
    entry = Entry(actor, number, now, organiser, act, campaign, detail or {}, previous, "")
    row = {**asdict(entry), "detail": dumps(dict(entry.detail)).decode(), "hash": _hash(entry)}
    await tx.execute(audit.insert().values(row))


async def entries(tx: Transaction, actor: str, *, before: int | None = None, limit: int = 100) -> Sequence[Entry]:
    """The newest rows of an actor, newest first; `before` pages on by number."""
    wanted = select(audit).where(audit.c.actor == actor).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(audit.c.number < before)
    return [_read(row) for row in await tx.rows(wanted)]


async def first_broken(tx: Transaction, actor: str) -> int | None:
    """The number of the first row that was altered, moved or lost since it was written, or None.

    Rows cut off at the end leave a chain that holds: only a copy of its last hash, kept elsewhere, shows that.
    """
    previous = BEGINNING
    rows = await tx.rows(select(audit).where(audit.c.actor == actor).order_by(audit.c.number))
    for number, row in enumerate(rows, start=1):
        entry = _read(row)
        if (entry.number, entry.previous, entry.hash) != (number, previous, _hash(entry)):
            return number
        previous = entry.hash
    return None


def _read(row: RowMapping) -> Entry:
    return Entry(**{**row, "detail": loads_object(row["detail"].encode())})


def _hash(entry: Entry) -> str:
    """Over everything but the hash itself; moments to the microsecond."""
    row: list[Json] = [
        entry.previous,
        entry.actor,
        entry.number,
        entry.at.isoformat(),
        entry.organiser,
        entry.act,
        entry.campaign,
        dict(entry.detail),
    ]
    return hashlib.sha256(canonical(row)).hexdigest()
