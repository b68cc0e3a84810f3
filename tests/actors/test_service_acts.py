"""Acts of organisers, on both databases: what servers are owed, what stands in the tables, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from actors.model import CloseReason, Kind, State
from actors.refusals import MoveRefused, Refused
from actors.service import acts, people
from actors.service.desk import NotAllowed, NotThere, Outdated
from actors.store import audit, campaigns
from actors.store.schema import metadata as of_actors
from fediverse import following
from fediverse.protocol import documents
from fediverse.store import followers, local_actors, objects
from fediverse.store.schema import objects as stored_notes
from tests.actors.desks import ASKS, Group, everything, group, reader
from tests.fediverse.store.building import ACTOR, ORIGIN

MASTODON, MISSKEY = "mastodon.example", "misskey.example"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        yield found


def types(said: list[tuple[str, dict[str, Any]]], host: str = MASTODON) -> list[str]:
    return [each["type"] for at, each in said if at == host]


def texts(said: list[tuple[str, dict[str, Any]]], host: str = MASTODON) -> list[str]:
    return [
        each["object"]["content"]
        for at, each in said
        if at == host and each["type"] in ("Create", "Update") and "content" in each["object"]
    ]


async def fields(us: Group) -> list[str]:
    async with us.database.read() as tx:
        actor = await local_actors.by_id(tx, ACTOR)
    assert actor is not None
    return [field["value"] for field in actor.document["attachment"]]


def notes(kept: campaigns.Kept, kind: Kind) -> list[str]:
    return [note.id for said in kept.campaign.of(kind) for note in said.notes]


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


# --- pausing and closing -------------------------------------------------------------------------------------------


async def test_pausing_takes_the_ask_out_of_every_note_and_resuming_brings_it_back(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.deliver()
    us.later(minutes=1)
    await us.do("pause")
    paused = await us.deliver()
    assert types(paused) == ["Update", "Update", "Update"]
    assert not [text for text in texts(paused) for ask in ASKS.values() if ask in text]
    us.later(minutes=1)
    await us.do("resume")
    resumed = texts(await us.deliver())
    assert [ask in text for ask, text in zip(ASKS.values(), resumed, strict=True)] == [True, True]


async def test_closing_turns_every_note_into_its_closed_form_and_pins_the_closure_notes(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.raised("5000")
    await us.do("goal_update")
    await us.deliver()
    us.later(minutes=1)
    kept = await us.do("close", reason=CloseReason.GOAL_MET)
    assert (kept.campaign.state, kept.campaign.reason) == (State.CLOSED, CloseReason.GOAL_MET)
    said = await us.deliver()
    assert types(said) == ["Update"] * 3 + ["Create"] * 2 + ["Remove"] * 2 + ["Add"] * 2 + ["Update"]
    for text in texts(said):
        assert not [ask for ask in ASKS.values() if ask in text]
    closures = notes(kept, Kind.CLOSURE)
    assert await us.pinned() == closures
    for appeal, closure in zip(notes(kept, Kind.APPEAL), closures, strict=True):
        served = await us.note(appeal)
        assert "/closed" in served["content"]
        assert served["summary"]
        assert served["tag"] == []
        assert f"{ORIGIN}/notes/{closure}" in served["replies"]["first"]["items"]
        assert (await us.note(closure))["inReplyTo"] == f"{ORIGIN}/notes/{appeal}"
    assert all("roads/en/closed" in value for value in await fields(us))


async def test_an_edited_note_keeps_its_audience_its_date_and_what_it_answers(us: Group) -> None:
    await us.open()
    update = notes(await us.do("goal_update"), Kind.GOAL_UPDATE)[0]
    before = await us.note(update)
    us.later(hours=1)
    await us.do("close")
    after = await us.note(update)
    kept = ("id", "to", "cc", "published", "inReplyTo", "context", "url", "attributedTo")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["updated"] > after["published"]


async def test_g12_an_appeal_still_queued_when_its_campaign_closes_leaves_closed(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    await us.do("close")
    said = await us.deliver()
    assert not [text for text in texts(said) for ask in ASKS.values() if ask in text]
    assert types(said)[:4] == ["Create"] * 4  # both appeals, closed, then the closure notes; no Update


async def test_g12_a_host_that_was_sent_the_appeal_hears_of_the_closing_when_nobody_follows_any_more(us: Group) -> None:
    (alice,) = await us.follow(MASTODON)
    await us.open()
    await us.deliver()
    async with us.database.write() as tx:
        follower = await followers.find(tx, ACTOR, alice)
        assert follower is not None
        await following.part(tx, follower, us.now)
    us.later(minutes=1)
    await us.do("close")
    assert types(await us.deliver()) == ["Update", "Update"]


async def test_hosts_that_take_no_edits_get_deletes_and_a_closure_note_that_answers_nothing(us: Group) -> None:
    await us.follow(MISSKEY)
    await us.runs(MISSKEY, "misskey")
    await us.open(languages=("en",))
    await us.do("goal_update")
    await us.deliver()
    us.later(minutes=1)
    await us.do("close")
    said = await us.deliver()
    assert types(said, MISSKEY)[:3] == ["Delete", "Delete", "Create"]
    closure = said[2][1]["object"]
    assert "inReplyTo" not in closure
    assert "CLOSED" in closure["content"]
    assert not [each for _, each in said if each["type"] == "Update" and each["object"]["type"] == "Note"]


async def test_a_host_found_out_late_to_take_no_edits_is_told_to_delete_after_all(us: Group) -> None:
    await us.follow(MISSKEY)
    await us.open(languages=("en",))
    await us.deliver()
    us.later(minutes=1)
    await us.do("close")
    await us.deliver()  # an Update that had no effect there
    await us.runs(MISSKEY, "misskey")
    us.later(minutes=1)
    await acts.tidy(us.desk)
    said = await us.deliver()
    assert types(said, MISSKEY) == ["Delete", "Create"]
    assert "inReplyTo" not in said[1][1]["object"]
    await acts.tidy(us.desk)
    assert await us.deliver() == []


async def test_closing_a_closed_campaign_says_nothing_and_is_no_error(us: Group) -> None:
    await us.follow(MASTODON)
    await us.open()
    first = await us.do("close")
    await us.deliver()
    again = await us.do("close")
    assert again == first
    assert await us.deliver() == []


async def test_closing_with_new_texts_says_those(us: Group) -> None:
    kept = await us.open(languages=("en",))
    await us.do("close", closed={"en": {"outcome": "All is paid for.", "projects": []}})
    assert "All is paid for." in (await us.note(notes(kept, Kind.APPEAL)[0]))["content"]
    with pytest.raises(Refused, match="is not a language"):
        await us.do("close", closed={"de": {"outcome": "Ende"}})


async def test_a_closing_text_cannot_name_a_destination(us: Group) -> None:
    await us.open(languages=("en",))
    with pytest.raises(Refused, match="donate"):
        await us.do("close", closed={"en": {"outcome": "Still possible at donate.example"}})
    assert (await us.campaign()).campaign.state is State.OPEN


# --- expiry --------------------------------------------------------------------------------------------------------


async def test_what_is_past_its_end_is_closed_by_itself_and_the_others_stay(us: Group) -> None:
    kept = await us.open("short", languages=("en",), expires="2026-12-01T00:00:00Z")
    await us.open("long", languages=("en",))
    assert await acts.expire_due(us.desk) == []
    us.later(days=9)
    assert await acts.expire_due(us.desk) == ["short"]
    assert await acts.expire_due(us.desk) == []
    assert "EXPIRED" in (await us.note(notes(kept, Kind.APPEAL)[0]))["content"]
    assert (await us.campaign("short")).campaign.reason is CloseReason.EXPIRED
    assert (await us.campaign("long")).campaign.state is State.OPEN
    async with us.database.read() as tx:
        newest = (await audit.entries(tx, ACTOR))[0]
    assert (newest.act, newest.campaign, newest.organiser) == ("expire", "short", None)


async def test_closing_an_expired_campaign_by_hand_edits_every_note_once_more_and_deletes_no_closure_note(
    us: Group,
) -> None:
    await us.follow(MISSKEY)
    await us.runs(MISSKEY, "misskey")
    await us.open(languages=("en",), expires="2026-12-01T00:00:00Z")
    await us.deliver()
    us.later(days=9)
    await acts.expire_due(us.desk)
    await us.deliver()
    us.later(hours=1)
    kept = await us.do("close")
    said = await us.deliver()
    assert "Delete" not in types(said, MISSKEY)  # it was told already
    assert "Everyone has arrived." in (await us.note(notes(kept, Kind.CLOSURE)[0]))["content"]


async def test_an_open_form_carries_the_end_of_its_campaign_and_a_closed_one_none(us: Group) -> None:
    kept = await us.open(languages=("en",))
    url = f"{ORIGIN}/notes/{notes(kept, Kind.APPEAL)[0]}"
    ends = []
    for act in ("pause", "resume", "close"):
        await us.do(act)
        async with us.database.read() as tx:
            found = await objects.current(tx, url)
        assert found is not None
        ends.append(found.valid_until)
    assert ends == [None, kept.campaign.expires, None]


async def test_one_campaign_that_cannot_be_closed_does_not_keep_the_others_open(us: Group) -> None:
    kept = await us.open("broken", languages=("en",), expires="2026-12-01T00:00:00Z")
    await us.open("whole", languages=("en",), expires="2026-12-02T00:00:00Z")
    async with us.database.write() as tx:
        url = f"{ORIGIN}/notes/{notes(kept, Kind.APPEAL)[0]}"
        await tx.execute(stored_notes.update().where(stored_notes.c.id == url).values(body=None))
    us.later(days=20)
    with pytest.raises(ExceptionGroup):
        await acts.expire_due(us.desk)
    assert (await us.campaign("whole")).campaign.state is State.CLOSED


# --- withdrawing and retracting ------------------------------------------------------------------------------------


async def test_withdrawing_one_note_deletes_it_and_leaves_the_campaign_and_the_other_language(us: Group) -> None:
    await us.follow(MASTODON)
    english, persian = notes(await us.open(), Kind.APPEAL)
    await us.deliver()
    us.later(minutes=1)
    kept = await us.do("withdraw_note", "roads", english)
    said = await us.deliver()
    assert types(said) == ["Delete", "Update"]
    assert said[0][1]["object"] == {"id": f"{ORIGIN}/notes/{english}", "type": "Tombstone", "formerType": "Note"}
    assert (kept.campaign.state, await us.pinned()) == (State.OPEN, [persian])
    assert (await us.campaign()).campaign.text("en") is None
    again = await us.do("withdraw_note", "roads", english)
    assert again == kept
    with pytest.raises(MoveRefused, match="no such note"):
        await us.do("withdraw_note", "roads", "f" * 32)


async def test_g13_retracting_deletes_every_note_wherever_it_was_ever_sent(us: Group) -> None:
    (alice,) = await us.follow(MASTODON)
    await us.follow("second.example")
    await us.open()
    await us.deliver()
    async with us.database.write() as tx:
        follower = await followers.find(tx, ACTOR, alice)
        assert follower is not None
        await following.part(tx, follower, us.now)
    await us.do("retract")
    said = await us.deliver()
    assert types(said) == ["Delete", "Delete"]
    assert types(said, "second.example") == ["Delete", "Delete", "Update"]
    assert await us.pinned() == []
    assert await fields(us) == []


async def test_j3_after_a_retraction_no_text_of_the_campaign_is_left_in_its_tables(us: Group) -> None:
    await us.open()
    await us.do("close")
    await us.do("retract", erase=True)
    ours = {table.name for table in of_actors.sorted_tables} | {"objects", "local_actors"}
    rows = {name: rows for name, rows in (await everything(us.database)).items() if name in ours}
    for word in ("Safe roads", "bus tickets", "whole story", "arrived", "MutualAid", "راه امن", "kitchen.example"):
        assert word not in str(rows), word
    kept = await us.campaign()
    assert (kept.campaign.state, kept.campaign.erased) == (State.RETRACTED, True)


async def test_a_slug_stays_taken_after_a_retraction(us: Group) -> None:
    await us.open()
    await us.do("retract")
    with pytest.raises(MoveRefused):
        await us.draft()


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
