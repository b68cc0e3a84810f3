"""Acts of organisers, on both databases: what servers are owed, what stands in the tables, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from actors.model import Kind, State
from actors.refusals import MoveRefused, Refused
from actors.service import acts, people
from actors.service.desk import NotAllowed, NotThere, Outdated
from actors.store import audit
from fediverse.protocol import documents
from tests.actors.desks import ASKS, Group, fields, group, notes, reader, texts, types
from tests.fediverse.store.building import ACTOR, ORIGIN

MASTODON, MISSKEY = "mastodon.example", "misskey.example"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        yield found


# --- opening -------------------------------------------------------------------------------------------------------


async def test_opening_owes_a_create_per_language_then_pins_and_the_profile(us: Group) -> None:
    await us.follow(MASTODON, times=3)
    kept = await us.open()
    assert kept.campaign.state is State.OPEN
    said = await us.deliver()
    assert types(said) == ["Create", "Create", "Add", "Add", "Update"]
    english, persian = texts(said)
    assert ASKS["en"] in english
    assert ASKS["fa"] in persian
    assert await us.pinned() == notes(kept, Kind.APPEAL)
    assert [f"{ORIGIN}/c/roads/en" in value for value in await fields(us)] == [True]


async def test_an_appeal_is_public_in_one_language_and_has_no_end_it_could_outlive(us: Group) -> None:
    kept = await us.open()
    note = await us.note(notes(kept, Kind.APPEAL)[1])
    assert note["to"] == [documents.PUBLIC]
    assert note["cc"] == [f"{ACTOR}/followers"]
    assert note["contentMap"] == {"fa": note["content"]}
    assert note["context"] == note["conversation"] == f"{ORIGIN}/contexts/{kept.campaign.id}"
    assert [tag["name"] for tag in note["tag"]] == ["#همیاری"]


async def test_a_draft_opens_only_with_an_active_destination(us: Group) -> None:
    kept = await us.draft()
    async with us.database.write() as tx:
        await people.suspend_destination(tx, us.desk, us.by, ACTOR, kept.campaign.destinations[0].id)
    with pytest.raises(Refused) as refused:
        await us.do("open")
    assert [problem.field for problem in refused.value.problems] == ["destinations"]
    assert (await us.campaign()).campaign.state is State.DRAFT


async def test_a_draft_does_not_open_when_its_text_names_a_destination_listed_since(us: Group) -> None:
    await us.draft(languages=("en",))
    async with us.database.write() as tx:
        await people.add_destination(
            tx, us.desk, us.by, ACTOR, label="Rooms", url="https://kitchen.example/rooms", kind="offer"
        )
    with pytest.raises(Refused, match=r"languages\.en\.closed"):
        await us.do("open")


async def test_an_open_campaign_cannot_be_opened_again(us: Group) -> None:
    await us.open()
    with pytest.raises(MoveRefused):
        await us.do("open")


async def test_no_destination_is_named_in_anything_that_is_stored_to_be_sent(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.raised("2600")
    await us.do("goal_update")
    await us.do("pause")
    await us.do("resume")
    await us.do("close")
    bodies = await us.bodies()
    assert len(bodies) > 12
    assert not [body for body in bodies if "donate.example" in str(body)]


# --- goal updates and the posting budget ---------------------------------------------------------------------------


async def test_a_goal_update_is_an_unlisted_reply_in_the_main_language_and_edits_nothing(us: Group) -> None:
    await us.follow(MASTODON)
    appeal = notes(await us.open(), Kind.APPEAL)[0]
    await us.deliver()
    await us.raised("2600")
    kept = await us.do("goal_update")
    said = await us.deliver()
    assert types(said) == ["Create"]  # the profile was told today already
    note = said[0][1]["object"]
    assert note["inReplyTo"] == f"{ORIGIN}/notes/{appeal}"
    assert (note["to"], note["cc"]) == ([f"{ACTOR}/followers"], [documents.PUBLIC])
    assert note["tag"] == []
    assert "52" in note["content"]
    assert kept.campaign.of(Kind.GOAL_UPDATE)[0].figures.percent == 52


async def test_figures_alone_are_told_in_the_profile_at_most_once_a_day(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.deliver()
    us.later(hours=2)
    await us.raised("2600")
    assert any("52" in value for value in await fields(us))
    assert await us.deliver() == []
    us.later(hours=23)
    await acts.tidy(us.desk)
    assert types(await us.deliver()) == ["Update"]
    await acts.tidy(us.desk)
    assert await us.deliver() == []


async def test_beyond_the_days_budget_nothing_new_is_asked_and_everything_can_be_stopped(us: Group) -> None:
    await us.open("one")
    await us.open("two")  # four appeals
    await us.do("goal_update", "one")
    for act in ("goal_update", "open"):
        await us.draft("three")
        with pytest.raises(MoveRefused, match="within a day"):
            await us.do(act, "one" if act == "goal_update" else "three")
    await us.do("pause", "one")
    await us.do("resume", "one")
    await us.do("close", "one")
    await us.do("withdraw_note", "two", notes(await us.campaign("two"), Kind.APPEAL)[0])
    await us.do("retract", "two")
    us.later(hours=24, minutes=1)
    await us.do("open", "three")


# --- who may, and which version --------------------------------------------------------------------------------------


async def test_an_act_is_for_the_actors_own_organisers_and_never_for_readers(us: Group) -> None:
    await us.draft()
    organiser = us.by
    assert organiser is not None
    us.by = reader(organiser)
    with pytest.raises(NotAllowed):
        await us.do("open")
    await us.report()
    us.by = type(organiser)("x", f"{ORIGIN}/actors/{'b' * 32}", "stranger", organiser.role, us.now)
    for act in ("open", "pause", "close", "retract"):
        with pytest.raises(NotThere):
            await us.do(act)
    with pytest.raises(NotThere):
        await us.report()
    us.by = None
    await us.do("open")  # an operator on the command line


async def test_a_campaign_that_is_not_there_is_not_there(us: Group) -> None:
    with pytest.raises(NotThere):
        await us.do("close", "nothing")


async def test_an_act_for_another_version_changes_nothing(us: Group) -> None:
    kept = await us.open()
    with pytest.raises(Outdated) as outdated:
        await us.do("close", expected=kept.version - 1)
    assert outdated.value.version == kept.version
    assert (await us.campaign()) == kept
    await us.do("close", expected=kept.version)


async def test_two_closings_at_once_are_one(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.deliver()
    us.later(minutes=1)
    await asyncio.gather(us.do("close"), us.do("close"), acts.expire_due(us.desk))
    said = await us.deliver()
    assert types(said).count("Create") == 2
    assert len((await us.campaign()).campaign.of(Kind.CLOSURE)) == 1


async def test_every_act_leaves_a_line_in_the_audit_without_texts(us: Group) -> None:
    await us.open()
    await us.raised("10.50")
    await us.do("pause")
    await us.do("close")
    async with us.database.read() as tx:
        lines = await audit.entries(tx, ACTOR)
        assert await audit.first_broken(tx, ACTOR) is None
    assert us.by is not None
    done = [(line.act, line.campaign, line.organiser) for line in reversed(lines)]
    assert done[:3] == [
        ("create_actor", None, None),
        ("add_organiser", None, None),
        ("add_destination", None, us.by.id),
    ]
    assert done[3:] == [(act, "roads", us.by.id) for act in ("put_draft", "open", "set_raised", "pause", "close")]
    for secret in ("token-", "night shift", "donate.example", "bus tickets", "Safe roads"):
        assert secret not in str(lines)


async def test_closure_notes_leave_their_pin_after_a_month(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open(languages=("en",))
    closures = notes(await us.do("close"), Kind.CLOSURE)
    await us.deliver()
    assert await us.pinned() == closures
    us.now += timedelta(days=31)
    await acts.tidy(us.desk)
    assert await us.pinned() == []
    assert types(await us.deliver()) == ["Remove", "Update"]
    assert await fields(us) == []


async def test_pins_of_several_campaigns_stand_in_their_order(us: Group) -> None:
    first = notes(await us.open("first"), Kind.APPEAL)
    us.later(minutes=1)
    second = notes(await us.open("second"), Kind.APPEAL)
    assert await us.pinned() == [second[0], first[0], second[1], first[1]]
    us.later(minutes=1)
    closed = notes(await us.do("close", "first"), Kind.CLOSURE)
    assert await us.pinned() == [closed[0], closed[1], second[0], second[1]]
