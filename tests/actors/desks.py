"""A group at its desk: one actor made by the service, an organiser with a token, a list of destinations, followers."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select, text

from actors.model import Kind
from actors.service import acts, drafts, people, report
from actors.service.desk import Desk
from actors.service.report import Report
from actors.store.campaigns import Kept
from actors.store.organisers import Organiser, Role
from actors.store.schema import metadata as of_actors
from fediverse.protocol.strict_json import loads_object
from fediverse.store import collections, local_actors, objects
from fediverse.store.database import Database, Transaction
from fediverse.store.schema import activities, hosts
from fediverse.store.schema import metadata as of_fediverse
from fediverse.store.schema import objects as stored_notes
from fediverse.store.sealed import Sealer
from tests.fediverse.store.building import ACTOR, ORIGIN, SECRET, Ledger, one_key

DONATE = "https://donate.example/fund"
ASKS = {"en": "Please chip in for the bus tickets.", "fa": "برای بلیت‌ها کمک کنید."}
DOCUMENT: dict[str, Any] = {
    "goal_amount": "5000",
    "currency": "EUR",
    "expires": "2027-01-31T00:00:00Z",
    "destinations": [DONATE],
    "languages": {
        "en": {
            "title": "Safe roads north",
            "lead": "People are on the road, *now*.",
            "ask": ASKS["en"],
            "full_text": "The whole story.",
            "hashtags": ["MutualAid", "SafeRoads"],
            "closed": {
                "outcome": "Everyone has arrived.",
                "projects": [{"name": "Winter kitchen", "url": "https://kitchen.example/about"}],
            },
        },
        "fa": {
            "title": "راه امن",
            "lead": "مردم در راه‌اند.",
            "ask": ASKS["fa"],
            "full_text": "همهٔ داستان.",
            "hashtags": ["همیاری"],
            "closed": {"outcome": "همه رسیده‌اند.", "projects": []},
        },
    },
}


class Group(Ledger):
    """One actor's organisers at work; each act is a transaction of its own, as at every door."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        tokens = itertools.count(1)
        self.desk = Desk(
            database=database,
            origin=ORIGIN,
            handle_domain="fund.example",
            clock=lambda: self.now,
            new_id=self.new_id,
            new_token=lambda: f"token-{next(tokens)}",
        )
        self.by: Organiser | None = None

    async def draft(self, slug: str = "roads", *, languages: tuple[str, ...] = ("en", "fa"), **changes: Any) -> Kept:
        async with self.database.write() as tx:
            return (await drafts.put_draft(tx, self.desk, self.by, slug, document(*languages, **changes)))[0]

    async def open(self, slug: str = "roads", **more: Any) -> Kept:
        """Draft and open a campaign."""
        await self.draft(slug, **more)
        return await self.do("open", slug)

    async def do(self, act: str, slug: str = "roads", *more: Any, **how: Any) -> Kept:
        """One act of `actors.service.acts` by its name."""
        async with self.database.write() as tx:
            kept: Kept = await getattr(acts, act)(tx, self.desk, self.by, slug, *more, **how)
            return kept

    async def raised(self, amount: str, slug: str = "roads") -> Kept:
        kept = await self.campaign(slug)
        async with self.database.write() as tx:
            place = kept.campaign.destinations[0].id
            return await drafts.set_raised(tx, self.desk, self.by, slug, place, amount=amount)

    async def campaign(self, slug: str = "roads") -> Kept:
        async with self.database.read() as tx:
            return await drafts.campaign(tx, self.by, slug)

    async def report(self, slug: str = "roads", **how: Any) -> Report:
        async with self.database.read() as tx:
            return await report.delivery_report(tx, self.desk, self.by, slug, **how)

    async def note(self, note_id: str) -> dict[str, Any]:
        """A note as it is served now."""
        async with self.database.read() as tx:
            found = await objects.current(tx, f"{ORIGIN}/notes/{note_id}")
        assert found is not None
        assert found.body is not None
        return found.body

    async def bodies(self) -> list[dict[str, Any]]:
        """Every body that is stored: of notes as served, and of activities as sent."""
        async with self.database.read() as tx:
            rows = [
                *await tx.rows(select(stored_notes.c.body).where(stored_notes.c.body.is_not(None))),
                *await tx.rows(select(activities.c.body).where(activities.c.body.is_not(None))),
            ]
        return [loads_object(row["body"].encode()) for row in rows]

    async def pinned(self) -> list[str]:
        """The ids (32 hex) of the featured notes, in order."""
        async with self.database.read() as tx:
            return [url.rpartition("/")[2] for url in await collections.featured_notes(tx, ACTOR)]

    async def runs(self, host: str, software: str) -> None:
        async with self.database.write() as tx:
            await tx.execute(hosts.update().where(hosts.c.name == host).values(software=software))


def document(*languages: str, **changes: Any) -> dict[str, Any]:
    """The organisers' document, in these languages, with other values for its top-level fields."""
    whole = copy.deepcopy(DOCUMENT)
    whole["languages"] = {language: whole["languages"][language] for language in languages or ("en", "fa")}
    return {**whole, **changes}


@contextlib.asynccontextmanager
async def group(url: str, *, create: bool = True) -> AsyncIterator[Group]:
    """A group with an empty ledger in a fresh database; `create=False`: come back to one that is there."""
    async with Database(url, Sealer(SECRET)) as database:
        found = Group(database)
        if create:
            await create_tables(database)
            async with database.write() as tx:
                await settle_in(tx, found)
        yield found


async def settle_in(tx: Transaction, found: Group) -> None:
    """Everything that is there before the first campaign."""
    await people.create_actor(tx, found.desk, one_key(), handle="fund", name="The fund", summary="We *help*.")
    found.by, _ = await people.add_organiser(tx, found.desk, ACTOR, label="night shift")
    await people.add_destination(
        tx, found.desk, found.by, ACTOR, label="Solidarity fund", url=DONATE, kind="money", currency="EUR"
    )


async def create_tables(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(of_fediverse.create_all)
        await connection.run_sync(of_actors.create_all)


async def everything(database: Database) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table, to compare before and after."""
    tables = [*of_fediverse.sorted_tables, *of_actors.sorted_tables]
    async with database.read() as tx:
        return {
            table.name: sorted((dict(row) for row in await tx.rows(text(f"SELECT * FROM {table.name}"))), key=str)  # type: ignore[arg-type]
            for table in tables
        }


def reader(of: Organiser) -> Organiser:
    """The same person with a reader's token."""
    return replace(of, role=Role.READER)


def types(said: list[tuple[str, dict[str, Any]]], host: str = "mastodon.example") -> list[str]:
    """The types of what was delivered to a host."""
    return [each["type"] for at, each in said if at == host]


def texts(said: list[tuple[str, dict[str, Any]]], host: str = "mastodon.example") -> list[str]:
    """The HTML of the notes that were delivered to a host."""
    return [
        each["object"]["content"]
        for at, each in said
        if at == host and each["type"] in ("Create", "Update") and "content" in each["object"]
    ]


async def fields(us: Group) -> list[str]:
    """The values of the actor's profile fields, as served now."""
    async with us.database.read() as tx:
        actor = await local_actors.by_id(tx, ACTOR)
    assert actor is not None
    return [field["value"] for field in actor.document["attachment"]]


def notes(kept: Kept, kind: Kind) -> list[str]:
    """The ids (32 hex) of a campaign's notes of one kind, withdrawn ones included."""
    return [note.id for said in kept.campaign.of(kind) for note in said.notes]
