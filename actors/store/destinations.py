"""An actor's own list of destinations: where its campaigns may send help. Rows are never deleted, only taken off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from actors.model import Destination, Standing
from actors.store import values
from actors.store.schema import destinations
from fediverse.store.database import Transaction


async def add(tx: Transaction, actor: str, place: Destination, now: datetime) -> None:
    """Put a destination on the list; the database refuses a URL that is on it already."""
    await tx.execute(
        destinations.insert().values(
            id=place.id,
            actor=actor,
            label=place.label,
            url=place.url,
            kind=place.kind.value,
            state=place.state.value,
            currency=place.currency,
            created=now,
        )
    )


async def of_actor(tx: Transaction, actor: str) -> Sequence[Destination]:
    """Every destination an actor ever listed, oldest first."""
    rows = await tx.rows(
        select(destinations).where(destinations.c.actor == actor).order_by(destinations.c.created, destinations.c.id)
    )
    return [values.read_destination(row) for row in rows]


async def move(tx: Transaction, actor: str, destination_id: str, state: Standing) -> bool:
    """Give a destination of this actor another standing; False if it has none of this id."""
    mine = (destinations.c.id == destination_id, destinations.c.actor == actor)
    return (await tx.execute(update(destinations).where(*mine).values(state=state.value))).rowcount > 0
