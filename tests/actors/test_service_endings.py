"""How campaigns end: pausing, closing, expiring, withdrawing and retracting, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.model import CloseReason, Kind, State
from actors.refusals import MoveRefused, Refused
from actors.service import acts
from actors.store import audit
from actors.store.schema import metadata as of_actors
from fediverse import following
from fediverse.store import followers, objects
from fediverse.store.schema import objects as stored_notes
from tests.actors.desks import ASKS, Group, everything, fields, group, notes, texts, types
from tests.fediverse.store.building import ACTOR, ORIGIN

MASTODON, MISSKEY = "mastodon.example", "misskey.example"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        yield found


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
