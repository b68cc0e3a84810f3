"""A whole service for tests: real settings, a migrated database, one actor with a campaign, a clock that is moved.

async with living(tmp_path) as house:
    await house.open()                                   # the campaign `roads`, in English and Persian
    answer = await house.get("/c/roads/en")              # through the app, with the canonical Host
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from quart import Quart, Response

from actors.app import House, create_app, opened
from actors.model import CloseReason, Destination
from actors.service import acts, drafts, people
from actors.settings import Settings, load
from actors.store import campaigns
from actors.store.campaigns import Kept
from fediverse.protocol.keys import KeyPair
from fediverse.store.local_actors import LocalActor
from tests.actors.desks import document
from tests.fediverse.store.building import NOON

ORIGIN = "https://fund.test"
DONATE = "https://donate.example/fund"
ROOMS = "https://rooms.example/offer"
SLUG = "roads"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **much: float) -> None:
        """Let time pass."""
        self.now += timedelta(**much)


def settings(folder: Path, **more: str) -> Settings:
    """Checked settings with everything in `folder`; `more` are settings without their prefix, in lower case."""
    given = {"origin": ORIGIN, "data": str(folder), "bind": "127.0.0.1:0", "pace": "off", **more}
    return load({f"CLARION_{name.upper()}": value for name, value in given.items()})


@cache
def _key() -> KeyPair:
    actor_id = f"{ORIGIN}/actors/{'a' * 32}"
    return KeyPair.generate(f"{actor_id}#main-key", actor_id)


@dataclass
class Living:
    """An open house, its app, and an organiser's hand in it."""

    house: House
    app: Quart
    clock: Clock
    actor: LocalActor
    money: Destination

    async def get(self, path: str, *, method: str = "GET", host: str = "fund.test", **headers: str) -> Response:
        """An answer of the app; `headers` with _ for -."""
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.app.test_client().open(path, method=method, headers={"Host": host, **lines})

    async def draft(self, slug: str = SLUG, **changes: Any) -> Kept:
        """Put a campaign; `changes` as in `tests.actors.desks.document`."""
        wanted = {"destinations": [DONATE, ROOMS], **changes}
        async with self.house.database.write() as tx:
            body = document("en", "fa", **wanted)
            return (await drafts.put_draft(tx, self.house.desk, None, slug, body, actor=self.actor.id))[0]

    async def open(self, slug: str = SLUG, **changes: Any) -> Kept:
        """Put a campaign and open it."""
        await self.draft(slug, **changes)
        async with self.house.database.write() as tx:
            return await acts.open(tx, self.house.desk, None, slug)

    async def raised(self, amount: str) -> None:
        """What the one destination of money has raised."""
        async with self.house.database.write() as tx:
            await drafts.set_raised(tx, self.house.desk, None, SLUG, self.money.id, amount=amount)

    async def pause(self) -> None:
        """Pause the campaign."""
        async with self.house.database.write() as tx:
            await acts.pause(tx, self.house.desk, None, SLUG)

    async def close(self) -> None:
        """Close the campaign: the goal was met."""
        async with self.house.database.write() as tx:
            await acts.close(tx, self.house.desk, None, SLUG, reason=CloseReason.GOAL_MET)

    async def retract(self, *, erase: bool = False) -> None:
        """Retract the campaign."""
        async with self.house.database.write() as tx:
            await acts.retract(tx, self.house.desk, None, SLUG, erase=erase)

    async def withdraw(self, note_id: str) -> None:
        """Withdraw one note."""
        async with self.house.database.write() as tx:
            await acts.withdraw_note(tx, self.house.desk, None, SLUG, note_id)

    async def note_ids(self) -> list[str]:
        """Every note of the campaign, in the order said."""
        async with self.house.database.read() as tx:
            kept = await campaigns.by_slug(tx, SLUG)
        assert kept is not None
        return [note.id for said in kept.campaign.announcements for note in said.notes]


@contextlib.asynccontextmanager
async def living(
    folder: Path,
    *,
    name: str = "Winter Light",
    summary: str = "We announce.",
    label: str = "Solidarity fund",
    **more: str,
) -> AsyncIterator[Living]:
    """A house on SQLite in `folder`, with the actor `fund` and two destinations; `more` are settings."""
    clock = Clock()
    async with opened(settings(folder, **more), clock=clock) as house:
        async with house.database.write() as tx:
            actor = await people.create_actor(tx, house.desk, _key(), handle="fund", name=name, summary=summary)
            money = await people.add_destination(
                tx, house.desk, None, actor.id, label=label, url=DONATE, kind="money", currency="EUR"
            )
            await people.add_destination(tx, house.desk, None, actor.id, label="Rooms", url=ROOMS, kind="offer")
        yield Living(house, create_app(house), clock, actor, money)
