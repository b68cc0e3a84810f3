"""Who has confirmed a campaign's last word and who has not: per note, language and host (product.md, rule 11).

Servers with few followers are counted and not named (rule 8), except on the command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from actors.model import Kind
from actors.service.desk import By, Desk, readable
from actors.service.saying import TAKES_NO_EDITS
from fediverse.store import report
from fediverse.store.database import Transaction
from fediverse.store.report import Word

FEW: Final = 5
"""A server with fewer followers of this actor is never named beside a count (product.md, rule 8)."""


class Outcome(StrEnum):
    """What became of the last word at a server."""

    DELIVERED = "delivered"
    DELETED_THERE = "deleted there"  # it takes no edits, or the note was withdrawn: it confirmed the Delete
    WAITING = "waiting"
    REFUSED = "refused"
    GONE = "gone"
    PARKED = "parked"
    NEVER_SENT = "never sent"


@dataclass(frozen=True, slots=True)
class AtHost:
    """One outcome at one host, for `inboxes` of its inboxes (one where it shares one). `word` is what was said last."""

    host: str
    software: str | None
    word: str
    outcome: Outcome
    inboxes: int
    attempts: int
    next_attempt: datetime | None
    status: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NoteReport:
    """One note. `counts` are over all inboxes; `hosts` holds those that may be named, `unnamed` counts the others."""

    note_id: str
    url: str
    kind: Kind
    language: str
    withdrawn: bool
    counts: Mapping[Outcome, int]
    hosts: Sequence[AtHost]
    unnamed: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The delivery report of a campaign. `settled`: every server that may hold one of its notes has its last word."""

    slug: str
    state: str
    notes: Sequence[NoteReport]
    counts: Mapping[Outcome, int]

    @property
    def settled(self) -> bool:
        """Whether nobody is left who has not confirmed."""
        return not any(self.counts.get(each, 0) for each in (Outcome.WAITING, Outcome.REFUSED, Outcome.PARKED))


async def delivery_report(tx: Transaction, desk: Desk, by: By, slug: str, *, named: bool = False) -> Report:
    """The report of a campaign; `named` (command line only) names every host. Readers may ask. Raises NotThere."""
    kept = await readable(tx, by, slug)
    said = [(each.kind, note) for each in kept.campaign.announcements for note in each.notes]
    words = await report.last_words(tx, [desk.note_url(note.id) for _, note in said])
    followers = await report.followers_by_host(tx, kept.actor)
    many = {host for host, number in followers.items() if number >= FEW}
    notes = []
    for kind, note in said:
        url = desk.note_url(note.id)
        mine = [word for word in words if word.note == url]
        shown = [word for word in mine if named or word.host in many]
        hidden = [word for word in mine if not (named or word.host in many)]
        notes.append(
            NoteReport(
                note_id=note.id,
                url=url,
                kind=kind,
                language=note.language,
                withdrawn=note.withdrawn is not None,
                counts=Counter(outcome(word) for word in mine),
                hosts=_by_host(shown),
                unnamed=Counter(outcome(word) for word in hidden),
            )
        )
    return Report(slug, kept.campaign.state.value, notes, Counter(outcome(word) for word in words))


def outcome(word: Word) -> Outcome:
    """The ledger's state, in the words of the report."""
    match word.state:
        case "waiting" | "claimed":
            return Outcome.WAITING
        case "delivered":
            return Outcome.DELETED_THERE if word.kind == "delete" else Outcome.DELIVERED
        case "cancelled":
            return Outcome.NEVER_SENT
        case state:
            return Outcome(state)


def takes_no_edits(at: AtHost) -> bool:
    """Whether a host's software ignores edits of notes, so that closing deletes its copies."""
    return at.software in TAKES_NO_EDITS


def _by_host(words: Sequence[Word]) -> Sequence[AtHost]:
    """Equal outcomes at one host in one line, with the earliest next attempt."""
    groups: dict[tuple[object, ...], list[Word]] = {}
    for word in words:
        key = (word.host, word.kind, outcome(word), word.status, word.reason)
        groups.setdefault(key, []).append(word)
    return [
        AtHost(
            host=group[0].host,
            software=group[0].software,
            word=group[0].kind,
            outcome=outcome(group[0]),
            inboxes=len(group),
            attempts=max(word.attempts for word in group),
            next_attempt=min((word.next_attempt for word in group if word.next_attempt), default=None),
            status=group[0].status,
            reason=group[0].reason,
        )
        for group in groups.values()
    ]
