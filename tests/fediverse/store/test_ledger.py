"""The ledger's promises, kept by both databases: order, versions, priorities, leases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from fediverse import outbox
from fediverse.protocol.retry import Priority
from fediverse.store import followers, queue, upkeep
from fediverse.store.database import Database
from fediverse.store.queue import LeaseLost, Pace
from fediverse.store.schema import activities, deliveries, hosts
from fediverse.store.sealed import Sealer
from tests.fediverse.store.building import ACTOR, NOON, SECRET, Ledger, ledger, said

CLOSE, APPEAL, PAUSE, GOAL = Priority.CLOSE, Priority.APPEAL, Priority.PAUSE, Priority.GOAL


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Ledger]:
    async with ledger(database_url) as opened:
        yield opened


async def spoken(book: Ledger) -> list[str]:
    return [said(activity) for _, activity in await book.deliver()]


# --- to whom ----------------------------------------------------------------------------------------------------------


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
    posts = await book.deliver()
    assert [said(activity) for host, activity in posts if host == "edits.example"] == [
        "Update closed",
        "Create closure",
    ]
    there = [activity for host, activity in posts if host == "misskey.example"]
    assert [said(activity) for activity in there] == ["Delete", "Create closure"]
    assert "inReplyTo" not in there[1]["object"]
    assert len({activity["id"] for _, activity in posts}) == 4


# --- versions ---------------------------------------------------------------------------------------------------------


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


# --- order ------------------------------------------------------------------------------------------------------------


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


# --- hosts ------------------------------------------------------------------------------------------------------------


async def test_the_most_urgent_hosts_are_claimed_first(book: Ledger) -> None:
    await book.follow("appeals.example")
    appeal = await book.create("appeal")
    await book.follow("closes.example")
    await book.deliver()
    await book.create("second appeal")
    (lease,) = [lease for lease in await book.claim() if lease.host == "closes.example"]
    assert lease
    book.later(minutes=5)
    await book.change(appeal, "closed", CLOSE)
    async with book.database.write() as tx:
        await tx.execute(update(hosts).values(urgency=int(APPEAL)).where(hosts.c.name == "appeals.example"))
    assert [lease.host for lease in await book.claim(limit=1)] == ["closes.example"]


async def test_one_host_belongs_to_one_sender_at_a_time(book: Ledger) -> None:
    await book.follow("one.example")
    await book.create("appeal")
    assert len(await book.claim("first")) == 1
    assert await book.claim("second") == []
    book.later(minutes=2)
    assert len(await book.claim("second")) == 1


async def test_whoever_lost_the_lease_can_write_nothing_more(book: Ledger) -> None:
    await book.follow("one.example")
    await book.create("appeal")
    (old,) = await book.claim("slow")
    post = await book.begin(old)
    assert post is not None
    book.later(minutes=2)
    (new,) = await book.claim("quick")
    with pytest.raises(LeaseLost):
        await book.settle(post)
    with pytest.raises(LeaseLost):
        await book.begin(old)
    again = await book.begin(new)
    assert again is not None
    assert again.activity == post.activity
    assert again.attempts == 2


async def test_a_resting_host_stays_at_rest_but_a_safety_act_asks_it_once_more(book: Ledger) -> None:
    await book.follow("down.example")
    appeal = await book.create("appeal")
    await rest(book, hours=3)
    await book.create("another")
    assert await book.claim() == []
    await book.change(appeal, "closed", CLOSE)
    assert len(await book.claim()) == 1


async def test_what_a_host_asked_for_wins_over_a_safety_act(book: Ledger) -> None:
    await book.follow("busy.example")
    appeal = await book.create("appeal")
    await rest(book, hours=3, asked=True)
    await book.change(appeal, "closed", CLOSE)
    assert await book.claim() == []
    assert await book.due("busy.example") == book.now + timedelta(hours=3)


async def rest(book: Ledger, *, hours: int, asked: bool = False) -> None:
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    async with book.database.write() as tx:
        until = book.now + timedelta(hours=hours)
        await queue.settle(tx, post, now=book.now, state="waiting", status=503, reason=None, unknown=False)
        await queue.host_rests(tx, lease.host, until=until, asked=asked, now=book.now)
        await queue.release(tx, lease, now=book.now)


async def test_ordinary_posts_leave_a_reserve_that_safety_acts_may_take(book: Ledger) -> None:
    await book.follow("one.example")
    appeal = await book.create("0")
    for number in range(1, 60):
        await book.create(str(number))
    pace = Pace(rate=1, burst=30)
    (lease,) = await book.claim()
    sent = 0
    while (post := await book.begin(lease, pace)) is not None:
        await book.settle(post)
        sent += 1
    assert sent == 20
    assert await book.due("one.example") == book.now + timedelta(seconds=1)
    await book.change(appeal, "closed", CLOSE)
    (lease,) = await book.claim()
    safety = await book.begin(lease, pace)
    assert safety is not None
    assert safety.kind == "update"


async def test_a_delivery_past_its_deadline_is_parked_and_revived_by_a_request_from_there(book: Ledger) -> None:
    await book.follow("gone.example")
    await book.create("appeal")
    await rest(book, hours=1)
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


async def test_an_answer_goes_to_the_personal_inbox_and_its_body_is_erased_once_settled(book: Ledger) -> None:
    (person,) = await book.follow("one.example")
    follow = {"id": f"{person}#follow", "type": "Follow", "actor": person, "object": ACTOR}
    async with book.database.write() as tx:
        follower = await followers.find(tx, ACTOR, person)
        assert follower is not None
        await outbox.respond(tx, book.act, "accept", follow=follow, inbox=follower.personal)
    ((_, accept),) = await book.deliver()
    assert accept["object"] == follow
    async with book.database.read() as tx:
        assert await tx.value(select(activities.c.sealed_body)) is None
        assert await tx.value(select(activities.c.body)) is None


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


# --- the database itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_the_claim_walks_an_index_on_a_large_table(dialect: str, request: pytest.FixtureRequest) -> None:
    async with ledger(request.getfixturevalue(f"{dialect}_url")) as book:
        sleeping = [{"name": f"h{n}.example", "due": NOON + timedelta(days=1), "urgency": n % 8} for n in range(30_000)]
        async with book.database.write() as tx:
            await tx.execute(hosts.insert(), sleeping)
        if dialect == "postgresql":
            async with book.database.write() as tx:
                await tx.execute(text("ANALYZE hosts"))
        speaks = postgresql.dialect() if dialect == "postgresql" else sqlite.dialect()
        claim = queue.due_hosts(CLOSE, NOON, 100).compile(dialect=speaks, compile_kwargs={"literal_binds": True})
        words = "EXPLAIN" if dialect == "postgresql" else "EXPLAIN QUERY PLAN"
        async with book.database.read() as tx:
            plan = "\n".join(str(tuple(row.values())) for row in await tx.rows(text(f"{words} {claim}")))
    assert "hosts_due" in plan
    assert "Seq Scan" not in plan
    assert "SCAN hosts" not in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


async def test_a_delivery_owed_while_its_host_is_let_go_is_not_forgotten(postgresql_url: str) -> None:
    async with ledger(postgresql_url) as book:
        await book.follow("one.example")
        await book.create("first")
        (lease,) = await book.claim()
        post = await book.begin(lease)
        assert post is not None
        await book.settle(post)
        async with book.database.write() as publisher:
            note = book.note("second")
            await outbox.create(publisher, book.act, note, priority=APPEAL)
            letting_go = asyncio.create_task(book.release(lease))
            await waits_for_a_lock(book.database)
        await letting_go
        assert await book.due("one.example") is not None
        assert await spoken(book) == ["Create second"]


async def waits_for_a_lock(database: Database) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while True:
            async with database.read() as tx:
                if await tx.value(waiting):
                    return
            await asyncio.sleep(0.01)


async def test_publishers_and_settlers_at_once_never_lock_each_other_out(book: Ledger) -> None:
    for number in range(12):
        await book.follow(f"h{number}.example")
    notes = [await book.create(f"appeal {number}") for number in range(3)]
    await book.deliver()

    async def publish(note: str) -> None:
        for round_ in range(5):
            await book.change(note, f"round {round_}", CLOSE)

    async def send(owner: str) -> None:
        for _ in range(40):
            for lease in await book.claim(owner, limit=3):
                while (post := await book.begin(lease)) is not None:
                    await book.settle(post)

    async with asyncio.timeout(60):
        await asyncio.gather(*(publish(note) for note in notes), send("one"), send("two"))
    book.later(minutes=1)
    await book.deliver()
    assert await book.count("waiting") == 0
    assert await book.count("claimed") == 0


async def test_what_one_process_owes_wakes_another(database_url: str) -> None:
    async with ledger(database_url) as book, Database(database_url, Sealer(SECRET)) as other:
        await book.follow("one.example")
        if not other.is_sqlite:
            assert await until_heard(book, other)
        else:
            assert not await other.wait(timedelta(0))  # polled, within a second
        async with other.write() as tx:
            assert await queue.claim(tx, owner="other", now=book.now, limit=1) or other.is_sqlite


async def until_heard(book: Ledger, other: Database) -> bool:
    """Owe something until the listener, which needs a moment to connect, hears of it."""
    for number in range(50):
        await book.create(f"appeal {number}")
        if await other.wait(timedelta(milliseconds=100)):
            return True
    return False
