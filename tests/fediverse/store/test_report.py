"""Which hosts still hold a note that they were never told to delete: the same on both databases."""

from __future__ import annotations

from sqlalchemy import update

from fediverse.store import followers, report
from fediverse.store.schema import hosts
from tests.fediverse.store.building import ACTOR, Ledger


async def test_a_note_whose_only_inbox_there_is_gone_is_not_counted_as_held(book: Ledger) -> None:
    (person,) = await book.follow("misskey.example", shared=False)
    appeal = await book.create("appeal")
    (lease,) = await book.claim()
    post = await book.begin(lease)
    assert post is not None
    async with book.database.write() as tx:
        await tx.execute(update(hosts).values(software="misskey"))
        assert await report.still_held(tx, [appeal], ["misskey"]) == {appeal}
    await book.settle(post, "gone", status=410)
    async with book.database.write() as tx:
        await followers.remove(tx, ACTOR, person)
        assert await report.still_held(tx, [appeal], ["misskey"]) == set()
