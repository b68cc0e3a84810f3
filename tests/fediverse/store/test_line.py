"""The order in which a host hears: the same on both databases."""

from __future__ import annotations

from datetime import timedelta

from fediverse.protocol.retry import Priority
from tests.fediverse.store.building import NOON, Ledger, spoken

CLOSE = Priority.CLOSE
PAUSE = Priority.PAUSE
GOAL = Priority.GOAL


async def test_g14_a_note_waits_for_the_create_of_the_note_it_answers(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.create("half way", GOAL, reply_to=appeal)
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=500, not_before=book.now + timedelta(hours=1))
    assert await book.begin(lease) is None
    assert await book.deliver() == []
    book.later(hours=1)
    assert await spoken(book) == ["Create appeal", "Create half way"]


async def test_a_refused_create_releases_what_waited_for_it(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.create("half way", GOAL, reply_to=appeal)
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "refused", status=403)
    following = await book.begin(lease)
    assert following is not None
    assert following.kind == "create"


async def test_a_create_that_keeps_failing_holds_a_safety_act_back_for_one_attempt_only(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=500, not_before=book.now)
    await book.release(lease)
    book.later(seconds=1)
    await book.change(appeal, "closed", CLOSE)
    book.later(seconds=1)
    (lease,) = await book.claim()
    again = await book.begin(lease)
    assert again is not None
    assert again.kind == "create"
    await book.settle(again, "waiting", status=500, not_before=book.now + timedelta(days=1))
    released = await book.begin(lease)
    assert released is not None
    assert released.kind == "update"


async def test_a_deliverys_own_delay_leaves_the_rest_of_the_line_going(book: Ledger) -> None:
    await book.follow("one.example")
    await book.create("first")
    await book.create("second")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    await book.settle(post, "waiting", status=500, not_before=book.now + timedelta(minutes=5))
    other = await book.begin(lease)
    assert other is not None
    await book.settle(other)
    assert await book.begin(lease) is None
    assert await book.due("one.example") == book.now + timedelta(minutes=5)


async def test_two_versions_of_one_note_reach_a_host_ten_seconds_apart(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal")
    await book.deliver()
    await book.change(appeal, "paused", PAUSE)
    assert await spoken(book) == ["Update paused"]
    book.later(seconds=3)
    await book.change(appeal, "closed", CLOSE)
    assert await spoken(book) == []
    assert await book.due("one.example") == NOON + timedelta(seconds=10)
    book.later(seconds=7)
    assert await spoken(book) == ["Update closed"]


async def test_an_answers_urgency_carries_the_note_it_answers(book: Ledger) -> None:
    await book.follow("one.example")
    await book.create("other")
    appeal = await book.create("appeal", GOAL)
    await book.create("urgent answer", CLOSE, reply_to=appeal)
    assert await spoken(book) == ["Create appeal", "Create urgent answer", "Create other"]


async def test_past_its_end_an_open_form_leaves_no_more(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("appeal", valid_until=NOON + timedelta(hours=1))
    book.later(hours=1)
    assert await book.deliver() == []
    await book.change(appeal, "expired", CLOSE)
    assert await spoken(book) == ["Create expired"]
