"""Campaigns go into the tables and come back the same, in every state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from actors import campaign as life
from actors.model import Campaign, CloseReason, Destination, Kind, Standing
from actors.money import Money, Rate
from actors.store import campaigns, destinations
from actors.store.campaigns import SlugTaken
from actors.store.schema import announcements, campaign_destinations, campaign_texts, notes
from tests.actors.campaigns import DESTINATION, NOW, OFFER, closed_text, counter, draft, opened
from tests.actors.desks import Group, group
from tests.fediverse.store.building import ACTOR

LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        async with found.database.write() as tx:
            for place in (replace(DESTINATION, url="https://donate.example/x"), OFFER):
                await destinations.add(tx, ACTOR, place, NOW)
        yield found


async def keep(us: Group, *stages: Campaign) -> Campaign:
    """Store a campaign stage by stage; what the tables then hold."""
    async with us.database.write() as tx:
        kept = await campaigns.add(tx, ACTOR, stages[0])
        for stage in stages[1:]:
            kept = await campaigns.save(tx, kept, stage)
    async with us.database.read() as tx:
        found = await campaigns.by_slug(tx, stages[0].slug)
    assert found is not None
    assert (found.version, found.actor) == (len(stages), ACTOR)
    return found.campaign


def paused(before: Campaign) -> Campaign:
    return life.pause(before, LATER)[0]


def closed(before: Campaign) -> Campaign:
    return life.close(before, CloseReason.GOAL_MET, LATER, counter("c"), [closed_text("en")])[0]


def expired(before: Campaign) -> Campaign:
    return life.expire(before, before.expires, counter("e"))[0]


def updated(before: Campaign) -> Campaign:
    return life.goal_update(before, LATER, counter("b"))[0]


def withdrawn(before: Campaign) -> Campaign:
    return life.withdraw(before, before.announcements[0].notes[0].id, LATER)[0]


def retracted(before: Campaign) -> Campaign:
    return life.retract(before, LATER, erase=True)[0]


@pytest.mark.parametrize("move", [paused, closed, expired, updated, withdrawn, retracted])
async def test_a_campaign_comes_back_the_same_after_every_move(us: Group, move: Callable[[Campaign], Campaign]) -> None:
    first, second = draft("en", "fa", raised="12.50"), opened("en", "fa", raised="12.50")
    after = move(second)
    assert await keep(us, first, second, after) == after


async def test_rates_and_odd_amounts_come_back_exactly(us: Group) -> None:
    before = replace(draft(goal="0.10"), rates=(Rate("USD", "EUR", Decimal("0.912345678901"), date(2026, 11, 1)),))
    assert await keep(us, before) == before
    assert before.goal == Money(Decimal("0.10"), "EUR")


async def test_a_retraction_leaves_neither_texts_nor_destinations_in_the_tables(us: Group) -> None:
    await keep(us, draft(), opened(), retracted(opened()))
    async with us.database.read() as tx:
        for table in (campaign_texts, campaign_destinations):
            assert await tx.value(select(func.count()).select_from(table)) == 0
        for table in (announcements, notes):
            assert await tx.value(select(func.count()).select_from(table)) > 0


async def test_a_withdrawn_appeal_leaves_the_tables_and_its_closing_text_stays(us: Group) -> None:
    after = withdrawn(opened())
    found = await keep(us, draft(), opened(), after)
    assert [text.language for text in found.texts] == ["fa"]
    assert [text.language for text in found.closings] == ["en", "fa"]


async def test_a_slug_is_never_used_twice(us: Group) -> None:
    await keep(us, draft(), opened(), retracted(opened()))
    async with us.database.write() as tx:
        with pytest.raises(SlugTaken):
            await campaigns.add(tx, ACTOR, replace(draft(), id="d" * 32))


async def test_a_note_id_is_never_used_twice(us: Group) -> None:
    await keep(us, draft(), opened())
    with pytest.raises(IntegrityError):
        async with us.database.write() as tx:
            await campaigns.add(tx, ACTOR, replace(opened(), id="d" * 32, slug="other"))


async def test_the_state_of_a_destination_is_the_actors_lists(us: Group) -> None:
    await keep(us, draft())
    async with us.database.write() as tx:
        assert await destinations.move(tx, ACTOR, DESTINATION.id, Standing.SUSPENDED)
        found = await campaigns.by_slug(tx, "roads")
    assert found is not None
    assert [place.state for place in found.campaign.destinations] == [Standing.SUSPENDED, Standing.ACTIVE]


async def test_campaigns_of_an_actor_come_with_their_own_parts_only(us: Group) -> None:
    first = opened("en", "fa")
    second = replace(opened("de", prefix="b"), id="d" * 32, slug="walls", destinations=(OFFER,))
    async with us.database.write() as tx:
        await campaigns.add(tx, ACTOR, second)
        await campaigns.add(tx, ACTOR, first)
        found = await campaigns.of_actor(tx, ACTOR)
        assert [kept.campaign for kept in found] == [first, second]
        assert await campaigns.of_actor(tx, f"{ACTOR}x") == []


async def test_notes_are_found_and_counted(us: Group) -> None:
    campaign = updated(opened("en", "fa"))
    async with us.database.write() as tx:
        await campaigns.add(tx, ACTOR, campaign)
        note = campaign.announcements[0].notes[1]
        assert await campaigns.by_note(tx, note.id) == "roads"
        assert await campaigns.by_note(tx, "f" * 32) is None
        every = tuple(Kind)
        assert await campaigns.notes_since(tx, ACTOR, NOW - timedelta(1), every) == 3
        assert await campaigns.notes_since(tx, ACTOR, NOW, every) == 1
        assert await campaigns.notes_since(tx, ACTOR, NOW - timedelta(1), [Kind.CLOSURE]) == 0
        assert await campaigns.notes_since(tx, f"{ACTOR}x", NOW - timedelta(1), every) == 0


@pytest.mark.parametrize("hours", [-1, 0, 1])
async def test_what_still_runs_past_its_end_is_overdue(us: Group, hours: int) -> None:
    campaign = opened()
    when: datetime = campaign.expires + timedelta(hours=hours)
    async with us.database.write() as tx:
        kept = await campaigns.add(tx, ACTOR, campaign)
        assert await campaigns.overdue(tx, when) == ([] if hours < 0 else [(ACTOR, "roads")])
        await campaigns.save(tx, kept, closed(campaign))
        assert await campaigns.overdue(tx, when) == []


async def test_a_destination_of_another_actor_is_not_moved(us: Group) -> None:
    async with us.database.write() as tx:
        assert not await destinations.move(tx, f"{ACTOR}x", DESTINATION.id, Standing.SUSPENDED)
        listed = {place.id: place for place in await destinations.of_actor(tx, ACTOR)}
    assert listed[DESTINATION.id] == DESTINATION
    assert listed[OFFER.id] == Destination("d2", "Rooms", "https://rooms.example/", OFFER.kind, Standing.ACTIVE)
