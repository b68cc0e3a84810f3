"""Campaigns before they open, and the amounts raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from actors.model import State
from actors.money import Money
from actors.refusals import MoveRefused, Refused
from actors.service import drafts, people
from actors.service.desk import NotAllowed, NotThere, Outdated
from fediverse.protocol.keys import KeyPair
from tests.actors.desks import DOCUMENT, Group, document, group, reader
from tests.fediverse.store.building import ACTOR, ORIGIN, one_key
from tests.vectors import load

OTHER = f"{ORIGIN}/actors/{'b' * 32}"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        yield found


async def put(us: Group, slug: str = "roads", body: dict[str, Any] | None = None, **how: Any) -> Any:
    async with us.database.write() as tx:
        return await drafts.put_draft(tx, us.desk, us.by, slug, body or document(), **how)


async def raise_to(us: Group, amount: object, as_of: object = None, **how: Any) -> Any:
    place = (await us.campaign()).campaign.destinations[0].id
    async with us.database.write() as tx:
        return await drafts.set_raised(tx, us.desk, us.by, "roads", place, amount=amount, as_of=as_of, **how)


async def test_a_draft_comes_back_as_it_was_put(us: Group) -> None:
    kept, new = await put(us)
    assert (new, kept.version, kept.actor, kept.campaign.state) == (True, 1, ACTOR, State.DRAFT)
    assert await us.campaign() == kept
    assert kept.campaign.languages == ("en", "fa")
    assert kept.campaign.goal == Money(Decimal(5000), "EUR")
    text = kept.campaign.text("fa")
    assert text is not None
    assert text.ask == DOCUMENT["languages"]["fa"]["ask"]


async def test_the_order_of_languages_is_kept(us: Group) -> None:
    await put(us, body=document("fa", "en"))
    assert (await us.campaign()).campaign.languages == ("fa", "en")


async def test_the_same_document_twice_is_one_version(us: Group) -> None:
    first, _ = await put(us)
    again, new = await put(us)
    assert (again, new) == (first, False)


async def test_putting_another_document_replaces_the_draft_whole(us: Group) -> None:
    first, _ = await put(us)
    second, new = await put(us, body=document("en", goal_amount="7000"))
    assert (second.version, new, second.campaign.id) == (2, False, first.campaign.id)
    found = await us.campaign()
    assert found == second
    assert found.campaign.text("fa") is None


async def test_a_draft_says_nothing_to_anybody(us: Group) -> None:
    await us.follow("far.example")
    await put(us)
    await raise_to(us, "100")
    assert await us.deliver() == []
    assert await us.bodies() == []


async def test_if_match_names_the_version_that_is_replaced(us: Group) -> None:
    with pytest.raises(Outdated) as outdated:
        await put(us, expected=1)
    assert outdated.value.version is None
    await put(us)
    await put(us, body=document("en"), expected=1)
    with pytest.raises(Outdated) as outdated:
        await put(us, expected=1)
    assert outdated.value.version == 2
    assert (await us.campaign()).campaign.languages == ("en",)


@pytest.mark.parametrize("act", ["open", "pause", "close", "retract"])
async def test_once_opened_a_campaign_is_no_draft_any_more(sqlite_url: str, act: str) -> None:
    async with group(sqlite_url) as us:
        await us.open()
        if act != "open":
            await us.do(act)
        before = await us.campaign()
        with pytest.raises(MoveRefused, match="once opened"):
            await put(us, body=document("en"))
        assert await us.campaign() == before


async def test_slugs_are_one_for_all_actors_of_a_server(us: Group) -> None:
    await put(us)
    key = KeyPair(f"{OTHER}#main-key", OTHER, one_key().private)
    async with us.database.write() as tx:
        await people.create_actor(tx, us.desk, key, handle="other", name="Other", summary="")
        us.by, _ = await people.add_organiser(tx, us.desk, OTHER, label="other")
        await people.add_destination(
            tx, us.desk, us.by, OTHER, label="Fund", url="https://donate.example/fund", kind="money", currency="EUR"
        )
    with pytest.raises(Refused) as refused:
        await put(us)
    assert [problem.field for problem in refused.value.problems] == ["slug"]
    mine, _ = await put(us, "rails")
    async with us.database.read() as tx:
        assert [each.campaign.slug for each in await drafts.list_campaigns(tx, us.by, OTHER)] == ["rails"]
        with pytest.raises(NotThere):
            await drafts.campaign(tx, us.by, "roads")
        with pytest.raises(NotThere):
            await drafts.list_campaigns(tx, us.by, ACTOR)
    assert mine.actor == OTHER
    with pytest.raises(NotThere):
        await put(us, "walls", actor=ACTOR)


async def test_of_two_drafts_put_under_one_slug_at_once_the_second_replaces_the_first(us: Group) -> None:
    done = await asyncio.gather(put(us), put(us, body=document("en")))
    assert sorted(kept.version for kept, _ in done) == [1, 2]
    assert [new for _, new in done].count(True) == 1


async def test_readers_put_nothing(us: Group) -> None:
    assert us.by is not None
    us.by = reader(us.by)
    with pytest.raises(NotAllowed):
        await put(us)


@pytest.mark.parametrize("case", load("admin_input"), ids=lambda case: f"{case['field']}-{ascii(case['value'])[:24]}")
async def test_h5_h6_fields_are_taken_or_refused_as_the_vectors_say(sqlite_url: str, case: dict[str, Any]) -> None:
    body = document("en")
    field, path = case["field"], case["field"]
    if field == "text":
        body["languages"]["en"]["title"], path = case["value"], "languages.en.title"
    elif field == "donation_url":
        body["destinations"], path = [case["value"]], "destinations.0"
    else:
        body[field] = case["value"]
    async with group(sqlite_url) as us:
        if case["status"] == 202:
            await put(us, body=body)
            return
        with pytest.raises(Refused) as refused:
            await put(us, body=body)
        assert path in [problem.field for problem in refused.value.problems]


async def test_what_was_raised_is_kept_per_destination_with_its_time(us: Group) -> None:
    await put(us)
    kept = await raise_to(us, "12.50", "2026-11-22T11:00:00Z")
    place = kept.campaign.destinations[0]
    assert (place.raised, place.as_of) == (Money(Decimal("12.50"), "EUR"), us.now.replace(hour=11))
    assert await us.campaign() == kept
    again = await raise_to(us, "12.50", "2026-11-22T12:00:00+01:00")
    assert again == kept


async def test_a_draft_put_anew_keeps_what_was_raised(us: Group) -> None:
    await put(us)
    await raise_to(us, "12.50")
    kept, _ = await put(us, body=document("en"))
    assert kept.campaign.destinations[0].raised == Money(Decimal("12.50"), "EUR")


@pytest.mark.parametrize("amount", ["-1", "1e3", 100, 1.5, True, None, "", "1.005", "١٢", "1,000", "NaN"])
async def test_h5_amounts_are_decimal_strings(sqlite_url: str, amount: object) -> None:
    async with group(sqlite_url) as us:
        await put(us)
        with pytest.raises(Refused) as refused:
            await raise_to(us, amount)
        assert [problem.field for problem in refused.value.problems] == ["amount"]


async def test_an_amount_is_neither_from_the_future_nor_older_than_what_is_known(us: Group) -> None:
    await put(us)
    for moment in ("2026-11-22T13:00:00Z", "2026-11-22T11:00:00", "yesterday", 5):
        with pytest.raises(Refused, match="as_of"):
            await raise_to(us, "10", moment)
    await raise_to(us, "10", "2026-11-22T11:00:00Z")
    with pytest.raises(Refused, match="older"):
        await raise_to(us, "9", "2026-11-22T10:59:59Z")
    await raise_to(us, "0", "2026-11-22T11:30:00Z")  # mistakes can be mended


async def test_an_amount_is_for_a_money_destination_of_this_campaign(us: Group) -> None:
    async with us.database.write() as tx:
        await people.add_destination(
            tx, us.desk, us.by, ACTOR, label="Rooms", url="https://rooms.example/", kind="offer"
        )
    kept, _ = await put(us, body=document("en", destinations=["https://rooms.example/"]))
    with pytest.raises(Refused, match="not money"):
        await raise_to(us, "10")
    async with us.database.write() as tx:
        with pytest.raises(NotThere):
            await drafts.set_raised(tx, us.desk, us.by, "roads", "f" * 32, amount="10")
    assert await us.campaign() == kept


async def test_amounts_can_be_set_until_nothing_is_left(us: Group) -> None:
    await us.open()
    for act in ("pause", "close"):
        await us.do(act)
        await raise_to(us, "10")
    kept = await us.campaign()
    await us.do("retract")
    async with us.database.write() as tx:
        with pytest.raises(MoveRefused):
            await drafts.set_raised(tx, us.desk, us.by, "roads", kept.campaign.destinations[0].id, amount="10")
