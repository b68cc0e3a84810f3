"""What leaves a host's line next: pure, over the open deliveries of one host.

The line is sorted by priority, then by the order owed. A delivery waits for another only while that one is open:

    Create(o)  <  Update(o), Add(o)        at the same inbox
    Create(p)  <  Create(o)                where o answers p
    Update(o)  …  Update(o) of another version at this host, ten seconds later

A Create that was tried since the waiting act was owed, and failed, holds a safety act back no longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fediverse.protocol.retry import Priority

BETWEEN_UPDATES = timedelta(seconds=10)
EXPIRED_LOOK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Open:
    """An open delivery; `version` is what it would carry now."""

    seq: int
    kind: str
    object: str | None
    reply_to: str | None
    version: int | None
    inbox: str
    priority: Priority
    attempts: int
    attempted: datetime | None
    owed: datetime
    not_before: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """The version and moment of the last Update of a note to this host."""

    version: int
    at: datetime


def next_up(line: Sequence[Open], spoken: Mapping[str, Spoken], now: datetime) -> Open | datetime | None:
    """The delivery to make now; else when to look again; None for an empty line.

    `line` is sorted by (priority, seq) and, where it is only the head of a longer one, holds every predecessor of
    what it holds: nothing is ever less urgent than what waits for it.
    """
    creates = {(row.object, row.inbox): row for row in line if row.kind == "create"}
    look = None
    for row in line:
        at = _ready(row, creates, spoken, now)
        if at <= now:
            return row
        look = at if look is None else min(look, at)
    return look


def is_expired(row: Open, now: datetime) -> bool:
    """An open form past its time: it waits for the closing that is on its way, and never leaves."""
    return row.valid_until is not None and row.valid_until <= now


def _ready(
    row: Open, creates: Mapping[tuple[str | None, str], Open], spoken: Mapping[str, Spoken], now: datetime
) -> datetime:
    at = row.not_before
    if is_expired(row, now):
        at = max(at, now + EXPIRED_LOOK)
    first = creates.get((row.reply_to if row.kind == "create" else row.object, row.inbox))
    if first is not None and first is not row and row.kind != "delete" and not _released(row, first):
        at = max(at, _ready(first, creates, spoken, now), now + timedelta(microseconds=1))
    last = spoken.get(row.object or "")
    if row.kind == "update" and last is not None and last.version != row.version:
        at = max(at, last.at + BETWEEN_UPDATES)
    return at


def _released(row: Open, first: Open) -> bool:
    return row.priority.is_safety and first.attempted is not None and first.attempted > row.owed
