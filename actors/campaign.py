"""The life of a campaign: which act is possible in which state, and what it obliges us to say.

Pure: a move takes a campaign and returns the campaign after it, with the changes to be said, in the order they are to
be written. Times are aware UTC datetimes; new ids come from the caller.

    draft ──open──> open <──resume── paused
                     │ └────pause────> │
                     └──close, expire──┴──> closed          (close again: replaces an expiry's reason and texts)
    open, paused, closed ──retract──> retracted
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from actors.model import (
    Announcement,
    Campaign,
    ChangePins,
    ChangeProfile,
    ClosedText,
    CloseReason,
    Destination,
    EditNote,
    EraseNote,
    Form,
    Kind,
    Move,
    Moved,
    NewId,
    Note,
    SayNote,
    Standing,
    State,
)
from actors.refusals import MoveRefused, Problems, Refused

MOVES: Final[Mapping[Move, Mapping[State, State]]] = MappingProxyType(
    {
        Move.OPEN: {State.DRAFT: State.OPEN},
        Move.GOAL_UPDATE: {State.OPEN: State.OPEN},
        Move.PAUSE: {State.OPEN: State.PAUSED},
        Move.RESUME: {State.PAUSED: State.OPEN},
        Move.CLOSE: {State.OPEN: State.CLOSED, State.PAUSED: State.CLOSED, State.CLOSED: State.CLOSED},
        Move.EXPIRE: {State.OPEN: State.CLOSED, State.PAUSED: State.CLOSED},
        Move.WITHDRAW: {State.OPEN: State.OPEN, State.PAUSED: State.PAUSED, State.CLOSED: State.CLOSED},
        Move.RETRACT: {State.OPEN: State.RETRACTED, State.PAUSED: State.RETRACTED, State.CLOSED: State.RETRACTED},
    }
)

MAX_LANGUAGES: Final = 3
"""Five languages are five posts in one feed (product.md, rule 7)."""
MAX_LIFE: Final = timedelta(days=180)
"""How far ahead an expiry may lie; extending is an ordinary edit."""


def open(campaign: Campaign, listed: Iterable[Destination], now: datetime, new_id: NewId) -> Moved:
    """Opens a draft: one appeal note per language, pins and profile.

    `listed` is the actor's own list of destinations. Raises MoveRefused for the state, and Refused naming every field
    that stands in the way: a campaign opens only with an end, an active destination and its closing texts.
    """
    state = _target(Move.OPEN, campaign)
    problems = Problems()
    _check_end(campaign.expires, now, problems)
    _check_languages(campaign, problems)
    if campaign.goal.amount <= 0:
        problems.add("goal_amount", "must be more than 0")
    _check_destinations(campaign, listed, problems)
    problems.settle()
    said = Announcement(
        new_id(), Kind.APPEAL, now, tuple(Note(new_id(), language) for language in campaign.languages), campaign.figures
    )
    changes = tuple(SayNote(Kind.APPEAL, note.language, note.id, None, False, Form.OPEN) for note in said.notes)
    after = replace(campaign, state=state, opened=now, announcements=(*campaign.announcements, said))
    return after, (*changes, ChangePins(), ChangeProfile())


def goal_update(campaign: Campaign, now: datetime, new_id: NewId) -> Moved:
    """Says how far the campaign is, in reply to its appeal, unlisted, in its first language that still stands.

    Raises MoveRefused for the state, past the expiry, and where every appeal note was withdrawn.
    """
    state = _target(Move.GOAL_UPDATE, campaign)
    if campaign.expires <= now:
        raise MoveRefused(Move.GOAL_UPDATE, campaign.state, "it has expired")
    appeals = [note for language in campaign.languages if (note := campaign.appeal_note(language))]
    if not appeals:
        raise MoveRefused(Move.GOAL_UPDATE, campaign.state, "every note of its appeal was withdrawn")
    parent = appeals[0]
    note = Note(new_id(), parent.language)
    said = Announcement(new_id(), Kind.GOAL_UPDATE, now, (note,), campaign.figures)
    after = replace(campaign, state=state, announcements=(*campaign.announcements, said))
    say = SayNote(Kind.GOAL_UPDATE, note.language, note.id, parent.id, True, Form.OPEN)
    return after, (say, ChangeProfile(urgent=False))


def pause(campaign: Campaign, now: datetime) -> Moved:
    """Stops asking for now: every note is said again as paused. Raises MoveRefused; past the expiry it still works."""
    after = replace(campaign, state=_target(Move.PAUSE, campaign), paused=now)
    return after, (*_edits(after), ChangeProfile())


def resume(campaign: Campaign, listed: Iterable[Destination], now: datetime) -> Moved:
    """Asks again: every note is said again as open, with the figures of now.

    Raises MoveRefused for the state, Refused where the expiry has passed or no destination is active.
    """
    state = _target(Move.RESUME, campaign)
    problems = Problems()
    if campaign.expires <= now:
        problems.add("expires", "has passed")
    _check_destinations(campaign, listed, problems)
    problems.settle()
    fresh = tuple(
        replace(said, figures=campaign.figures) if said.kind is Kind.APPEAL else said for said in campaign.announcements
    )
    after = replace(campaign, state=state, paused=None, announcements=fresh)
    return after, (*_edits(after), ChangeProfile())


def close(
    campaign: Campaign,
    reason: CloseReason,
    now: datetime,
    new_id: NewId,
    closings: Iterable[ClosedText] = (),
) -> Moved:
    """Closes the campaign: every earlier note in its closed form, and a closure note per language.

    `closings` replace the texts prepared at drafting, language by language. A closed campaign stays as it is, without
    changes and without an error; one that expired takes the reason and the texts by one more edit of every note.
    Raises MoveRefused for the state, ValueError for the reason `expired`, which only `expire` gives.
    """
    state = _target(Move.CLOSE, campaign)
    if reason is CloseReason.EXPIRED:
        raise ValueError("only expire() closes for this reason")
    if campaign.state is State.CLOSED and campaign.reason is not CloseReason.EXPIRED:
        return campaign, ()
    given = {text.language: text for text in closings}
    texts = tuple(given.pop(text.language, text) for text in campaign.closings)
    if given:
        raise Refused.field("languages", f"not of this campaign: {', '.join(sorted(given))}")
    after = replace(campaign, closings=texts)
    if campaign.state is State.CLOSED:
        after = replace(after, reason=reason)
        return after, (*_edits(after), ChangeProfile())
    return _closed(after, state, reason, now, new_id)


def expire(campaign: Campaign, now: datetime, new_id: NewId) -> Moved:
    """Closes a campaign whose end has come, with generated texts. Raises MoveRefused for the state or too early."""
    state = _target(Move.EXPIRE, campaign)
    if now < campaign.expires:
        raise MoveRefused(Move.EXPIRE, campaign.state, "its end has not come")
    return _closed(campaign, state, CloseReason.EXPIRED, now, new_id)


def withdraw(campaign: Campaign, note_id: str, now: datetime) -> Moved:
    """Deletes one note; the others and the campaign stay.

    With an appeal note its text goes from the campaign too, so that nothing can say it again. A note already withdrawn
    is no error. Raises MoveRefused for the state and for a note that is not the campaign's.
    """
    state = _target(Move.WITHDRAW, campaign)
    found = [(said, note) for said in campaign.announcements for note in said.notes if note.id == note_id]
    if not found:
        raise MoveRefused(Move.WITHDRAW, campaign.state, "it has no such note")
    said, note = found[0]
    if note.withdrawn is not None:
        return campaign, ()
    announcements = tuple(
        replace(each, notes=tuple(replace(n, withdrawn=now) if n.id == note_id else n for n in each.notes))
        for each in campaign.announcements
    )
    lost = note.language if said.kind is Kind.APPEAL else None
    texts = tuple(text for text in campaign.texts if text.language != lost)
    after = replace(campaign, state=state, announcements=announcements, texts=texts)
    return after, (EraseNote(note_id), ChangePins(), ChangeProfile())


def retract(campaign: Campaign, now: datetime, *, erase: bool = False) -> Moved:
    """Deletes every note and forgets every text; final. `erase` leaves not even a public line that it was withdrawn.

    Raises MoveRefused for the state.
    """
    state = _target(Move.RETRACT, campaign)
    erasures = tuple(EraseNote(note.id) for said in campaign.announcements for note in said.standing)
    announcements = tuple(
        replace(said, notes=tuple(replace(note, withdrawn=note.withdrawn or now) for note in said.notes))
        for said in campaign.announcements
    )
    after = replace(
        campaign,
        state=state,
        retracted=now,
        erased=erase,
        announcements=announcements,
        texts=(),
        closings=(),
        destinations=(),
    )
    return after, (*erasures, ChangePins(), ChangeProfile())


def _target(move: Move, campaign: Campaign) -> State:
    try:
        return MOVES[move][campaign.state]
    except KeyError:
        possible = ", ".join(state for state in MOVES[move])
        raise MoveRefused(move, campaign.state, f"this is possible while it is: {possible}") from None


def _edits(campaign: Campaign) -> tuple[EditNote, ...]:
    return tuple(
        EditNote(said.kind, note.language, note.id, campaign.form)
        for said in campaign.announcements
        for note in said.standing
    )


def _closed(campaign: Campaign, state: State, reason: CloseReason, now: datetime, new_id: NewId) -> Moved:
    after = replace(campaign, state=state, reason=reason, closed=now)
    edits = _edits(after)
    notes = tuple(Note(new_id(), language) for language in campaign.languages)
    said = Announcement(new_id(), Kind.CLOSURE, now, notes, campaign.figures)
    says = []
    for note in notes:
        parent = campaign.appeal_note(note.language)
        reply_to = parent.id if parent else None
        says.append(SayNote(Kind.CLOSURE, note.language, note.id, reply_to, False, after.form))
    after = replace(after, announcements=(*after.announcements, said))
    return after, (*edits, *says, ChangePins(), ChangeProfile())


def _check_end(expires: datetime, now: datetime, problems: Problems) -> None:
    if expires <= now:
        problems.add("expires", "must lie ahead: no appeal without an end")
    elif expires > now + MAX_LIFE:
        problems.add("expires", f"must lie within {MAX_LIFE.days} days; a campaign can be extended")


def _check_languages(campaign: Campaign, problems: Problems) -> None:
    if not 1 <= len(campaign.languages) <= MAX_LANGUAGES:
        problems.add("languages", f"must be 1 to {MAX_LANGUAGES}")
    for language in campaign.languages:
        if campaign.text(language) is None:
            problems.add(f"languages.{language}", "has no appeal")
        if campaign.closing(language) is None:
            problems.add(f"languages.{language}.closed", "is missing: a campaign opens with its closing texts ready")


def _check_destinations(campaign: Campaign, listed: Iterable[Destination], problems: Problems) -> None:
    active = {place.url for place in listed if place.state is Standing.ACTIVE}
    if not any(place.url in active for place in campaign.destinations):
        problems.add("destinations", "none of them is an active destination on the actor's list")
