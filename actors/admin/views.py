"""What is answered, as JSON: amounts are decimal strings, times RFC 3339 in UTC, nothing is left out but null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final

from actors.model import Announcement, AppealText, Campaign, ClosedText, Destination, State
from actors.notices import page_url
from actors.service.desk import Desk
from actors.service.report import AtHost, NoteReport, Outcome, Report
from actors.store.audit import Entry
from actors.store.campaigns import Kept
from actors.store.profiles import Profile
from fediverse.protocol.strict_json import Json
from fediverse.store.local_actors import LocalActor

HEADINGS: Final = ("outcome", "inboxes", "server", "software", "last answer", "next attempt")


def moment(at: datetime | None) -> str | None:
    """A time with its Z, to the microsecond where it has any."""
    return at.isoformat().replace("+00:00", "Z") if at is not None else None


def actor(desk: Desk, known: LocalActor, profile: Profile) -> dict[str, Json]:
    """An actor: what it says of itself as typed, and where it is found."""
    return {
        "id": known.id,
        "handle": known.handle,
        "address": f"@{known.handle}@{desk.handle_domain}",
        "url": f"{desk.origin}/@{known.handle}",
        "name": profile.name,
        "summary": profile.summary,
        "published": moment(known.published),
    }


def destination(place: Destination) -> dict[str, Json]:
    """A destination on an actor's list."""
    return {
        "id": place.id,
        "label": place.label,
        "url": place.url,
        "kind": place.kind.value,
        "currency": place.currency,
        "state": place.state.value,
    }


def summary(kept: Kept) -> dict[str, Json]:
    """A campaign in a list."""
    campaign = kept.campaign
    return {
        "slug": campaign.slug,
        "version": kept.version,
        "state": campaign.state.value,
        "languages": list(campaign.languages),
        "expires": moment(campaign.expires),
    }


def campaign(desk: Desk, kept: Kept) -> dict[str, Json]:
    """A campaign whole. `document` is what was handed in, as PUT takes it; null once it was retracted."""
    told = kept.campaign
    return {**standing(desk, kept), "document": None if told.state is State.RETRACTED else _document(told)}


def standing(desk: Desk, kept: Kept) -> dict[str, Json]:
    """A campaign without its texts, as moves answer: such answers are kept, and texts must be gone once withdrawn."""
    told = kept.campaign
    figures = told.figures
    public = told.state not in (State.DRAFT, State.RETRACTED)
    return {
        **summary(kept),
        "actor": kept.actor,
        "pages": {language: page_url(told, language, desk.origin) for language in told.languages} if public else {},
        "opened": moment(told.opened),
        "paused": moment(told.paused),
        "closed": moment(told.closed),
        "reason": told.reason.value if told.reason else None,
        "retracted": moment(told.retracted),
        "figures": {
            "goal": figures.goal.text(),
            "raised": figures.raised.text(),
            "currency": figures.goal.currency,
            "percent": figures.percent,
            "approximate": figures.approximate,
            "as_of": moment(figures.as_of),
        },
        "destinations": [_with_raised(place) for place in told.destinations],
        "announcements": [_announcement(desk, said) for said in told.announcements],
    }


def report(found: Report) -> dict[str, Json]:
    """The delivery report."""
    return {
        "slug": found.slug,
        "state": found.state,
        "settled": found.settled,
        "counts": _counts(found.counts),
        "notes": [_note_report(note) for note in found.notes],
    }


def report_text(found: Report) -> str:
    """The delivery report as a table for a terminal: plain ASCII, whatever other servers call themselves."""
    lines = [f"campaign {found.slug}: {found.state}; {_settled(found)}"]
    for note in found.notes:
        gone = ", withdrawn" if note.withdrawn else ""
        lines += ["", f"{note.kind.value} in {note.language}{gone}  {note.url}"]
        hidden = [(word.value, str(number), "(few followers)") for word, number in note.unnamed.items()]
        rows = [*map(_row, note.hosts), *hidden]
        lines += _columns([HEADINGS, *rows]) if rows else ["  sent to nobody"]
    return "".join(f"{_printable(line)}\n" for line in lines)


def entry(of: Entry) -> dict[str, Json]:
    """A line of the audit; `organiser` is null for an operator and for the server by itself."""
    return {
        "number": of.number,
        "at": moment(of.at),
        "organiser": of.organiser,
        "act": of.act,
        "campaign": of.campaign,
        "detail": dict(of.detail),
        "previous": of.previous,
        "hash": of.hash,
    }


def _with_raised(place: Destination) -> dict[str, Json]:
    raised = place.raised.text() if place.raised is not None else None
    return {**destination(place), "raised": raised, "as_of": moment(place.as_of)}


def _announcement(desk: Desk, said: Announcement) -> dict[str, Json]:
    notes: list[Json] = [
        {"id": note.id, "url": desk.note_url(note.id), "language": note.language, "withdrawn": moment(note.withdrawn)}
        for note in said.notes
    ]
    return {"id": said.id, "kind": said.kind.value, "published": moment(said.published), "notes": notes}


def _document(told: Campaign) -> dict[str, Json]:
    return {
        "goal_amount": told.goal.text(),
        "currency": told.goal.currency,
        "expires": moment(told.expires),
        "destinations": [place.url for place in told.destinations],
        "languages": {text.language: _text(text, told.closing(text.language)) for text in told.texts},
    }


def _text(text: AppealText, closing: ClosedText | None) -> dict[str, Json]:
    return {
        "title": text.title,
        "lead": text.lead,
        "ask": text.ask,
        "full_text": text.full_text,
        "hashtags": list(text.hashtags),
        "closed": _closing(closing) if closing is not None else None,
    }


def _closing(text: ClosedText) -> dict[str, Json]:
    projects: list[Json] = [{"name": project.name, "url": project.url} for project in text.projects]
    return {"outcome": text.outcome, "projects": projects}


def _note_report(note: NoteReport) -> dict[str, Json]:
    return {
        "id": note.note_id,
        "url": note.url,
        "kind": note.kind.value,
        "language": note.language,
        "withdrawn": note.withdrawn,
        "counts": _counts(note.counts),
        "hosts": [_host(at) for at in note.hosts],
        "unnamed": _counts(note.unnamed),
    }


def _host(at: AtHost) -> dict[str, Json]:
    return {
        "host": at.host,
        "software": at.software,
        "word": at.word,
        "outcome": at.outcome.value,
        "inboxes": at.inboxes,
        "attempts": at.attempts,
        "next_attempt": moment(at.next_attempt),
        "status": at.status,
        "reason": at.reason,
    }


def _counts(counts: Mapping[Outcome, int]) -> dict[str, Json]:
    return {outcome.value: number for outcome, number in counts.items()}


def _settled(found: Report) -> str:
    if found.settled:
        return "nobody is left who has not confirmed"
    open_ones = (Outcome.WAITING, Outcome.REFUSED, Outcome.PARKED)
    return "not confirmed: " + ", ".join(
        f"{found.counts[each]} {each.value}" for each in open_ones if found.counts[each]
    )


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(at: AtHost) -> tuple[str, ...]:
    last = " ".join(str(each) for each in (at.status, at.reason) if each is not None)
    again = at.next_attempt.strftime("%Y-%m-%d %H:%MZ") if at.next_attempt is not None else ""
    return (at.outcome.value, str(at.inboxes), at.host, at.software or "", last, again)


def _printable(line: str) -> str:
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in line)
