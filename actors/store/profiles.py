"""What an actor says about itself, as typed, and when its followers were last told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from actors.store.schema import profiles
from fediverse.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Profile:
    """`name` is one line, `summary` prose in Markdown; `told` is None until a document was sent to followers."""

    actor: str
    name: str
    summary: str
    told: datetime | None = None


async def add(tx: Transaction, profile: Profile) -> None:
    """Store the profile of a new actor."""
    await tx.execute(profiles.insert().values(actor=profile.actor, name=profile.name, summary=profile.summary))


async def of_actor(tx: Transaction, actor: str) -> Profile | None:
    """The profile of one of our announcing actors, or None."""
    row = await tx.row(select(profiles).where(profiles.c.actor == actor))
    return None if row is None else Profile(**row)


async def replace(tx: Transaction, profile: Profile) -> None:
    """Store another name and summary."""
    values = {"name": profile.name, "summary": profile.summary}
    await tx.execute(update(profiles).where(profiles.c.actor == profile.actor).values(**values))


async def told(tx: Transaction, actor: str, now: datetime) -> None:
    """Remember that the document was sent now."""
    await tx.execute(update(profiles).where(profiles.c.actor == actor).values(told=now))
