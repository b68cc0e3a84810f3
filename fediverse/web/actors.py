"""Actors and their collections. Of followers there is a number and nothing else, whoever asks and however."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from quart import Blueprint, Response, request

from fediverse.federation import Federation
from fediverse.protocol import documents
from fediverse.protocol.errors import Malformed, NotHere
from fediverse.protocol.strict_json import Json
from fediverse.store import collections, followers, local_actors, objects
from fediverse.store.database import EPOCH, Transaction
from fediverse.store.local_actors import LocalActor
from fediverse.web.answers import Html, activity, negotiate

PAGE = 20  # Mastodon's page size (mastodon-compat §5.2)
FIRST = "1"
_MAX_DIGITS = 16  # microseconds since 1970, up to the year 2286
_TICK = timedelta(microseconds=1)


def add_to(routes: Blueprint, federation: Federation, html: Html) -> None:
    """Add the routes."""
    database, urls = federation.database, federation.urls

    async def load(tx: Transaction, opaque: str | None) -> LocalActor:
        actor = await local_actors.by_id(tx, urls.instance_actor if opaque is None else urls.actor(opaque))
        if actor is None:
            raise NotHere
        return actor

    @routes.get("/actor", defaults={"opaque": None})
    @routes.get("/actors/<opaque>")
    async def actor(opaque: str | None) -> Response:
        async with database.read() as tx:
            found = await load(tx, opaque)
        return await negotiate(request, html, "actor", found, lambda: activity(request, found.document))

    @routes.get("/@<handle>")
    async def profile(handle: str) -> Response:
        async with database.read() as tx:
            found = await local_actors.by_handle(tx, handle)
        if found is None or found.kind != local_actors.SERVICE:
            raise NotHere
        return await negotiate(request, html, "actor", found, lambda: activity(request, found.document))

    @routes.get("/actor/followers", defaults={"opaque": None})
    @routes.get("/actors/<opaque>/followers")
    async def followed_by(opaque: str | None) -> Response:
        async with database.read() as tx:
            found = await load(tx, opaque)
            total = await followers.count(tx, found.id)
        return activity(request, documents.ordered_collection(documents.followers_of(found.id), total))

    @routes.get("/actor/following", defaults={"opaque": None})
    @routes.get("/actors/<opaque>/following")
    async def following(opaque: str | None) -> Response:
        async with database.read() as tx:
            found = await load(tx, opaque)
        return activity(request, documents.ordered_collection(documents.following_of(found.id), 0))

    @routes.get("/actor/featured", defaults={"opaque": None})
    @routes.get("/actors/<opaque>/featured")
    async def featured(opaque: str | None) -> Response:
        async with database.read() as tx:
            found = await load(tx, opaque)
            notes = await collections.featured_notes(tx, found.id)
        pins: list[Json] = list(notes)
        return activity(request, documents.ordered_collection(documents.featured_of(found.id), len(pins), items=pins))

    @routes.get("/actor/outbox", defaults={"opaque": None})
    @routes.get("/actors/<opaque>/outbox")
    async def outbox(opaque: str | None) -> Response:
        asked = request.args.getlist("page")
        async with database.read() as tx:
            found = await load(tx, opaque)
            if asked:
                return activity(request, await _outbox_page(tx, found.id, asked, federation.clock()))
            total = await collections.outbox_count(tx, found.id)
        where = documents.outbox_of(found.id)
        return activity(request, documents.ordered_collection(where, total, first=f"{where}?page={FIRST}"))


async def _outbox_page(tx: Transaction, actor: str, asked: list[str], now: datetime) -> Mapping[str, Json]:
    """The page `1`, or the one older than a moment in microseconds since 1970, as the page before it names it."""
    where, page = documents.outbox_of(actor), asked[0]
    if len(asked) > 1 or not (page.isascii() and page.isdigit()) or len(page) > _MAX_DIGITS:
        raise Malformed("page: expected the address of a page of this outbox")
    before = None if page == FIRST else EPOCH + int(page) * _TICK
    found = await collections.outbox_page(tx, actor, before=before, limit=PAGE)
    if not found and page != FIRST:
        raise NotHere
    older = None
    if found and await collections.outbox_page(tx, actor, before=found[-1][0], limit=1):
        older = f"{where}?page={(found[-1][0] - EPOCH) // _TICK}"
    shown: list[Json] = [said for _, said in found if await _may_leave(tx, said, now)]
    return documents.collection_page(f"{where}?page={page}", where, shown, next=older)


async def _may_leave(tx: Transaction, said: Mapping[str, Json], now: datetime) -> bool:
    """An open form past its end leaves the house by no door, even if nobody has closed it yet."""
    embedded = said["object"]
    note = await objects.current(tx, str(embedded["id"])) if isinstance(embedded, dict) else None
    return note is None or note.valid_until is None or now < note.valid_until
