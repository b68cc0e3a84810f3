"""Steps that tests of the inbox share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from tests.fediverse.service import Service
from tests.peers.recording import Actor, Peer

Door: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[Service, Peer]]]


async def tell(service: Service, actor: Actor, activity: dict[str, Any], *, where: str | None = None) -> int:
    """Deliver an activity at the time of the service's clock; the status."""
    return (await actor.post(where or service.inbox, activity, now=service.clock())).status


async def follow(service: Service, actor: Actor) -> dict[str, Any]:
    """Let somebody follow; the Follow."""
    activity = actor.activity("Follow", object=service.fund)
    assert await tell(service, actor, activity) == 202
    assert await service.follows(actor.id)
    return activity


def deletion(actor: Actor) -> dict[str, Any]:
    """What a server says of an actor it deletes."""
    return actor.activity("Delete", object=actor.id)


def unconcerning(service: Service, actor: Actor) -> list[dict[str, Any]]:
    note = {"id": f"{actor.id}/notes/1", "type": "Note", "content": "hello", "attributedTo": actor.id}
    ours = f"{service.origin}/notes/1"
    return [
        actor.activity("Like", object=ours),
        actor.activity("Announce", object=ours),
        actor.activity("Create", object=note),
        actor.activity("Update", object=note),
        actor.activity("Update", object=actor.document()),
        actor.activity("Delete", object={"id": note["id"], "type": "Tombstone"}),
        actor.activity("Flag", object=[service.fund, ours], content="spam"),
        actor.activity("Accept", object=f"{service.origin}/activities/1"),
        actor.activity("Reject", object={"type": "Follow", "actor": service.fund, "object": actor.id}),
        actor.activity("Move", object=actor.id, target="https://elsewhere.test/users/alice"),
        actor.activity("Undo", object=actor.activity("Like", object=ours)),
        actor.activity("EmojiReact", object=ours, content="🎉"),
        actor.activity("Block", object="https://elsewhere.test/users/x"),
    ]
