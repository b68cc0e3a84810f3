"""Whatever happens: nothing asks after the closing, no older form follows a newer, and in the end every host knows.

Random acts against random answers, over the real ledger and the real sender (see simulation.py for the receivers). A
failing seed stands in the name of the test.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event, func, select, update

from fediverse import following, outbox
from fediverse.exchange.client import Client
from fediverse.exchange.delivery import Sending, send_line
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.retry import Priority
from fediverse.store import followers, report, upkeep
from fediverse.store.database import Transaction
from fediverse.store.reach import is_open
from fediverse.store.schema import deliveries, hosts
from tests.fediverse.store.building import ACTOR, NOON, Ledger, ledger, one_key
from tests.fediverse.store.simulation import KINDS, OPEN, Killed, Receiver, Wire, form_of

STEPS = 40
NO_EDITS = ("misskey",)
PAUSES = {0: 4, 2: 4, 8: 4, 20: 4, 100: 4, 500: 2, 7_000: 1, 90_000: 0.6, 900_000: 0.4}  # seconds between steps


class Campaign:
    """One fundraiser: its notes with the version of each, and the form they are all in."""

    def __init__(self) -> None:
        self.form = OPEN
        self.notes: dict[str, int] = {}
        self.closures: list[str] = []
        self.withdrawn: set[str] = set()


class World:
    """Our actor, its campaigns and its receivers."""

    def __init__(self, book: Ledger, seed: int) -> None:
        self.book = book
        self.chance = random.Random(seed)
        self.wire = Wire(self.chance, lambda: book.now, self.begun, self.meanwhile)
        self.sending = Sending(
            database=book.database,
            client=cast(Client, self.wire),
            clock=lambda: book.now,
            new_id=book.new_id,
            random=self.chance.random,
            key=self._key,
            instance=ACTOR,
            pace=None,
        )
        self.campaigns: list[Campaign] = []
        self.people: list[str] = []
        self.newest: dict[tuple[str, str], tuple[int, datetime]] = {}
        self.told_to_delete: set[tuple[str, str]] = set()
        self.ending = False

    async def _key(self, _actor: str) -> KeyPair:
        return one_key()

    # --- what must hold of every post ---------------------------------------------------------------------------------

    def begun(self, receiver: Receiver, activity: dict[str, Any]) -> None:
        if activity["type"] == "Accept":
            return
        inner = activity["object"]
        note = inner if isinstance(inner, str) else inner["id"]
        place = (receiver.host, note)
        if activity["type"] == "Delete":
            self.told_to_delete.add(place)
        assert activity["type"] == "Delete" or place not in self.told_to_delete, "something follows a Delete"
        form = form_of(activity)
        if form is None:
            return
        campaign = next(each for each in self.campaigns if note in each.notes)
        assert note not in campaign.withdrawn, "a deleted note leaves"
        assert campaign.form != "closed" or form[1] == "closed", f"a closed note leaves as {form[1]}"
        version, at = self.newest.get(place, (0, NOON))
        assert form[0] >= version, "an older form follows a newer"
        if activity["type"] == "Update":
            apart = self.book.now - at
            assert form[0] == version or apart >= timedelta(seconds=10) or at == NOON, "two edits at once"
            self.newest[place] = (form[0], self.book.now)
        else:
            self.newest[place] = (form[0], at)

    async def meanwhile(self) -> None:
        self.book.later(seconds=self.chance.choice((0, 0, 1, 3)))
        self.wire.catch_up(self.book.now)
        if not self.ending and self.chance.random() < 0.25:
            await self.act()

    async def begin(self) -> None:
        """A few followers and a campaign, so that no story is empty."""
        async with self.book.database.write() as tx:
            for _ in range(5):
                await self.follow(tx)
            await self.open(tx)

    # --- acts ---------------------------------------------------------------------------------------------------------

    async def act(self) -> None:
        """One act of an organiser or a follower, chosen at random, in a transaction of its own."""
        acts = {
            self.open: 1 if len(self.campaigns) < 3 else 0,
            self.goal_update: 2,
            self.turn: 6,
            self.close: 2,
            self.withdraw: 1,
            self.retract: 0.4,
            self.follow: 1,
            self.unfollow: 1,
            self.learn_software: 1,
            self.outage: 0.7,
        }
        async with self.book.database.write() as tx:
            await self.chance.choices(list(acts), list(acts.values()))[0](tx)

    def _running(self) -> Campaign | None:
        running = [each for each in self.campaigns if each.form in (OPEN, "paused")]
        return self.chance.choice(running) if running else None

    async def _say(self, tx: Transaction, campaign: Campaign, priority: Priority, **more: Any) -> str:
        reply_to = more.pop("reply_to", None)
        note = self.book.note(f"1 {campaign.form}", reply_to=reply_to)
        campaign.notes[note["id"]] = 1
        await outbox.create(tx, self.book.act, note, priority=priority, **more)
        return str(note["id"])

    async def _edit(self, tx: Transaction, campaign: Campaign, form: str, priority: Priority) -> None:
        campaign.form = form
        for url in [each for each in campaign.notes if each not in campaign.withdrawn]:
            campaign.notes[url] += 1
            note = self.book.note(f"{campaign.notes[url]} {form}", note_id=url)
            leave_out = NO_EDITS if form == "closed" and url not in campaign.closures else ()
            await outbox.change(tx, self.book.act, note, priority=priority, leave_out=leave_out)
            if leave_out:
                await outbox.delete_at(tx, self.book.act, url, priority=priority, software=NO_EDITS)

    async def open(self, tx: Transaction) -> None:
        campaign = Campaign()
        self.campaigns.append(campaign)
        url = await self._say(tx, campaign, Priority.APPEAL)
        await outbox.pin(tx, self.book.act, url, position=0, priority=Priority.APPEAL)

    async def goal_update(self, tx: Transaction) -> None:
        campaign = self._running()
        if campaign is None or campaign.form != OPEN:
            return
        appeal = next(iter(campaign.notes))
        if appeal not in campaign.withdrawn:
            await self._say(tx, campaign, Priority.GOAL, reply_to=appeal)

    async def turn(self, tx: Transaction) -> None:
        campaign = self._running()
        if campaign is not None and campaign.form == OPEN:
            await self._edit(tx, campaign, "paused", Priority.PAUSE)
        elif campaign is not None:
            await self._edit(tx, campaign, OPEN, Priority.APPEAL)

    async def close(self, tx: Transaction) -> None:
        if not self.campaigns:
            return
        campaign = self.chance.choice(self.campaigns)
        first = campaign.form != "closed"
        await self._edit(tx, campaign, "closed", Priority.CLOSE)
        if not first:
            return
        appeal = next(iter(campaign.notes))
        reply_to = None if appeal in campaign.withdrawn else appeal
        closure = await self._say(tx, campaign, Priority.CLOSE, reply_to=reply_to, leave_out=NO_EDITS)
        await outbox.create_instead(tx, self.book.act, closure, priority=Priority.CLOSE, software=NO_EDITS)
        campaign.closures.append(closure)
        if reply_to is not None:
            await outbox.unpin(tx, self.book.act, appeal, priority=Priority.CLOSE)
        await outbox.pin(tx, self.book.act, closure, position=0, priority=Priority.CLOSE)

    async def withdraw(self, tx: Transaction) -> None:
        standing = [(each, url) for each in self.campaigns for url in each.notes if url not in each.withdrawn]
        if standing:
            campaign, url = self.chance.choice(standing)
            campaign.withdrawn.add(url)
            await outbox.retract(tx, self.book.act, url)

    async def retract(self, tx: Transaction) -> None:
        if self.campaigns:
            campaign = self.chance.choice(self.campaigns)
            campaign.form = "closed"
            campaign.withdrawn |= set(campaign.notes)
            for url in campaign.notes:
                await outbox.retract(tx, self.book.act, url)

    async def follow(self, tx: Transaction) -> None:
        if len(self.wire.receivers) < 6 and self.chance.random() < 0.7:
            name = f"h{len(self.wire.receivers)}.example"
            self.wire.receivers[name] = Receiver(name, self.chance.choice(KINDS), NOON)
        elif not self.wire.receivers:
            return
        host = self.chance.choice(sorted(self.wire.receivers))
        person = f"https://{host}/users/p{len(self.people)}"
        self.people.append(person)
        await upkeep.revive(tx, host, self.book.now)
        await following.welcome(
            tx,
            self.book.act,
            follow={"id": f"{person}#follow", "type": "Follow", "actor": person, "object": ACTOR},
            personal=f"{person}/inbox",
            shared=None if host < "h2" else f"https://{host}/inbox",
            key=PublicKey.from_pem(one_key().public_pem(), f"{person}#main-key", person),
        )

    async def unfollow(self, tx: Transaction) -> None:
        if self.people and (who := await followers.find(tx, ACTOR, self.chance.choice(self.people))) is not None:
            await upkeep.revive(tx, who.id.split("/")[2], self.book.now)
            await following.part(tx, who, self.book.now)

    async def learn_software(self, tx: Transaction) -> None:
        """What the background does: ask a host what it runs, and tell it what it should have been told."""
        for name, receiver in self.wire.receivers.items():
            if self.ending or self.chance.random() < 0.4:
                await tx.execute(update(hosts).where(hosts.c.name == name).values(software=receiver.kind))
        for campaign in self.campaigns:
            if campaign.form != "closed":
                continue
            asking = [url for url in campaign.notes if url not in campaign.withdrawn | set(campaign.closures)]
            held = await report.still_held(tx, asking, NO_EDITS)
            for url in sorted(held):
                await outbox.delete_at(tx, self.book.act, url, priority=Priority.CLOSE, software=NO_EDITS)
            for url in [each for each in campaign.closures if each not in campaign.withdrawn] if held else ():
                await outbox.create_instead(tx, self.book.act, url, priority=Priority.CLOSE, software=NO_EDITS)

    async def outage(self, _: Transaction) -> None:
        if self.wire.receivers:
            receiver = self.wire.receivers[self.chance.choice(sorted(self.wire.receivers))]
            receiver.down_until = self.book.now + timedelta(hours=self.chance.choice((1, 30, 300)))

    # --- sending ------------------------------------------------------------------------------------------------------

    async def send(self) -> int:
        """A turn at every host that is due, one after the other; some senders die in it."""
        leases = await self.book.claim(owner=self.book.new_id(), limit=self.chance.choice((1, 3)))
        for lease in leases:
            try:
                await send_line(self.sending, lease, asyncio.Event())
            except Killed:
                continue
        return len(leases)

    async def look(self) -> datetime | None:
        """When the next host is to be looked at; None once nothing is open. What is open always has its time."""
        async with self.book.database.read() as tx:
            stranded = select(hosts.c.name).where(
                hosts.c.due.is_(None), hosts.c.name.in_(select(deliveries.c.host).where(is_open()))
            )
            assert not await tx.rows(stranded), "a line that nobody would look at"
            torn = select(func.count()).where(is_open() != deliveries.c.settled.is_(None))
            assert await tx.value(torn) == 0, "open and settled at once, or neither"
            if not await tx.value(select(func.count()).where(is_open())):
                return None
            times = await tx.rows(select(hosts.c.due, hosts.c.lease_until).where(hosts.c.due.is_not(None)))
        moments: list[datetime] = [max(row["due"], row["lease_until"] or row["due"]) for row in times]
        return min(moments)

    async def drain(self) -> None:
        """Everybody is up again and says so; whatever is owed leaves, and whatever is late arrives."""
        self.ending = self.wire.calm = True
        for _ in range(2):  # what time ran out for meanwhile is parked at the first look, and wakes at the second knock
            async with self.book.database.write() as tx:
                await self.learn_software(tx)
                for name in self.wire.receivers:
                    await upkeep.revive(tx, name, self.book.now)
            await self._send_all()
        self.wire.catch_up(self.book.now + timedelta(days=1))

    async def _send_all(self) -> None:
        for _ in range(500):
            at = await self.look()
            if at is None:
                return
            self.book.now = max(self.book.now, at)
            self.wire.catch_up(self.book.now)
            await self.send()
        pytest.fail("the line does not drain")

    def check(self) -> None:
        """Every host that shows a note shows it as it is now; where edits are not taken, at least nothing asks."""
        known_gone = {url.split("/")[2] for url in self.wire.gone}
        for receiver in self.wire.receivers.values():
            for campaign in self.campaigns if receiver.host not in known_gone else ():
                for url, version in campaign.notes.items():
                    shown = receiver.shown.get(url)
                    where = f"{receiver.kind} {receiver.host} shows {shown}, not {version} {campaign.form}"
                    assert shown is None or url not in campaign.withdrawn, where
                    if receiver.kind != "misskey":
                        assert shown in (None, (version, campaign.form)), where
                    elif campaign.form == "closed":
                        assert shown is None or shown[1] == "closed", where


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_story_every_host_shows_the_last_word_and_none_was_asked_after_the_end(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger(f"sqlite:///{tmp_path / 'clarion.sqlite3'}") as book:
        await book.database.engine.dispose()
        event.listen(book.database.engine.sync_engine, "connect", _without_waiting_for_the_disk)
        world = World(book, seed)
        monkeypatch.setattr(secrets, "token_hex", lambda size: world.chance.randbytes(size).hex())
        await world.begin()
        for _ in range(STEPS):
            book.later(seconds=world.chance.choices(list(PAUSES), list(PAUSES.values()))[0])
            world.wire.catch_up(book.now)
            await (world.act() if world.chance.random() < 0.3 else world.send())
            await world.look()
        await world.drain()
        world.check()


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")
