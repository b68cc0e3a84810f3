"""`clarion campaign …`: everything an organiser may do at the admin endpoint, as an operator, also without a server."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click

from actors.admin import views
from actors.cli.accounts import actor_id, one_actor
from actors.cli.front import Given, pass_given, read_document
from actors.cli.output import moment, remark, say, show, show_json
from actors.model import CloseReason, Destination
from actors.service import acts, drafts
from actors.service.desk import Desk, NotThere
from actors.service.report import AtHost, NoteReport, delivery_report
from actors.store import campaigns
from actors.store.campaigns import Kept
from fediverse.protocol.strict_json import Json
from fediverse.store.database import Transaction

Move = Callable[..., Awaitable[Kept]]

MOVES: Final[dict[str, tuple[Move, str]]] = {
    "open": (acts.open, "Publish the appeals of a draft. Asks for a closed form in every language."),
    "goal-update": (acts.goal_update, "Say how far the campaign is, in reply to its appeal."),
    "pause": (acts.pause, "Stop asking for now, in every note."),
    "resume": (acts.resume, "Ask again after a pause."),
}

slug = click.argument("slug")
if_version = click.option(
    "--if-version", "expected", type=click.IntRange(min=1), help="Only if it is at this version now."
)
as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")


@click.group()
def campaign() -> None:
    """Campaigns: write, open, update, pause, close, retract; who has confirmed."""


@campaign.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--slug", "chosen", help="Its name in URLs; FILE's own name if left out.")
@click.option("--actor", "handle", help="Whose it is; needed where the server has several actors.")
@if_version
@pass_given
def put(given: Given, file: Path, chosen: str | None, handle: str | None, expected: int | None) -> None:
    """Write a draft, or replace it, from the JSON document in FILE (- for standard input)."""
    if chosen is None and str(file) == "-":
        raise click.UsageError("a document from standard input needs --slug")
    name, body = chosen or file.stem, read_document(file)

    async def act(tx: Transaction, desk: Desk) -> tuple[Kept, bool]:
        owner = await campaigns.owner(tx, name) if handle is None else None
        actor = owner or await one_actor(tx, handle)
        return await drafts.put_draft(tx, desk, None, name, body, actor=actor, expected=expected)

    kept, is_new = given.write(act)
    say(f"{_standing(kept)}{', new' if is_new else ''}")


def _add_move(name: str, move: Move, help_text: str) -> None:
    @campaign.command(name, help=help_text)
    @slug
    @if_version
    @pass_given
    def command(given: Given, slug: str, expected: int | None) -> None:
        say(_standing(given.write(lambda tx, desk: move(tx, desk, None, slug, expected=expected))))


for _name, (_move, _help) in MOVES.items():
    _add_move(_name, _move, _help)


@campaign.command()
@slug
@click.option(
    "--reason",
    type=click.Choice([CloseReason.GOAL_MET.value, CloseReason.BY_HAND.value]),
    default=CloseReason.BY_HAND.value,
    show_default=True,
    help="Why: told in the closure notices.",
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path, allow_dash=True),
    help='Other closing texts than prepared: JSON, {"en": {"outcome": "…", "projects": []}}.',
)
@if_version
@pass_given
def close(given: Given, slug: str, reason: str, texts: Path | None, expected: int | None) -> None:
    """Close: nobody is asked any more, and every server that has a note of it is told so."""
    closed = None if texts is None else read_document(texts)
    kept = given.write(
        lambda tx, desk: acts.close(tx, desk, None, slug, reason=CloseReason(reason), closed=closed, expected=expected)
    )
    say(_standing(kept))
    remark(f"Who has confirmed: clarion campaign report {slug}")


@campaign.command()
@slug
@click.option("--erase", is_flag=True, help="Leave no line about it in public either.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@if_version
@pass_given
def retract(given: Given, slug: str, erase: bool, yes: bool, expected: int | None) -> None:
    """Delete every note of it everywhere, and every text here. Cannot be undone."""
    # Only people are asked. Retracting must never hang in a script because nobody answers.
    if not yes and sys.stdin.isatty():
        click.confirm(f"Retract {slug}, for good?", abort=True, err=True)
    say(_standing(given.write(lambda tx, desk: acts.retract(tx, desk, None, slug, erase=erase, expected=expected))))


@campaign.command()
@click.argument("note_id")
@pass_given
def withdraw(given: Given, note_id: str) -> None:
    """Delete one note everywhere, before everything else. NOTE_ID as `campaign show` has it, or the note's URL."""
    wanted = note_id.rstrip("/").rpartition("/")[2]

    async def act(tx: Transaction, desk: Desk) -> Kept:
        owner = await campaigns.by_note(tx, wanted)
        if owner is None:
            raise NotThere("there is no such note")
        return await acts.withdraw_note(tx, desk, None, owner, wanted)

    say(_standing(given.write(act)))


