"""What an act costs where many hosts are owed something: a closing is no slower per host for there being more of them.

Counted in steps of SQLite's machine, not in seconds, so that a busy machine changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event, update

from fediverse.protocol.retry import Priority
from fediverse.store.schema import deliveries, followers, hosts, inboxes
from tests.fediverse.store.building import ACTOR, Ledger, ledger

STEP = 100


async def test_the_work_of_a_closing_grows_with_the_hosts_and_not_with_their_square(tmp_path: Path) -> None:
    few = await _steps_of_a_closing(tmp_path / "few.sqlite3", 150)
    many = await _steps_of_a_closing(tmp_path / "many.sqlite3", 600)
    assert many < few * 6


async def _steps_of_a_closing(file: Path, number: int) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += STEP
        return 0

    def listen(connection: Any, _record: object) -> None:
        connection.run_async(lambda raw: raw.set_progress_handler(count, STEP))

    async with ledger(f"sqlite:///{file}") as book:
        await _follow(book, number)
        appeal = await book.create("appeal")
        await _all_delivered(book)
        await book.create("half way", Priority.GOAL, reply_to=appeal)
        waiting = await book.create("another")
        await book.database.engine.dispose()
        event.listen(book.database.engine.sync_engine, "connect", listen)
        for note in (appeal, waiting):
            await book.change(note, "closed", Priority.CLOSE)
            await book.create("closure", Priority.CLOSE, reply_to=note)
        await book.retract(appeal)
    assert steps > number
    return steps


async def _follow(book: Ledger, number: int) -> None:
    names = [f"h{each}.example" for each in range(number)]
    common = {"actor": ACTOR, "sealed": b"", "since": book.now}
    async with book.database.write() as tx:
        await tx.execute(hosts.insert(), [{"name": name} for name in names])
        await tx.execute(
            inboxes.insert(),
            [{"key": name, "host": name, "shared": True, "url": f"https://{name}/inbox"} for name in names],
        )
        await tx.execute(
            followers.insert(),
            [
                {**common, "follower": name, "follow": name, "host": name, "inbox": name, "personal": name}
                for name in names
            ],
        )


async def _all_delivered(book: Ledger) -> None:
    async with book.database.write() as tx:
        await tx.execute(update(deliveries).values(state="delivered", attempts=1, attempted=book.now, settled=book.now))
        await tx.execute(update(hosts).values(due=None))
