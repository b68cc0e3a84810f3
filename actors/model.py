"""What a campaign is made of, and the changes a move brings: frozen values without behaviour of their own.

The words are product.md's. Who reads `campaign.py` (the moves) and `notices.py` (what is said) needs these and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from actors.money import Figures, Money, Rate, figures


class State(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    RETRACTED = "retracted"


class Move(StrEnum):
    OPEN = "open"
    GOAL_UPDATE = "goal_update"
    PAUSE = "pause"
    RESUME = "resume"
    CLOSE = "close"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"
    RETRACT = "retract"


class CloseReason(StrEnum):
    GOAL_MET = "goal_met"
    BY_HAND = "by_hand"
    EXPIRED = "expired"


class Form(StrEnum):
    """How a campaign and its notes present themselves."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    EXPIRED = "expired"


class Kind(StrEnum):
    """What an announcement is."""

    APPEAL = "appeal"
    GOAL_UPDATE = "goal_update"
    CLOSURE = "closure"


class Help(StrEnum):
    """What a destination takes."""

    MONEY = "money"
    OFFER = "offer"


class Standing(StrEnum):
    """Where a destination stands on its actor's list."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where help goes. `url` is canonical https; `raised` (of this campaign) was true at `as_of`; both or neither."""

    id: str
    label: str
    url: str
    kind: Help
    state: Standing
    currency: str | None = None
    raised: Money | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class AppealText:
    """An appeal in one language, as checked: title is one line, the others Markdown, hashtags without the `#`."""

    language: str
    title: str
    lead: str
    ask: str
    full_text: str
    hashtags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A project to support instead, with its own page, which takes no payment."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class ClosedText:
    """What is said in one language once the campaign is closed."""

    language: str
    outcome: str
    projects: tuple[Project, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """One note of an announcement. A withdrawn one keeps its id, which is never used again."""

    id: str
    language: str
    withdrawn: datetime | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing said about a campaign; `figures` are the ones it says, kept as they were."""

    id: str
    kind: Kind
    published: datetime
    notes: tuple[Note, ...]
    figures: Figures

    @property
    def standing(self) -> tuple[Note, ...]:
        """Its notes that were not withdrawn."""
        return tuple(note for note in self.notes if note.withdrawn is None)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One fundraiser. `id` (32 hex) also names the context its notes share; the first language is the main one.

    `texts` holds no language whose appeal was withdrawn, and nothing after a retraction; `closings` one per language.
    """

    id: str
    slug: str
    languages: tuple[str, ...]
    texts: tuple[AppealText, ...]
    closings: tuple[ClosedText, ...]
    goal: Money
    expires: datetime
    destinations: tuple[Destination, ...]
    rates: tuple[Rate, ...] = ()
    state: State = State.DRAFT
    announcements: tuple[Announcement, ...] = ()
    opened: datetime | None = None
    paused: datetime | None = None
    closed: datetime | None = None
    reason: CloseReason | None = None
    retracted: datetime | None = None
    erased: bool = False

    def text(self, language: str) -> AppealText | None:
        """The appeal in a language, or None where it has none (any more)."""
        return next((text for text in self.texts if text.language == language), None)

    def closing(self, language: str) -> ClosedText | None:
        """The closing text in a language, or None."""
        return next((text for text in self.closings if text.language == language), None)

    def of(self, *kinds: Kind) -> tuple[Announcement, ...]:
        """Its announcements of these kinds, oldest first."""
        return tuple(said for said in self.announcements if said.kind in kinds)

    def appeal_note(self, language: str) -> Note | None:
        """The standing note that carries the appeal in a language, or None."""
        notes = (note for said in self.of(Kind.APPEAL) for note in said.standing)
        return next((note for note in notes if note.language == language), None)

    @property
    def figures(self) -> Figures:
        """The public figures as they are now; only destinations of money count."""
        return figures(
            self.goal,
            [(d.raised, d.as_of) for d in self.destinations if d.raised is not None and d.as_of is not None],
            self.rates,
        )

    @property
    def form(self) -> Form:
        """The form its notes take. Of drafts and retracted campaigns nothing is shown: ValueError."""
        match self.state:
            case State.OPEN:
                return Form.OPEN
            case State.PAUSED:
                return Form.PAUSED
            case State.CLOSED:
                return Form.EXPIRED if self.reason is CloseReason.EXPIRED else Form.CLOSED
            case _:
                raise ValueError(f"a campaign that is {self.state} has no form")


@dataclass(frozen=True, slots=True)
class SayNote:
    """A new note. `reply_to` is the id of a note; `unlisted` ones stay out of public timelines."""

    kind: Kind
    language: str
    note_id: str
    reply_to: str | None
    unlisted: bool
    form: Form


@dataclass(frozen=True, slots=True)
class EditNote:
    """A note to be said again, in this form. Hosts that take no edits get a Delete where it is closed or expired."""

    kind: Kind
    language: str
    note_id: str
    form: Form


@dataclass(frozen=True, slots=True)
class EraseNote:
    """A note to be deleted wherever it may be, before everything else."""

    note_id: str


@dataclass(frozen=True, slots=True)
class ChangePins:
    """The actor's pins are to be reckoned anew, over all its campaigns (pins.pin_changes)."""


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """The actor's fields have changed. Figures alone (`urgent` False) are worth one Update a day."""

    urgent: bool = True


Change = SayNote | EditNote | EraseNote | ChangePins | ChangeProfile
Moved = tuple[Campaign, tuple[Change, ...]]
NewId = Callable[[], str]
