"""Organisers: a random id, the actor they act for, a role, a word the group chose. Tokens are kept as hashes.

A token has 256 random bits, so a plain hash of it tells nothing and can be looked up directly; the comparison behind
the lookup still takes the same time for every token that is not known (must-survive J6).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.engine import RowMapping

from actors.store.schema import organisers
from fediverse.store.database import Transaction

MAX_TOKEN = 256
_NOBODY = "0" * 64


class Role(StrEnum):
    """What a token allows, on one actor."""

    ORGANISER = "organiser"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class Organiser:
    """Who acts, as stored. `label` is for the group's own eyes: it stands in nothing public."""

    id: str
    actor: str
    label: str
    role: Role
    created: datetime
    revoked: datetime | None = None


async def add(tx: Transaction, organiser: Organiser, token: str) -> None:
    """Store an organiser with the hash of the token."""
    await tx.execute(
        organisers.insert().values(
            id=organiser.id,
            actor=organiser.actor,
            label=organiser.label,
            role=organiser.role.value,
            token=_hash(token),
            created=organiser.created,
        )
    )


async def authenticate(tx: Transaction, token: str) -> Organiser | None:
    """Whose token this is; None for unknown and revoked ones alike."""
    given = _hash(token[:MAX_TOKEN]) if len(token) <= MAX_TOKEN else _NOBODY
    row = await tx.row(select(organisers).where(organisers.c.token == given))
    known = hmac.compare_digest(given, row["token"] if row is not None else _NOBODY)
    return _read(row) if row is not None and known and row["revoked"] is None else None


async def of_actor(tx: Transaction, actor: str) -> Sequence[Organiser]:
    """Everybody who acts or acted for an actor, oldest first."""
    rows = await tx.rows(
        select(organisers).where(organisers.c.actor == actor).order_by(organisers.c.created, organisers.c.id)
    )
    return [_read(row) for row in rows]


async def revoke(tx: Transaction, actor: str, organiser_id: str, now: datetime) -> bool:
    """End a token from the next request on; False if this actor has no such organiser with a live token."""
    live = (organisers.c.id == organiser_id, organisers.c.actor == actor, organisers.c.revoked.is_(None))
    return (await tx.execute(update(organisers).where(*live).values(revoked=now))).rowcount > 0


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read(row: RowMapping) -> Organiser:
    return Organiser(row["id"], row["actor"], row["label"], Role(row["role"]), row["created"], row["revoked"])
