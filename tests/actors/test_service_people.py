"""Actors and their profiles, organisers and tokens, destinations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from actors.model import Help, Standing
from actors.refusals import Refused
from actors.service import people
from actors.service.desk import NotAllowed, NotThere
from actors.store.organisers import Role
from fediverse.protocol.keys import KeyPair
from fediverse.store import local_actors
from tests.actors.desks import DONATE, Group, everything, group, reader
from tests.fediverse.store.building import ACTOR, ORIGIN, one_key

OTHER = f"{ORIGIN}/actors/{'b' * 32}"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        yield found


def other_key() -> KeyPair:
    """The same key under another actor's name: making one takes a while."""
    return KeyPair(f"{OTHER}#main-key", OTHER, one_key().private)


async def test_a_new_actor_has_a_document_a_key_and_its_handle(us: Group) -> None:
    async with us.database.read() as tx:
        actor = await people.actor_by_handle(tx, us.by, "@fund")
        key = await local_actors.signing_key(tx, actor.id)
    document = actor.document
    assert (document["type"], document["preferredUsername"]) == ("Service", "fund")
    assert (document["url"], document["webfinger"]) == (f"{ORIGIN}/@fund", "fund@fund.example")
    assert (document["name"], document["summary"]) == ("The fund", "<p>We <em>help</em>.</p>")
    assert document["publicKey"]["publicKeyPem"] == key.public_pem()
    assert document["icon"]["url"] == f"{ORIGIN}/pictures/{'a' * 32}.png"


async def test_a_key_is_made_for_an_id_of_this_server(us: Group) -> None:
    key = await asyncio.to_thread(people.new_key, us.desk)
    assert key.owner.startswith(f"{ORIGIN}/actors/")
    assert len(key.owner.rpartition("/")[2]) == 32
    assert key.key_id == f"{key.owner}#main-key"


@pytest.mark.parametrize("handle", ["", "Fund", "fund-1", "fünd", "a" * 31, "a b", "fund\n", "fund"])
async def test_a_handle_is_short_plain_and_nobody_elses(sqlite_url: str, handle: str) -> None:
    async with group(sqlite_url) as us:
        async with us.database.write() as tx:
            with pytest.raises(Refused) as refused:
                await people.create_actor(tx, us.desk, other_key(), handle=handle, name="Other", summary="")
        assert [problem.field for problem in refused.value.problems] == ["handle"]


async def test_every_field_of_a_new_actor_at_fault_is_named(us: Group) -> None:
    async with us.database.write() as tx:
        with pytest.raises(Refused) as refused:
            await people.create_actor(tx, us.desk, other_key(), handle="?", name="a\nb", summary="\u202e")
    assert [problem.field for problem in refused.value.problems] == ["handle", "name", "summary"]


async def test_followers_hear_of_another_profile_once(us: Group) -> None:
    await us.follow("far.example")
    for _ in range(2):
        async with us.database.write() as tx:
            await people.edit_profile(tx, us.desk, us.by, ACTOR, summary="Now in *two* towns.")
    said = await us.deliver()
    assert [each["type"] for _, each in said] == ["Update"]
    assert said[0][1]["object"]["summary"] == "<p>Now in <em>two</em> towns.</p>"


async def test_a_profile_does_not_name_a_destination(us: Group) -> None:
    async with us.database.write() as tx:
        with pytest.raises(Refused) as refused:
            await people.edit_profile(tx, us.desk, us.by, ACTOR, name="donate.example", summary=f"Give at {DONATE}")
    assert [problem.field for problem in refused.value.problems] == ["name", "summary"]


async def test_h1_a_token_is_known_by_its_hash_until_it_is_revoked(us: Group) -> None:
    async with us.database.write() as tx:
        organiser, token = await people.add_organiser(tx, us.desk, ACTOR, label="day shift", role=Role.READER)
    assert token not in str(await everything(us.database))
    async with us.database.read() as tx:
        assert await people.authenticate(tx, token) == organiser
        for wrong in ("", token[:-1], token + "x", token.upper(), "x" * 10_000, "\ud800"):
            assert await people.authenticate(tx, wrong) is None
    async with us.database.write() as tx:
        await people.revoke_organiser(tx, us.desk, ACTOR, organiser.id)
        assert await people.authenticate(tx, token) is None
        await people.revoke_organiser(tx, us.desk, ACTOR, organiser.id)  # again is no error
        with pytest.raises(NotThere):
            await people.revoke_organiser(tx, us.desk, ACTOR, "f" * 32)


async def test_an_organisers_label_stands_in_nothing_public(us: Group) -> None:
    await us.follow("far.example")
    await us.open()
    await us.do("close")
    assert "night shift" not in str(await us.bodies())
    async with us.database.read() as tx:
        actor = await local_actors.by_id(tx, ACTOR)
    assert actor is not None
    assert "night shift" not in str(actor.document)


async def test_a_destination_is_active_at_once_and_listed_once(us: Group) -> None:
    async with us.database.write() as tx:
        (first,) = await people.list_destinations(tx, us.by, ACTOR)
        assert (first.url, first.kind, first.state, first.currency) == (DONATE, Help.MONEY, Standing.ACTIVE, "EUR")
        again = await people.add_destination(
            tx, us.desk, us.by, ACTOR, label="Solidarity fund", url=DONATE, kind="money", currency="EUR"
        )
        assert again.id == first.id
        with pytest.raises(Refused, match="another label"):
            await people.add_destination(tx, us.desk, us.by, ACTOR, label="Mine", url=DONATE, kind="offer")
        assert len(await people.list_destinations(tx, us.by, ACTOR)) == 1


async def test_suspending_a_destination_takes_it_off_the_campaign_at_once(us: Group) -> None:
    kept = await us.open()
    place = kept.campaign.destinations[0]
    async with us.database.write() as tx:
        await people.suspend_destination(tx, us.desk, us.by, ACTOR, place.id)
    assert [each.state for each in (await us.campaign()).campaign.destinations] == [Standing.SUSPENDED]
    async with us.database.write() as tx:
        await people.add_destination(
            tx, us.desk, us.by, ACTOR, label=place.label, url=place.url, kind="money", currency="EUR"
        )
    assert (await us.campaign()).campaign.destinations == kept.campaign.destinations


async def test_destinations_and_profiles_are_for_the_actors_own_organisers(us: Group) -> None:
    async with us.database.write() as tx:
        await people.create_actor(tx, us.desk, other_key(), handle="other", name="Other", summary="")
        stranger, _ = await people.add_organiser(tx, us.desk, OTHER, label="other")
        (place,) = await people.list_destinations(tx, us.by, ACTOR)
        with pytest.raises(NotThere):
            await people.suspend_destination(tx, us.desk, stranger, ACTOR, place.id)
        with pytest.raises(NotThere):
            await people.suspend_destination(tx, us.desk, stranger, OTHER, place.id)
        with pytest.raises(NotThere):
            await people.list_destinations(tx, stranger, ACTOR)
        with pytest.raises(NotThere):
            await people.edit_profile(tx, us.desk, stranger, ACTOR, name="Mine now")
        with pytest.raises(NotThere):
            await people.actor_by_handle(tx, stranger, "fund")
        assert us.by is not None
        with pytest.raises(NotAllowed):
            await people.suspend_destination(tx, us.desk, reader(us.by), ACTOR, place.id)
        with pytest.raises(NotThere):
            await people.add_organiser(tx, us.desk, f"{ORIGIN}/actor", label="of the server itself")
