"""What every act needs, and how an act is refused apart from fields and moves (actors.refusals).

DeskError
├── NotThere     404  no such thing, or not this organiser's: the answer is the same
├── NotAllowed   403  a reader's token does not act
└── Outdated     412  somebody else was faster: .version is the current one
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from actors.store import campaigns
from actors.store.campaigns import Kept
from actors.store.organisers import Organiser, Role
from fediverse.outbox import Act
from fediverse.store.database import Database, Transaction

NOTES_PER_DAY: Final = 5
"""Public notes per actor and day, safety acts aside (product.md, rule 12)."""
DAY: Final = timedelta(days=1)

By = Organiser | None
"""Who acts: an organiser, or None for an operator on the command line."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The server an act happens on. `new_id` gives 32 hex digits, `new_token` 256 random bits as URL-safe text.

    `clock` tells aware UTC time. `handle_domain` is what stands behind the second @ of a handle.
    """

    database: Database
    origin: str
    handle_domain: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    notes_per_day: int = NOTES_PER_DAY

    def act(self, actor: str, now: datetime) -> Act:
        """An act of one actor, as the ledger knows it."""
        return Act(actor, now, self.new_id)

    def note_url(self, note_id: str) -> str:
        """The id of a note on the wire."""
        return f"{self.origin}/notes/{note_id}"


class DeskError(Exception):
    """An act that was not carried out. The text may be shown to an organiser."""

    status: ClassVar[int] = 400


class NotThere(DeskError):
    """There is no such thing here for this organiser."""

    status = 404


class NotAllowed(DeskError):
    """This token may look and not act."""

    status = 403


class Outdated(DeskError):
    """The version named is not the current one; nothing was changed."""

    status = 412

    def __init__(self, version: int | None) -> None:
        super().__init__("it has changed since it was read" if version else "it is not there yet")
        self.version = version


def check_acts(by: By, actor: str) -> None:
    """That `by` may act for this actor. Raises NotThere for another actor's organiser, NotAllowed for a reader."""
    check_reads(by, actor)
    if by is not None and by.role is not Role.ORGANISER:
        raise NotAllowed("this token may read reports only")


def check_reads(by: By, actor: str) -> None:
    """That `by` may see what is this actor's. Raises NotThere."""
    if by is not None and by.actor != actor:
        raise NotThere("there is no such thing")


async def at_hand(tx: Transaction, by: By, slug: str, *, expected: int | None = None) -> Kept:
    """The campaign that `by` may change, its actor held until the end.

    Raises NotThere, NotAllowed, and Outdated if it is not at version `expected`.
    """
    actor = await campaigns.owner(tx, slug)
    if actor is None:
        raise NotThere("there is no such campaign")
    check_acts(by, actor)
    await campaigns.lock_actor(tx, actor)
    kept = await campaigns.by_slug(tx, slug)
    if kept is None:
        raise NotThere("there is no such campaign")
    if expected is not None and kept.version != expected:
        raise Outdated(kept.version)
    return kept


async def readable(tx: Transaction, by: By, slug: str) -> Kept:
    """The campaign that `by` may look at. Raises NotThere."""
    kept = await campaigns.by_slug(tx, slug)
    if kept is None:
        raise NotThere("there is no such campaign")
    check_reads(by, kept.actor)
    return kept
