"""One lease per host, claims by urgency, pace, and what the two databases do underneath."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from fediverse import outbox
from fediverse.protocol.retry import Priority
from fediverse.store import followers, queue, upkeep
from fediverse.store.database import Database
from fediverse.store.queue import LeaseLost, Pace
from fediverse.store.schema import activities, hosts
from fediverse.store.sealed import Sealer
from tests.fediverse.store.building import ACTOR, NOON, SECRET, Ledger, ledger, spoken

CLOSE = Priority.CLOSE
APPEAL = Priority.APPEAL


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
    await book.rest(hours=3)
    await book.create("another")
    assert await book.claim() == []
    await book.change(appeal, "closed", CLOSE)
    assert len(await book.claim()) == 1


async def test_what_a_host_asked_for_wins_over_a_safety_act(book: Ledger) -> None:
    await book.follow("busy.example")
    appeal = await book.create("appeal")
    await book.rest(hours=3, asked=True)
    await book.change(appeal, "closed", CLOSE)
    assert await book.claim() == []
    assert await book.due("busy.example") == book.now + timedelta(hours=3)


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


async def test_a_turn_at_a_host_looks_at_nothing_but_that_host(tmp_path: Path) -> None:
    made: list[tuple[str, Any]] = []

    def take_down(_connection: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "INSERT")):
            made.append((statement, values))

    async with ledger(f"sqlite:///{tmp_path / 'plans.sqlite3'}") as book:
        for host in ("one.example", "two.example"):
            await book.follow(host, shared=False)
        appeal = await book.create("appeal")
        await book.deliver()
        await book.change(appeal, "closed", CLOSE)
        event.listen(book.database.engine.sync_engine, "before_cursor_execute", take_down)
        (lease, other) = await book.claim()
        post = await book.begin(lease)
        assert post is not None
        await book.settle(post)
        assert await book.begin(lease) is None
        post = await book.begin(other)
        assert post is not None
        async with book.database.write() as tx:
            await upkeep.redirect(tx, post, to=post.inbox, now=book.now)
            await upkeep.try_personal(tx, post, book.now)
            await upkeep.drop_inbox(tx, ACTOR, post.inbox, book.now)
            await upkeep.revive(tx, "one.example", book.now)
    with contextlib.closing(sqlite3.connect(tmp_path / "plans.sqlite3")) as raw:
        plans = [
            f"{row[3]}: {statement}"
            for statement, values in made
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert any("deliveries_line" in plan for plan in plans)
    assert any("deliveries_spoken" in plan for plan in plans)
    assert [plan for plan in plans if plan.startswith("SCAN deliveries")] == []
