"""Notes as they are served: what a retraction leaves of a note, and of those that answered it."""

from __future__ import annotations

from fediverse.protocol.retry import Priority
from fediverse.store import objects
from tests.fediverse.store.building import Ledger


async def stored(book: Ledger, note_id: str) -> objects.StoredObject:
    async with book.database.read() as tx:
        found = await objects.current(tx, note_id)
    assert found is not None
    return found


async def test_nothing_of_a_retracted_note_is_kept_but_its_id(book: Ledger) -> None:
    note = await book.create("help is needed")
    book.later(minutes=1)
    await book.retract(note)
    found = await stored(book, note)
    assert (found.body, found.valid_until, found.deleted) == (None, None, book.now)


async def test_what_answers_a_retracted_note_answers_nothing_any_more(book: Ledger) -> None:
    note, other = await book.create("help is needed"), await book.create("something else")
    answer, elsewhere = await book.create("half-way", reply_to=note), await book.create("apart", reply_to=other)
    before = await stored(book, answer)
    await book.retract(note)
    found = await stored(book, answer)
    assert before.body is not None
    assert found.body == {name: value for name, value in before.body.items() if name != "inReplyTo"}
    assert (found.reply_to, found.version, found.updated) == (None, before.version, before.updated)
    assert (await stored(book, elsewhere)).reply_to == other


async def test_an_answer_still_queued_when_its_parent_is_retracted_leaves_as_a_note_of_its_own(book: Ledger) -> None:
    await book.follow("harbour.example")
    note = await book.create("help is needed")
    (lease,) = await book.claim()
    first = await book.begin(lease)
    assert first is not None
    await book.settle(first)
    answer = await book.create("half-way", Priority.GOAL, reply_to=note)
    await book.retract(note)
    left = []
    while post := await book.begin(lease):
        left.append((post.kind, post.object, b"inReplyTo" in post.body))
        await book.settle(post)
    assert left == [("delete", note, False), ("create", answer, False)]
