"""What was stranded, parked or owed to an inbox that is no more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from fediverse import outbox
from fediverse.protocol.retry import Priority
from fediverse.store import followers, queue, upkeep
from fediverse.store.schema import activities, deliveries, hosts, objects
from tests.fediverse.store.building import ACTOR, Ledger, spoken

APPEAL = Priority.APPEAL


async def test_a_delivery_past_its_deadline_is_parked_and_revived_by_a_request_from_there(book: Ledger) -> None:
    await book.follow("gone.example")
    await book.create("appeal")
    await book.rest(hours=1)
    book.later(days=8)
    assert await book.deliver() == []
    assert await book.states() == [("create", "parked")]
    async with book.database.write() as tx:
        await upkeep.revive(tx, "gone.example", book.now)
    assert await spoken(book) == ["Create appeal"]


async def test_the_sweeper_finds_a_line_that_nobody_would_look_at(book: Ledger) -> None:
    await book.follow("one.example")
    await book.create("appeal")
    async with book.database.write() as tx:
        await tx.execute(update(hosts).values(due=None))
    assert await book.claim() == []
    async with book.database.write() as tx:
        assert await upkeep.sweep(tx, now=book.now) == 1
    assert await spoken(book) == ["Create appeal"]


async def test_g11_when_a_shared_inbox_is_no_more_the_personal_ones_take_its_place(book: Ledger) -> None:
    await book.follow("one.example", times=2)
    await book.create("first")
    await book.create("second")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    async with book.database.write() as tx:
        await queue.settle(tx, post, now=book.now, state="waiting", status=404, reason=None, unknown=False)
        await upkeep.try_personal(tx, post, book.now)
        await queue.release(tx, lease, now=book.now)
    assert await spoken(book) == ["Create first", "Create first", "Create second", "Create second"]
    await book.create("third")
    assert len(await book.deliver()) == 2


@pytest.mark.parametrize("last_word", ["closed", "deleted"])
async def test_g12_what_was_parked_never_comes_back_after_a_newer_word(book: Ledger, last_word: str) -> None:
    await book.follow("far.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "resumed", APPEAL)
    async with book.database.write() as tx:
        await outbox.pin(tx, book.act, appeal, position=1, priority=APPEAL)
        await outbox.profile(tx, book.act)
    await book.rest(hours=1)
    book.later(days=8)
    assert await book.deliver() == []
    assert await book.count("parked") == 3
    if last_word == "closed":
        await book.change(appeal, "closed", Priority.CLOSE)
    else:
        await book.retract(appeal)
    async with book.database.write() as tx:
        await outbox.profile(tx, book.act)
        await upkeep.revive(tx, "far.example", book.now)
    expected = ["Update closed", "Add", "Update"] if last_word == "closed" else ["Delete", "Update"]
    assert await spoken(book) == expected


async def test_j3_of_a_retracted_note_no_text_is_left_in_any_table(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("first words")
    await book.change(appeal, "second words", Priority.PAUSE)
    await book.deliver()
    await book.retract(appeal)
    async with book.database.read() as tx:
        for table in (activities, objects):
            assert "words" not in str([dict(row) for row in await tx.rows(select(table))])


async def test_what_an_act_took_back_in_flight_does_not_move_along_to_a_new_inbox(book: Ledger) -> None:
    (person,) = await book.follow("one.example", shared=False)
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.retract(appeal)
    async with book.database.write() as tx:
        await queue.settle(tx, post, now=book.now, state="gone", status=302, reason=None, unknown=False)
        before = await followers.find(tx, ACTOR, person)
        assert before is not None
        moved = await followers.add(
            tx,
            actor=ACTOR,
            follow=before.follow,
            personal=f"{person}/new-inbox",
            shared=None,
            key=before.key,
            now=book.now,
        )
        await upkeep.redirect(tx, post, to=moved.inbox, now=book.now)
        await queue.release(tx, lease, now=book.now)
    assert await spoken(book) == ["Delete"]


async def test_a_delivery_whose_time_ran_out_while_its_host_was_at_rest_is_revived_too(book: Ledger) -> None:
    await book.follow("gone.example")
    await book.create("appeal")
    await book.rest(hours=200)
    book.later(days=8)
    async with book.database.write() as tx:
        await upkeep.revive(tx, "gone.example", book.now)
    assert await spoken(book) == ["Create appeal"]


async def test_a_safety_act_that_was_parked_is_tried_for_thirty_days_more(book: Ledger) -> None:
    await book.follow("gone.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "closed", Priority.CLOSE)
    book.later(days=31)
    assert await book.deliver() == []
    async with book.database.write() as tx:
        await upkeep.revive(tx, "gone.example", book.now)
        assert await tx.value(select(deliveries.c.deadline).where(deliveries.c.kind == "update")) == (
            book.now + timedelta(days=30)
        )
    assert await spoken(book) == ["Update closed"]


async def test_what_no_follower_is_behind_waits_where_a_shared_inbox_is_not_there(book: Ledger) -> None:
    (person,) = await book.follow("left.example")
    appeal = await book.create("appeal")
    await book.deliver()
    async with book.database.write() as tx:
        await followers.remove(tx, ACTOR, person)
    await book.change(appeal, "closed", Priority.CLOSE)
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    again = book.now + timedelta(minutes=1)
    async with book.database.write() as tx:
        await queue.settle(
            tx, post, now=book.now, state="waiting", status=404, reason=None, unknown=False, not_before=again
        )
        await upkeep.try_personal(tx, post, book.now)
        await queue.release(tx, lease, now=book.now)
    book.later(minutes=1)
    assert await spoken(book) == ["Update closed"]
