"""Which notes an actor pins: what is safe to know first, then what is asked for (product.md, rule 7).

Pinned notes are the only ones a server reads that meets the actor later (mastodon-compat §5.1), and there are five
places for all campaigns of an actor together. So pins are never kept, but reckoned from all campaigns each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from actors.model import Campaign, Kind, Note, State

MAX_PINS: Final = 5
SAFETY_DAYS: Final = 30
"""How long a closure note keeps its place before every appeal."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A note to be pinned, at its place in the list (0 first)."""

    note_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Unpin:
    """A note to be unpinned."""

    note_id: str


def pins(campaigns: Iterable[Campaign], now: datetime) -> tuple[str, ...]:
    """The ids of the notes an actor pins now, in order, at most 5.

    Closure notes younger than 30 days, then the first language of each open or paused campaign, then its others; within
    each the newest campaign first. Appeals past their expiry are left out even before they are closed.
    """
    known = tuple(campaigns)
    ended = [each for each in known if each.state is State.CLOSED]
    ended.sort(key=lambda each: each.closed or now, reverse=True)
    running = [each for each in known if each.state in (State.OPEN, State.PAUSED) and each.expires > now]
    running.sort(key=lambda each: each.opened or now, reverse=True)
    safety = [_standing(each, Kind.CLOSURE, now - timedelta(days=SAFETY_DAYS)) for each in ended]
    appeals = [_standing(each, Kind.APPEAL, None) for each in running]
    order = [note for group in (safety, appeals) for part in (_firsts(group), _others(group)) for note in part]
    return tuple(note.id for note in order[:MAX_PINS])


def pin_changes(pinned: Sequence[str], campaigns: Iterable[Campaign], now: datetime) -> tuple[Pin | Unpin, ...]:
    """What takes an actor from the notes pinned now to those that should be: first out, then in.

    A note that stays but moves is said as a Pin at its new position.
    """
    wanted = pins(campaigns, now)
    out = tuple(Unpin(note_id) for note_id in pinned if note_id not in wanted)
    kept = [note_id for note_id in pinned if note_id in wanted]
    if kept == [note_id for note_id in wanted if note_id in kept]:
        fresh = [note_id for note_id in wanted if note_id not in kept]
    else:
        fresh = list(wanted)
    return out + tuple(Pin(note_id, at) for at, note_id in enumerate(wanted) if note_id in fresh)


def _standing(campaign: Campaign, kind: Kind, since: datetime | None) -> list[Note]:
    notes = [note for said in campaign.of(kind) if since is None or said.published > since for note in said.standing]
    return sorted(notes, key=lambda note: campaign.languages.index(note.language))


def _firsts(groups: Iterable[list[Note]]) -> list[Note]:
    return [note for group in groups for note in group[:1]]


def _others(groups: Iterable[list[Note]]) -> list[Note]:
    return [note for group in groups for note in group[1:]]