@campaign.command("raise")
@slug
@click.argument("destination")
@click.argument("amount")
@click.option("--as-of", help="When that was true, such as 2026-12-31T18:00:00Z; now if left out.")
@if_version
@pass_given
def raise_(given: Given, *, slug: str, destination: str, amount: str, as_of: str | None, expected: int | None) -> None:
    """Say what DESTINATION (id or URL) has raised for a campaign: AMOUNT like 1250.50, in its currency."""

    async def act(tx: Transaction, desk: Desk) -> Kept:
        kept = await drafts.campaign(tx, None, slug)
        place = destination_of(kept.campaign.destinations, destination)
        return await drafts.set_raised(tx, desk, None, slug, place, amount=amount, as_of=as_of, expected=expected)

    kept = given.write(act)
    say(f"{_standing(kept)}; raised {kept.campaign.figures.percent} %")


def destination_of(places: tuple[Destination, ...], wanted: str) -> str:
    """The id of the destination of this id or URL. Raises NotThere."""
    for place in places:
        if wanted in (place.id, place.url):
            return place.id
    raise NotThere("this campaign has no such destination")


@campaign.command("list")
@click.option("--actor", "handle", help="Only those of one actor.")
@as_json
@pass_given
def list_(given: Given, handle: str | None, as_json: bool) -> None:
    """Every campaign, with its state."""

    async def look(tx: Transaction, _: Desk) -> list[dict[str, Json]]:
        return [
            {"actor": name, **_row(kept)}
            for name, actor in await actor_id(tx, handle)
            for kept in await drafts.list_campaigns(tx, None, actor)
        ]

    columns = ("slug", "actor", "state", "goal", "percent", "expires", "version")
    show(given.read(look), columns=columns, as_json=as_json)


@campaign.command("show")
@slug
@as_json
@pass_given
def show_(given: Given, slug: str, as_json: bool) -> None:
    """One campaign: state, figures, destinations, notes."""

    async def look(tx: Transaction, desk: Desk) -> tuple[Kept, Desk]:
        return await drafts.campaign(tx, None, slug), desk

    kept, desk = given.read(look)
    found = kept.campaign
    if as_json:
        show_json(views.campaign(desk, kept))
        return
    places: list[dict[str, Json]] = [_place(each) for each in found.destinations]
    notes: list[dict[str, Json]] = [
        {
            "note": note.id,
            "kind": said.kind.value,
            "language": note.language,
            "published": moment(said.published),
            "withdrawn": moment(note.withdrawn),
        }
        for said in found.announcements
        for note in said.notes
    ]
    for name, value in _row(kept).items():
        if value is not None:
            say(f"{name}: {' '.join(map(str, value)) if isinstance(value, list) else value}")
    for text in found.texts:
        say(f"title ({text.language}): {text.title}")
    if places:
        say("")
        show(places, columns=("destination", "label", "url", "raised", "as_of"))
    if notes:
        say("")
        show(notes, columns=("note", "kind", "language", "published", "withdrawn"))


@campaign.command("report")
@slug
@as_json
@pass_given
def report_(given: Given, slug: str, as_json: bool) -> None:
    """Which servers have confirmed the last word of each note, and which have not. Names every server."""
    found = given.read(lambda tx, desk: delivery_report(tx, desk, None, slug, named=True))
    if as_json:
        show_json(views.report(found))
        return
    say(f"{found.slug} is {found.state}")
    rows = [_at_host(note, at) for note in found.notes for at in note.hosts]
    if rows:
        columns = ("host", "software", "kind", "language", "word", "outcome", "inboxes", "attempts")
        show(rows, columns=(*columns, "next_attempt", "why"))
    for outcome, number in sorted(found.counts.items()):
        say(f"{number} {outcome.value}")
    if not rows:
        say("No server was owed anything.")
    elif found.settled:
        say("Every server that may hold a note has its last word.")
    else:
        say("Not every server has confirmed.")


def _at_host(note: NoteReport, at: AtHost) -> dict[str, Json]:
    return {
        "host": at.host,
        "software": at.software,
        "kind": note.kind.value,
        "language": note.language,
        "word": at.word,
        "outcome": at.outcome.value,
        "inboxes": at.inboxes,
        "attempts": at.attempts,
        "next_attempt": moment(at.next_attempt),
        "why": " ".join(str(each) for each in (at.status, at.reason) if each is not None) or None,
    }


def _standing(kept: Kept) -> str:
    return f"{kept.campaign.slug} is {kept.campaign.state.value} (version {kept.version})"


def _row(kept: Kept) -> dict[str, Json]:
    found = kept.campaign
    return {
        "slug": found.slug,
        "state": found.state.value,
        "reason": found.reason.value if found.reason else None,
        "version": kept.version,
        "languages": [*found.languages],
        "goal": f"{found.goal.text()} {found.goal.currency}",
        "percent": found.figures.percent,
        "expires": moment(found.expires),
        "opened": moment(found.opened),
        "closed": moment(found.closed),
        "retracted": moment(found.retracted),
    }


def _place(place: Destination) -> dict[str, Json]:
    return {
        "destination": place.id,
        "label": place.label,
        "url": place.url,
        "kind": place.kind.value,
        "state": place.state.value,
        "raised": f"{place.raised.text()} {place.raised.currency}" if place.raised else None,
        "as_of": moment(place.as_of),
    }
