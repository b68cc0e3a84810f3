"""Which activities have had their effect already. Keyed hashes of (authenticated actor, activity id), nothing else.

The actor is part of the key, so that a stranger who names an id first cannot block its owner (CVE-2026-33869,
must-survive B10).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from fediverse.store.database import Transaction
from fediverse.store.schema import seen

# A signature is good for an hour; what is kept longer covers senders that sign anew for weeks.
KEPT = timedelta(days=30)


async def first_time(tx: Transaction, actor: str, activity_id: str, now: datetime) -> bool:
    """Note the activity; False if `actor` sent this id before."""
    statement = tx.insert(seen).values(key=_key(tx, actor, activity_id), at=now).on_conflict_do_nothing()
    return (await tx.execute(statement)).rowcount == 1


async def before(tx: Transaction, actor: str, activity_id: str) -> bool:
    """Whether `actor` sent an activity of this id before."""
    return await tx.value(select(seen.c.key).where(seen.c.key == _key(tx, actor, activity_id))) is not None


async def prune(tx: Transaction, now: datetime) -> int:
    """Forget what is older than 30 days; how many rows that were."""
    return (await tx.execute(delete(seen).where(seen.c.at < now - KEPT))).rowcount


def _key(tx: Transaction, actor: str, activity_id: str) -> str:
    return tx.sealer.hash("seen", actor, activity_id)
