"""Followers we no longer want."""

from __future__ import annotations

from fediverse import following
from fediverse.outbox import Act
from tests.fediverse.steps import Door, follow
from tests.fediverse.stores import NOW


async def test_an_expelled_follower_is_told_by_a_reject_of_its_follow(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        async with service.database.write() as tx:
            act = Act(service.fund, NOW, service.federation.new_id)
            assert await following.expel(tx, act, alice.id)
            assert not await following.expel(tx, act, alice.id)
        assert not await service.follows(alice.id)
        [reject] = await service.owed("reject")
        assert reject["object"] == {key: asked[key] for key in ("id", "type", "actor", "object")}
