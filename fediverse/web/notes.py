"""Notes: the newest form, a Tombstone in the place of a retracted one, nothing at all of an open one past its end."""

from __future__ import annotations

from quart import Blueprint, Response, request

from fediverse.federation import Federation
from fediverse.protocol import documents
from fediverse.protocol.errors import NotHere
from fediverse.store import objects
from fediverse.store.objects import StoredObject
from fediverse.web.answers import Html, Kind, activity, negotiate, refuse

CLOSING = 60  # seconds; the sweeper comes by more often


def add_to(routes: Blueprint, federation: Federation, html: Html) -> None:
    """Add the route."""

    @routes.get("/notes/<opaque>")
    async def note(opaque: str) -> Response:
        async with federation.database.read() as tx:
            found = await objects.current(tx, federation.urls.note(opaque))
        if found is None:
            raise NotHere
        kind: Kind = "note" if found.body is not None else "gone"
        return await negotiate(request, html, kind, found, lambda: _document(federation, found))


def _document(federation: Federation, note: StoredObject) -> Response:
    if note.body is None:
        return activity(request, documents.tombstone(note.id, deleted=note.deleted), status=410)
    if note.valid_until is not None and federation.clock() >= note.valid_until:
        answer = refuse(503, "Expired, being closed", retry_after=CLOSING)
        answer.headers["Vary"] = "Accept"
        return answer
    return activity(request, note.body)
