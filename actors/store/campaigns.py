"""Campaigns as they are stored: the row, its texts per language, what was raised where, and every note said.

A campaign comes whole and goes back whole; `save` writes only the parts that changed. Slugs and note ids are never used
twice, whatever becomes of their campaign: the database refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.engine import RowMapping

from actors.model import Campaign, CloseReason, Kind, State
from actors.store import values
from actors.store.schema import (
    announcements,
    campaign_destinations,
    campaign_texts,
    campaigns,
    destinations,
    notes,
    profiles,
)
from fediverse.store.database import Transaction

RUNNING = (State.OPEN, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Kept:
    """A campaign as stored: whose it is, and its version, which grows with every change (`If-Match`)."""

    campaign: Campaign
    actor: str
    version: int


class SlugTaken(ValueError):
    """There is or was a campaign of this slug."""


async def lock_actor(tx: Transaction, actor: str) -> None:
    """Hold an actor until the end: its acts follow one another, as pins and profile are reckoned over all campaigns."""
    if tx.first_time(("actor", actor)):
        await tx.lock(select(profiles.c.actor).where(profiles.c.actor == actor))


async def owner(tx: Transaction, slug: str) -> str | None:
    """The actor whose campaign has this slug; it never changes. None where the slug is free."""
    found: str | None = await tx.value(select(campaigns.c.actor).where(campaigns.c.slug == slug))
    return found


async def by_slug(tx: Transaction, slug: str) -> Kept | None:
    """The campaign of this slug, or None. To change it, hold its actor first."""
    return next(iter(await _read(tx, await tx.rows(select(campaigns).where(campaigns.c.slug == slug)))), None)


async def of_actor(tx: Transaction, actor: str) -> Sequence[Kept]:
    """Every campaign of an actor, by slug."""
    rows = await tx.rows(select(campaigns).where(campaigns.c.actor == actor).order_by(campaigns.c.slug))
    return await _read(tx, rows)


async def by_note(tx: Transaction, note_id: str) -> str | None:
    """The slug of the campaign that a note (its 32 hex digits) belongs to, or None."""
    joined = (
        select(campaigns.c.slug)
        .join(announcements, announcements.c.campaign == campaigns.c.id)
        .join(notes, notes.c.announcement == announcements.c.id)
    )
    found: str | None = await tx.value(joined.where(notes.c.id == note_id))
    return found


async def overdue(tx: Transaction, now: datetime) -> Sequence[tuple[str, str]]:
    """(actor, slug) of every campaign whose end has come and that still runs, the oldest end first."""
    rows = await tx.rows(
        select(campaigns.c.actor, campaigns.c.slug)
        .where(campaigns.c.state.in_(RUNNING), campaigns.c.expires <= now)
        .order_by(campaigns.c.expires, campaigns.c.slug)
    )
    return [(row["actor"], row["slug"]) for row in rows]


async def notes_since(tx: Transaction, actor: str, since: datetime, kinds: Iterable[Kind]) -> int:
    """How many notes of these kinds an actor has published after `since`, withdrawn ones included."""
    joined = (
        select(func.count())
        .select_from(notes)
        .join(announcements, announcements.c.id == notes.c.announcement)
        .join(campaigns, campaigns.c.id == announcements.c.campaign)
    )
    wanted = (campaigns.c.actor == actor, announcements.c.published > since, announcements.c.kind.in_(tuple(kinds)))
    return int(await tx.value(joined.where(*wanted)) or 0)


async def add(tx: Transaction, actor: str, campaign: Campaign) -> Kept:
    """Store a new campaign as version 1. Raises SlugTaken, also where somebody else was faster by a moment."""
    row = tx.insert(campaigns).values(id=campaign.id, actor=actor, version=1, **_row(campaign))
    if (await tx.execute(row.on_conflict_do_nothing(index_elements=["slug"]))).rowcount == 0:
        raise SlugTaken(campaign.slug)
    await _texts(tx, campaign)
    await _destinations(tx, campaign)
    await _announcements(tx, campaign)
    return Kept(campaign, actor, 1)


async def save(tx: Transaction, before: Kept, campaign: Campaign) -> Kept:
    """Store the next version of a campaign; whoever calls holds its actor."""
    kept = Kept(campaign, before.actor, before.version + 1)
    old = before.campaign
    await tx.execute(
        update(campaigns).where(campaigns.c.id == campaign.id).values(version=kept.version, **_row(campaign))
    )
    if (old.texts, old.closings) != (campaign.texts, campaign.closings):
        await _texts(tx, campaign)
    if old.destinations != campaign.destinations:
        await _destinations(tx, campaign)
    if old.announcements != campaign.announcements:
        await _announcements(tx, campaign)
    return kept


def _row(campaign: Campaign) -> dict[str, Any]:
    return {
        "slug": campaign.slug,
        "state": campaign.state.value,
        "languages": " ".join(campaign.languages),
        "goal_amount": campaign.goal.text(),
        "currency": campaign.goal.currency,
        "rates": values.write_rates(campaign.rates),
        "expires": campaign.expires,
        "opened": campaign.opened,
        "paused": campaign.paused,
        "closed": campaign.closed,
        "reason": campaign.reason.value if campaign.reason else None,
        "retracted": campaign.retracted,
        "erased": campaign.erased,
    }


async def _texts(tx: Transaction, campaign: Campaign) -> None:
    """Texts that are no longer in the campaign leave the table."""
    await tx.execute(delete(campaign_texts).where(campaign_texts.c.campaign == campaign.id))
    rows = [
        {
            "campaign": campaign.id,
            "language": language,
            "appeal": values.write_appeal(campaign.text(language)),
            "closing": values.write_closing(campaign.closing(language)),
        }
        for language in campaign.languages
    ]
    await _insert(tx, campaign_texts, [row for row in rows if row["appeal"] or row["closing"]])


async def _destinations(tx: Transaction, campaign: Campaign) -> None:
    await tx.execute(delete(campaign_destinations).where(campaign_destinations.c.campaign == campaign.id))
    rows = [
        {
            "campaign": campaign.id,
            "destination": place.id,
            "position": at,
            "raised": place.raised.text() if place.raised else None,
            "as_of": place.as_of,
        }
        for at, place in enumerate(campaign.destinations)
    ]
    await _insert(tx, campaign_destinations, rows)


async def _announcements(tx: Transaction, campaign: Campaign) -> None:
    mine = select(announcements.c.id).where(announcements.c.campaign == campaign.id)
    await tx.execute(delete(notes).where(notes.c.announcement.in_(mine)))
    await tx.execute(delete(announcements).where(announcements.c.campaign == campaign.id))
    said = [
        {
            "id": each.id,
            "campaign": campaign.id,
            "position": at,
            "kind": each.kind.value,
            "published": each.published,
            "figures": values.write_figures(each.figures),
        }
        for at, each in enumerate(campaign.announcements)
    ]
    await _insert(tx, announcements, said)
    rows = [
        {
            "id": note.id,
            "announcement": each.id,
            "position": at,
            "language": note.language,
            "withdrawn": note.withdrawn,
        }
        for each in campaign.announcements
        for at, note in enumerate(each.notes)
    ]
    await _insert(tx, notes, rows)


async def _insert(tx: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        await tx.execute(table.insert(), rows)


async def _read(tx: Transaction, rows: Sequence[RowMapping]) -> Sequence[Kept]:
    """Each part of all these campaigns by one statement."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    texts = await tx.rows(select(campaign_texts).where(campaign_texts.c.campaign.in_(ids)))
    places = await tx.rows(
        select(
            campaign_destinations.c.campaign,
            campaign_destinations.c.raised,
            campaign_destinations.c.as_of,
            *(destinations.c[name] for name in ("id", "label", "url", "kind", "state", "currency")),
        )
        .join(destinations, destinations.c.id == campaign_destinations.c.destination)
        .where(campaign_destinations.c.campaign.in_(ids))
        .order_by(campaign_destinations.c.position)
    )
    said = await tx.rows(
        select(announcements).where(announcements.c.campaign.in_(ids)).order_by(announcements.c.position)
    )
    noted = await tx.rows(
        select(notes)
        .join(announcements, announcements.c.id == notes.c.announcement)
        .where(announcements.c.campaign.in_(ids))
        .order_by(notes.c.position)
    )
    return [Kept(_campaign(row, texts, places, said, noted), row["actor"], row["version"]) for row in rows]


