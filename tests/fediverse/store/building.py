"""A ledger to play with: one actor, followers on invented hosts, a clock that stands still until it is moved."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import func, select

from fediverse import outbox
from fediverse.outbox import Act
from fediverse.protocol import documents
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.retry import Priority
from fediverse.protocol.strict_json import loads_object
from fediverse.store import followers, local_actors, queue
from fediverse.store.database import Database
from fediverse.store.queue import Lease, Post
from fediverse.store.schema import deliveries, hosts, metadata
from fediverse.store.sealed import Sealer

ORIGIN = "https://fund.example"
ACTOR = f"{ORIGIN}/actors/{'a' * 32}"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = bytes(range(32))


@cache
def one_key() -> KeyPair:
    """A key pair of our actor; making one takes a while, so the suite shares it."""
    return KeyPair.generate(f"{ACTOR}#main-key", ACTOR)


class Ledger:
    """The stored ledger of one actor, with the few acts that tests need."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self._numbers = itertools.count()

    def later(self, **by: float) -> None:
        """Move the clock."""
        self.now += timedelta(**by)

    def new_id(self) -> str:
        return secrets.token_hex(16)

    @property
    def act(self) -> Act:
        return Act(ACTOR, self.now, self.new_id)

    async def follow(self, host: str, *, times: int = 1, shared: bool = True) -> list[str]:
        """New followers on a host, which shares an inbox or not; their actor ids."""
        pem, ids = one_key().public_pem(), []
        async with self.database.write() as tx:
            for _ in range(times):
                person = f"https://{host}/users/p{next(self._numbers)}"
                ids.append(person)
                await followers.add(
                    tx,
                    actor=ACTOR,
                    follow={"id": f"{person}#follow", "type": "Follow", "actor": person, "object": ACTOR},
                    personal=f"{person}/inbox",
                    shared=f"https://{host}/inbox" if shared else None,
                    key=PublicKey.from_pem(pem, f"{person}#main-key", person),
                    now=self.now,
                )
        return ids

    def note(self, text: str, *, note_id: str | None = None, reply_to: str | None = None) -> dict[str, Any]:
        to, cc = documents.public_to(ACTOR)
        return documents.note(
            id=note_id or f"{ORIGIN}/notes/{self.new_id()}",
            actor_id=ACTOR,
            to=to,
            cc=cc,
            published=self.now,
            content=f"<p>{text}</p>",
            language="en",
            in_reply_to=reply_to,
        )

    async def create(self, text: str, priority: Priority = Priority.APPEAL, **more: Any) -> str:
        """Publish a note; its id."""
        note = self.note(text, reply_to=more.pop("reply_to", None))
        async with self.database.write() as tx:
            await outbox.create(tx, self.act, note, priority=priority, **more)
        return str(note["id"])

    async def change(self, note_id: str, text: str, priority: Priority, **more: Any) -> None:
        async with self.database.write() as tx:
            await outbox.change(tx, self.act, self.note(text, note_id=note_id), priority=priority, **more)

    async def retract(self, note_id: str) -> None:
        async with self.database.write() as tx:
            await outbox.retract(tx, self.act, note_id)

    async def claim(self, owner: str = "one", limit: int = 100) -> list[Lease]:
        async with self.database.write() as tx:
            return await queue.claim(tx, owner=owner, now=self.now, limit=limit)

    async def begin(self, lease: Lease, pace: queue.Pace | None = None) -> Post | None:
        async with self.database.write() as tx:
            return await queue.begin(tx, lease, now=self.now, pace=pace)

    async def settle(self, post: Post, state: str = "delivered", **how: Any) -> None:
        how = {"status": 202, "reason": None, "unknown": False, **how}
        async with self.database.write() as tx:
            await queue.settle(tx, post, now=self.now, state=state, **how)
            await queue.erase_answer(tx, post)
            if state == "delivered":
                await outbox.say_once_more(tx, post, now=self.now, new_id=self.new_id)

    async def release(self, lease: Lease) -> None:
        async with self.database.write() as tx:
            await queue.release(tx, lease, now=self.now)

    async def deliver(self) -> list[tuple[str, dict[str, Any]]]:
        """Deliver all that is due, one host after the other, every answer 202: (host, activity) in order."""
        said = []
        while leases := await self.claim(limit=1):
            while (post := await self.begin(leases[0])) is not None:
                said.append((post.lease.host, loads_object(post.body)))
                await self.settle(post)
        return said

    async def states(self, host: str | None = None) -> list[tuple[str, str]]:
        """(kind, state) of every delivery, in the order owed."""
        query = select(deliveries.c.kind, deliveries.c.state).order_by(deliveries.c.seq)
        if host is not None:
            query = query.where(deliveries.c.host == host)
        async with self.database.read() as tx:
            return [(row["kind"], row["state"]) for row in await tx.rows(query)]

    async def rest(self, *, hours: int, asked: bool = False) -> None:
        """Make an attempt at the one host that is due, which then rests for hours."""
        (lease,) = await self.claim()
        post = await self.begin(lease)
        assert post is not None
        async with self.database.write() as tx:
            until = self.now + timedelta(hours=hours)
            await queue.settle(tx, post, now=self.now, state="waiting", status=503, reason=None, unknown=False)
            await queue.host_rests(tx, lease.host, until=until, asked=asked, now=self.now)
            await queue.release(tx, lease, now=self.now)

    async def due(self, host: str) -> datetime | None:
        async with self.database.read() as tx:
            moment: datetime | None = await tx.value(select(hosts.c.due).where(hosts.c.name == host))
            return moment

    async def count(self, state: str) -> int:
        async with self.database.read() as tx:
            return int(await tx.value(select(func.count()).where(deliveries.c.state == state)))


@contextlib.asynccontextmanager
async def ledger(url: str) -> AsyncIterator[Ledger]:
    """An empty ledger in a fresh database, with our actor in it."""
    async with Database(url, Sealer(SECRET)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        book = Ledger(database)
        async with database.write() as tx:
            await local_actors.create(
                tx,
                actor_id=ACTOR,
                handle="fund",
                kind=local_actors.SERVICE,
                document={"id": ACTOR, "type": "Service"},
                key=one_key(),
                now=book.now,
            )
        yield book


def said(activity: dict[str, Any]) -> str:
    """An activity in a word or two: its type and the text it carries."""
    inner = activity["object"]
    if activity["type"] in {"Create", "Update"} and "content" in inner:
        return f"{activity['type']} {inner['content'].removeprefix('<p>').removesuffix('</p>')}"
    return str(activity["type"])


async def spoken(book: Ledger) -> list[str]:
    """Deliver all that is due: what was said, in order."""
    return [said(activity) for _, activity in await book.deliver()]
