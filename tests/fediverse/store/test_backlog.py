from __future__ import annotations

from datetime import timedelta

from fediverse.store import backlog
from fediverse.store.backlog import Line
from tests.fediverse.store.building import NOON, Ledger, ledger


async def lines(book: Ledger, limit: int = 10) -> list[Line]:
    async with book.database.read() as tx:
        return list(await backlog.lines(tx, limit=limit))


async def by_state(book: Ledger) -> dict[str, int]:
    async with book.database.read() as tx:
        return dict(await backlog.by_state(tx))


async def test_an_empty_ledger_owes_nothing(database_url: str) -> None:
    async with ledger(database_url) as book:
        assert await by_state(book) == {}
        assert await lines(book) == []
        async with book.database.read() as tx:
            assert await backlog.newest_moment(tx) is None


async def test_every_host_that_still_waits_is_listed_the_longest_owed_first(database_url: str) -> None:
    async with ledger(database_url) as book:
        await book.follow("old.example", times=2, shared=False)
        await book.create("one")
        book.later(minutes=5)
        await book.follow("new.example")
        await book.create("two")
        assert await by_state(book) == {"waiting": 5}
        assert [(line.host, line.waiting, line.oldest) for line in await lines(book)] == [
            ("old.example", 4, NOON),
            ("new.example", 1, NOON + timedelta(minutes=5)),
        ]
        assert [line.host for line in await lines(book, limit=1)] == ["old.example"]
        await book.deliver()
        assert await by_state(book) == {"delivered": 5}
        assert await lines(book) == []
        async with book.database.read() as tx:
            assert await backlog.newest_moment(tx) == NOON + timedelta(minutes=5)


async def test_a_host_that_rests_says_until_when_and_what_was_refused_waits_for_nobody(database_url: str) -> None:
    async with ledger(database_url) as book:
        await book.follow("rests.example")
        await book.create("one")
        await book.rest(hours=2)
        (line,) = await lines(book)
        assert (line.waiting, line.failures, line.next_attempt) == (1, 1, NOON + timedelta(hours=2))
        book.later(hours=2)
        (lease,) = await book.claim()
        post = await book.begin(lease)
        assert post is not None
        assert await by_state(book) == {"waiting": 1}, "an attempt that is being made counts as waiting"
        await book.settle(post, "refused", status=403)
        await book.release(lease)
        (line,) = await lines(book)
        assert (line.waiting, line.refused, line.next_attempt) == (0, 1, None)