def _campaign(
    row: RowMapping,
    texts: Sequence[RowMapping],
    places: Sequence[RowMapping],
    said: Sequence[RowMapping],
    noted: Sequence[RowMapping],
) -> Campaign:
    languages = tuple(row["languages"].split())
    mine = sorted(
        (each for each in texts if each["campaign"] == row["id"]), key=lambda each: languages.index(each["language"])
    )
    return Campaign(
        id=row["id"],
        slug=row["slug"],
        languages=languages,
        texts=tuple(values.read_appeal(each["language"], each["appeal"]) for each in mine if each["appeal"]),
        closings=tuple(values.read_closing(each["language"], each["closing"]) for each in mine if each["closing"]),
        goal=values.read_money(row["goal_amount"], row["currency"]),
        expires=row["expires"],
        destinations=tuple(values.read_destination(each) for each in places if each["campaign"] == row["id"]),
        rates=values.read_rates(row["rates"]),
        state=State(row["state"]),
        announcements=tuple(
            values.read_announcement(each, [note for note in noted if note["announcement"] == each["id"]])
            for each in said
            if each["campaign"] == row["id"]
        ),
        opened=row["opened"],
        paused=row["paused"],
        closed=row["closed"],
        reason=CloseReason(row["reason"]) if row["reason"] else None,
        retracted=row["retracted"],
        erased=row["erased"],
    )
