"""Campaigns before they open, and the amounts raised: the organisers' document in, the stored campaign out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from actors import drafting
from actors.model import Campaign, Destination, Help, State
from actors.money import Money
from actors.refusals import MoveRefused, Problems, Refused
from actors.service.desk import By, Desk, NotThere, Outdated, at_hand, check_acts, check_reads, readable
from actors.service.saying import tell_profile
from actors.store import audit, campaigns, destinations, profiles
from actors.store.campaigns import Kept, SlugTaken
from actors.store.organisers import Role
from fediverse.store.database import Transaction

CLOCKS_DIFFER: Final = timedelta(minutes=5)


async def put_draft(
    tx: Transaction,
    desk: Desk,
    by: By,
    slug: str,
    body: Mapping[str, object],
    *,
    actor: str | None = None,
    expected: int | None = None,
) -> tuple[Kept, bool]:
    """Create a draft under a chosen slug, or replace it whole; and whether it is new.

    `body` is the document of `drafting.read_draft`. A new one belongs to `actor`, by default the organiser's own. The
    same document twice is one version. Raises Refused naming every field, MoveRefused once the campaign was opened,
    Outdated, NotThere, NotAllowed.
    """
    speaker = actor or (by.actor if by else None)
    if speaker is None:
        raise ValueError("an operator names the actor")
    check_acts(by, speaker)
    drafting.check_slug(slug)
    owner = await campaigns.owner(tx, slug)
    if owner is not None and owner != speaker:
        raise Refused.field("slug", "is taken")
    if await profiles.of_actor(tx, speaker) is None:
        raise NotThere("there is no such actor")
    await campaigns.lock_actor(tx, speaker)
    kept = await campaigns.by_slug(tx, slug)
    if expected is not None and (kept is None or kept.version != expected):
        raise Outdated(kept.version if kept else None)
    if kept is not None and kept.campaign.state is not State.DRAFT:
        raise MoveRefused("edit", kept.campaign.state, "once opened, only its raised amounts change; pause or close it")
    now = desk.clock()
    draft = drafting.read_draft(
        body,
        campaign_id=kept.campaign.id if kept else desk.new_id(),
        slug=slug,
        listed=await destinations.of_actor(tx, speaker),
        now=now,
        origin=desk.origin,
    )
    if kept is None:
        try:
            saved = await campaigns.add(tx, speaker, draft)
        except SlugTaken:
            raise Refused.field("slug", "is taken") from None
    else:
        draft = _with_amounts(draft, kept.campaign)
        if draft == kept.campaign:
            return kept, False
        saved = await campaigns.save(tx, kept, draft)
    await audit.write(
        tx,
        speaker,
        "put_draft",
        now=now,
        organiser=by.id if by else None,
        campaign=slug,
        detail={"version": saved.version, "languages": list(draft.languages)},
    )
    return saved, kept is None


async def set_raised(
    tx: Transaction,
    desk: Desk,
    by: By,
    slug: str,
    destination_id: str,
    *,
    amount: object,
    as_of: object = None,
    expected: int | None = None,
) -> Kept:
    """What one destination of a campaign has raised, a decimal string in its currency, true at `as_of` (default now).

    The page shows it at once, the profile at most once a day; nothing is posted. Raises Refused naming `destination`,
    `amount`, `as_of`; MoveRefused for a retracted campaign; Outdated, NotThere, NotAllowed.
    """
    kept = await at_hand(tx, by, slug, expected=expected)
    before = kept.campaign
    if before.state is State.RETRACTED:
        raise MoveRefused("set_raised", before.state, "nothing of it is kept")
    place = next((each for each in before.destinations if each.id == destination_id), None)
    if place is None:
        raise NotThere("this campaign has no such destination")
    now = desk.clock()
    raised, when = _amount(place, amount, as_of, now)
    if (place.raised, place.as_of) == (raised, when):
        return kept
    fresh = tuple(
        replace(each, raised=raised, as_of=when) if each.id == place.id else each for each in before.destinations
    )
    after = replace(before, destinations=fresh)
    saved = await campaigns.save(tx, kept, after)
    if before.state is not State.DRAFT:
        await tell_profile(tx, desk, desk.act(kept.actor, now), urgent=False)
    await audit.write(
        tx,
        kept.actor,
        "set_raised",
        now=now,
        organiser=by.id if by else None,
        campaign=slug,
        detail={
            "version": saved.version,
            "destination": place.id,
            "amount": raised.text(),
            "currency": raised.currency,
        },
    )
    return saved


async def campaign(tx: Transaction, by: By, slug: str) -> Kept:
    """A campaign as it stands, its texts with it. Raises NotThere, and NotAllowed for a reader."""
    kept = await readable(tx, by, slug)
    check_acts(by, kept.actor)
    return kept


async def list_campaigns(tx: Transaction, by: By, actor: str) -> Sequence[Kept]:
    """Every campaign of an actor, by slug; readers see of a draft not even that it is there. Raises NotThere."""
    check_reads(by, actor)
    found = await campaigns.of_actor(tx, actor)
    if by is None or by.role is Role.ORGANISER:
        return found
    return [kept for kept in found if kept.campaign.state is not State.DRAFT]


def _amount(place: Destination, amount: object, as_of: object, now: datetime) -> tuple[Money, datetime]:
    if place.kind is not Help.MONEY:
        raise Refused.field("destination", "takes offers, not money")
    problems = Problems()
    raised = problems.attempt(lambda: Money.parse(amount, place.currency, "amount", zero=True))
    when = now if as_of is None else problems.attempt(lambda: drafting.read_time(as_of, "as_of"))
    if when is not None and when > now + CLOCKS_DIFFER:
        problems.add("as_of", "lies in the future")
    elif when is not None and place.as_of is not None and when < place.as_of:
        problems.add("as_of", "is older than what is known")
    problems.settle()
    if raised is None or when is None:
        raise AssertionError("a value is missing that no problem explains")
    return raised, when


def _with_amounts(draft: Campaign, before: Campaign) -> Campaign:
    """What was raised already is no part of the organisers' document and stays."""
    known = {place.id: place for place in before.destinations}
    kept = tuple(
        replace(place, raised=known[place.id].raised, as_of=known[place.id].as_of) if place.id in known else place
        for place in draft.destinations
    )
    return replace(draft, destinations=kept)
