"""What is owed to whom, in which version: the same on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from fediverse import outbox
from fediverse.protocol.retry import Priority
from fediverse.store import followers
from fediverse.store.schema import deliveries, hosts
from tests.fediverse.store.building import ACTOR, NOON, Ledger, said, spoken

CLOSE = Priority.CLOSE
APPEAL = Priority.APPEAL
PAUSE = Priority.PAUSE


async def test_a_create_is_owed_once_to_a_shared_inbox_and_once_to_each_personal_one(book: Ledger) -> None:
    await book.follow("one.example", times=3)
    await book.follow("two.example", times=2, shared=False)
    await book.create("appeal")
    assert sorted(host for host, _ in await book.deliver()) == ["one.example", "two.example", "two.example"]


async def test_an_update_reaches_a_host_whose_followers_have_left_since(book: Ledger) -> None:
    (person,) = await book.follow("left.example")
    note = await book.create("appeal")
    await book.deliver()
    async with book.database.write() as tx:
        await followers.remove(tx, ACTOR, person)
    await book.change(note, "closed", CLOSE)
    assert await spoken(book) == ["Update closed"]


async def test_g13_a_delete_goes_to_every_host_a_post_was_attempted_at_and_to_no_other(book: Ledger) -> None:
    (person,) = await book.follow("left.example")
    await book.follow("down.example")
    note = await book.create("appeal")
    for lease in await book.claim():
        post = await book.begin(lease)
        assert post is not None
        if lease.host == "down.example":
            await book.settle(post, "waiting", status=500, not_before=book.now + timedelta(hours=1))
        else:
            await book.settle(post)
        await book.release(lease)
    async with book.database.write() as tx:
        await followers.remove(tx, ACTOR, person)
    await book.follow("new.example")
    await book.retract(note)
    assert sorted(await book.deliver(), key=str)[0][0] == "down.example"
    assert await book.states("left.example") == [("create", "delivered"), ("delete", "delivered")]
    assert await book.states("down.example") == [("create", "cancelled"), ("delete", "delivered")]
    assert await book.states("new.example") == []


async def test_a_delete_of_a_note_that_never_left_owes_nothing(book: Ledger) -> None:
    await book.follow("one.example")
    note = await book.create("appeal")
    await book.retract(note)
    assert await book.deliver() == []
    assert await book.states() == [("create", "cancelled")]


async def test_hosts_that_take_no_edits_get_a_delete_and_a_create_of_its_own(book: Ledger) -> None:
    await book.follow("edits.example")
    await book.follow("misskey.example")
    async with book.database.write() as tx:
        await tx.execute(update(hosts).where(hosts.c.name == "misskey.example").values(software="misskey"))
    appeal = await book.create("appeal")
    await book.deliver()
    async with book.database.write() as tx:
        act, closed = book.act, book.note("closed", note_id=appeal)
        closure = book.note("closure", reply_to=appeal)
        await outbox.change(tx, act, closed, priority=CLOSE, leave_out=("misskey",))
        await outbox.delete_at(tx, act, appeal, priority=CLOSE, software=("misskey",))
        await outbox.create(tx, act, closure, priority=CLOSE, leave_out=("misskey",))
        await outbox.create_instead(tx, act, closure["id"], priority=CLOSE, software=("misskey",))
        await outbox.unpin(tx, act, appeal, priority=CLOSE)
    posts = await book.deliver()
    assert [said(activity) for host, activity in posts if host == "edits.example"] == [
        "Update closed",
        "Create closure",
        "Remove",
    ]
    there = [activity for host, activity in posts if host == "misskey.example"]
    assert [said(activity) for activity in there] == ["Delete", "Create closure"]
    assert "inReplyTo" not in there[1]["object"]
    assert len({activity["id"] for _, activity in posts}) == 5


async def test_g12_an_appeal_still_queued_when_its_campaign_closes_leaves_closed_and_first(book: Ledger) -> None:
    await book.follow("one.example")
    other = await book.create("another appeal")
    appeal = await book.create("appeal")
    await book.change(appeal, "closed", CLOSE)
    await book.create("closure", CLOSE, reply_to=appeal)
    assert await spoken(book) == ["Create closed", "Create closure", "Create another appeal"]
    assert ("update", "absorbed") in await book.states()
    assert other != appeal


async def test_an_update_is_owed_where_the_create_was_attempted_even_if_it_failed(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=500, not_before=book.now)
    await book.release(lease)
    await book.change(appeal, "closed", CLOSE)
    assert await spoken(book) == ["Create closed", "Update closed"]


async def test_a_new_version_cancels_older_updates_and_takes_over_their_urgency(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "paused", PAUSE)
    await book.change(appeal, "resumed", APPEAL)
    assert await book.states() == [("create", "delivered"), ("update", "cancelled"), ("update", "waiting")]
    async with book.database.read() as tx:
        row = await tx.row(select(deliveries).where(deliveries.c.state == "waiting"))
    assert row is not None
    assert Priority(row["priority"]) is PAUSE
    assert row["deadline"] == NOON + timedelta(days=30)
    assert await spoken(book) == ["Update resumed"]


async def test_updated_strictly_increases_even_when_the_clock_stands_still_or_goes_back(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    moments = []
    for text_ in ("a", "b", "c"):
        await book.change(appeal, text_, CLOSE)
        book.later(hours=-1)
        async with book.database.read() as tx:
            moments.append(await tx.value(text("SELECT updated FROM objects")))
    assert moments == sorted(set(moments))


async def test_the_bytes_under_the_id_of_an_update_never_change(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "closed", CLOSE)
    (lease,) = await book.claim()
    first = await book.begin(lease)
    assert first is not None
    await book.settle(first, "waiting", status=500, not_before=book.now)
    second = await book.begin(lease)
    assert second is not None
    assert (first.activity, first.body) == (second.activity, second.body)


async def test_a_delete_cancels_everything_open_and_nothing_follows_it(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "paused", PAUSE)
    async with book.database.write() as tx:
        await outbox.pin(tx, book.act, appeal, position=1, priority=PAUSE)
    await book.retract(appeal)
    assert await spoken(book) == ["Delete"]
    with pytest.raises(LookupError):
        await book.change(appeal, "again", CLOSE)


async def test_of_add_and_remove_only_the_latest_is_kept(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    async with book.database.write() as tx:
        await outbox.pin(tx, book.act, appeal, position=1, priority=APPEAL)
        await outbox.unpin(tx, book.act, appeal, priority=APPEAL)
    assert await spoken(book) == ["Create appeal", "Remove"]


async def test_the_last_word_is_said_once_more_where_an_older_version_may_still_arrive(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=None, reason="timeout", unknown=True, not_before=book.now)
    await book.release(lease)
    await book.change(appeal, "closed", CLOSE)
    first = await book.deliver()
    assert [said(activity) for _, activity in first] == ["Create closed", "Update closed"]
    book.later(minutes=9)
    assert await book.deliver() == []
    book.later(minutes=1)
    again = await book.deliver()
    assert [said(activity) for _, activity in again] == ["Update closed"]
    assert again[0][1]["id"] != first[1][1]["id"]
    assert again[0][1]["object"] == first[1][1]["object"]
    book.later(hours=1)
    assert await book.deliver() == []


async def test_an_attempt_cut_off_by_a_lapsed_lease_counts_as_outcome_unknown(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    (lease,) = await book.claim("dies")
    assert await book.begin(lease) is not None
    book.later(minutes=2)
    await book.change(appeal, "closed", CLOSE)
    assert await spoken(book) == ["Create closed", "Update closed"]
    book.later(minutes=10)
    assert await spoken(book) == ["Update closed"]


async def _one_attempt_ends_unknown(book: Ledger) -> None:
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=None, reason="timeout", unknown=True, not_before=book.now)
    await book.release(lease)


async def _half_an_hour(book: Ledger) -> list[str]:
    words = []
    for _ in range(30):
        book.later(minutes=1)
        words += await spoken(book)
    return words


async def test_an_update_overtaken_in_flight_is_not_the_last_word_and_never_said_once_more(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await _one_attempt_ends_unknown(book)
    await book.deliver()
    await book.change(appeal, "asks again", APPEAL)
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.change(appeal, "closed", CLOSE)
    await book.settle(post)
    await book.release(lease)
    assert await _half_an_hour(book) == ["Update closed", "Update closed"]


async def test_an_update_in_flight_when_its_note_is_deleted_is_never_said_once_more(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await _one_attempt_ends_unknown(book)
    await book.deliver()
    await book.change(appeal, "asks again", APPEAL)
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.retract(appeal)
    await book.settle(post)
    await book.release(lease)
    assert await _half_an_hour(book) == ["Delete", "Delete"]


async def test_past_its_end_an_open_form_is_not_said_once_more_either(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await _one_attempt_ends_unknown(book)
    await book.deliver()
    await book.change(appeal, "asks again", APPEAL, valid_until=book.now + timedelta(minutes=5))
    assert await spoken(book) == ["Update asks again"]
    book.later(minutes=10)
    assert await book.deliver() == []
    await book.change(appeal, "expired", CLOSE)
    assert await _half_an_hour(book) == ["Update expired", "Update expired"]


async def test_a_create_that_never_left_absorbs_nothing_where_the_host_had_the_note_at_another_inbox(
    book: Ledger,
) -> None:
    people = await book.follow("many.example", times=2, shared=False)
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post)
    await book.release(lease)
    async with book.database.write() as tx:
        for person in people:
            follower = await followers.find(tx, ACTOR, person)
            if follower is not None and follower.inbox == post.inbox:
                await followers.remove(tx, ACTOR, person)
    await book.change(appeal, "closed", CLOSE)
    assert await spoken(book) == ["Create closed", "Update closed"]


async def test_a_host_that_refused_one_delete_is_told_by_the_next(book: Ledger) -> None:
    await book.follow("misskey.example")
    appeal = await book.create("appeal")
    await book.deliver()
    async with book.database.write() as tx:
        await tx.execute(update(hosts).values(software="misskey"))
        await outbox.delete_at(tx, book.act, appeal, priority=CLOSE, software=("misskey",))
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "refused", status=403)
    await book.release(lease)
    await book.change(appeal, "closed", CLOSE)
    assert await spoken(book) == []
    await book.retract(appeal)
    assert await spoken(book) == ["Delete"]
