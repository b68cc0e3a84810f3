"""A visitor of a running service: what it asks for, and a note for it to find."""

from __future__ import annotations

from datetime import timedelta

from fediverse import outbox
from fediverse.outbox import Act
from fediverse.protocol import documents
from fediverse.protocol.messages import Response
from fediverse.protocol.retry import Priority
from tests.fediverse.service import Service
from tests.fediverse.stores import ORIGIN

JSON = ("Accept", "application/activity+json")


async def get(service: Service, target: str, *headers: tuple[str, str]) -> Response:
    return await service.ask("GET", target, headers or [JSON])


def path(url: str) -> str:
    return url.removeprefix(ORIGIN)


async def announce(service: Service, number: int = 1, *, open_for: timedelta | None = None) -> str:
    """Publish a note; its id."""
    note_id = service.federation.urls.note(f"{number:032x}")
    to, cc = documents.public_to(service.fund)
    note = documents.note(
        id=note_id,
        actor_id=service.fund,
        to=to,
        cc=cc,
        published=service.clock(),
        content="<p>please give</p>",
        language="en",
    )
    async with service.database.write() as tx:
        act = Act(service.fund, service.clock(), service.federation.new_id)
        valid_until = None if open_for is None else service.clock() + open_for
        await outbox.create(tx, act, note, priority=Priority.APPEAL, valid_until=valid_until)
    return note_id
