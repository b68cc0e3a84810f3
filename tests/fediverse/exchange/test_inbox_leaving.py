"""How followers leave: Undo, Block, Delete; and that nobody else can make them leave."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, update

from fediverse.store.schema import deliveries, hosts, remote_keys
from tests.fediverse.steps import Door, deletion, follow, tell
from tests.fediverse.stores import an_actor
from tests.peers.recording import Answer


@pytest.mark.parametrize("named", ["by id", "by embedding", "by embedding without an id"])
async def test_an_undo_removes_the_follower(named: str, database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        undone: Any = asked["id"] if named == "by id" else {**asked}
        if named.endswith("without an id"):
            del undone["id"]
        assert await tell(service, alice, alice.activity("Undo", object=undone)) == 202
        assert not await service.follows(alice.id)


async def test_an_undo_of_something_else_or_of_an_unknown_follow_changes_nothing(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        like = alice.activity("Like", object=service.fund)
        for undone in (like, like["id"], f"{peer.origin}/activities/none"):
            assert await tell(service, alice, alice.activity("Undo", object=undone)) == 202
        assert await service.follows(alice.id)


async def test_an_undo_that_a_newer_follow_overtook_removes_nobody(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        first = await follow(service, alice)
        await follow(service, alice)
        for undone in (first, first["id"]):
            assert await tell(service, alice, alice.activity("Undo", object=undone)) == 202
        assert await service.follows(alice.id)


async def test_b6_nobody_undoes_blocks_or_deletes_for_somebody_else(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, mallory = peer.actor("alice"), peer.actor("mallory")
        asked = await follow(service, alice)
        await follow(service, mallory)
        for activity, status in [
            (mallory.activity("Undo", object=asked), 401),
            (mallory.activity("Undo", object=asked["id"]), 202),  # not one of hers: nothing to undo
            (mallory.activity("Undo", object={**asked, "actor": mallory.id}), 202),
            (mallory.activity("Delete", object=alice.id), 401),
            (mallory.activity("Update", object=alice.document()), 401),
            (mallory.activity("Move", object=alice.id, target=mallory.id), 401),
            (mallory.activity("Accept", object={**asked, "object": alice.id}), 401),
            ({**mallory.activity("Undo", object=asked), "actor": alice.id}, 401),
            ({**mallory.activity("Block", object=service.fund), "actor": alice.id}, 401),
            ({**mallory.activity("Delete", object=alice.id), "actor": alice.id}, 202),  # as for strangers
        ]:
            assert await tell(service, mallory, activity) == status, activity
            assert await service.follows(alice.id)


async def test_a_block_removes_the_follower(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice, bob = peer.actor("alice"), peer.actor("bob")
        await follow(service, alice)
        await follow(service, bob)
        assert await tell(service, alice, alice.activity("Block", object=service.fund)) == 202
        assert not await service.follows(alice.id)
        assert await service.follows(bob.id)


@pytest.mark.parametrize("how", ["Undo", "Block"])
async def test_a7_a_replay_does_not_remove_whoever_follows_again(how: str, sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        del asked["id"]  # an Undo that does not say which
        left = alice.activity(how, object=asked if how == "Undo" else service.fund)
        assert await tell(service, alice, left) == 202
        assert not await service.follows(alice.id)
        await follow(service, alice)
        assert await tell(service, alice, left) == 202
        assert await service.follows(alice.id)


async def test_whoever_leaves_is_owed_nothing_more_at_an_inbox_of_their_own(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        async with service.database.write() as tx:
            await tx.execute(update(deliveries).values(kind="create"))  # as if a note were owed there
        assert await tell(service, alice, alice.activity("Undo", object=asked)) == 202
        async with service.database.read() as tx:
            assert await tx.value(select(deliveries.c.state)) == "cancelled"


async def test_a_deleted_follower_is_removed_by_the_key_it_followed_with(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        async with service.database.write() as tx:
            await tx.execute(remote_keys.delete())
        peer.always("/users/alice", Answer(410))
        before = len(peer.fetches)
        assert await tell(service, alice, deletion(alice)) == 202
        assert not await service.follows(alice.id)
        assert len(peer.fetches) == before


async def test_e5_deletes_of_strangers_fetch_nothing_and_write_nothing(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        for number in range(50):
            stranger = peer.actor("stranger")
            stranger.id = f"{peer.origin}/users/{number}"
            stranger.key_id = f"{stranger.id}#main-key"
            assert await tell(service, stranger, deletion(stranger)) == 202
        assert peer.fetches == []
        assert await service.rows_of_strangers() == 0
        async with service.database.read() as tx:
            assert await tx.row(select(remote_keys)) is None
            assert await tx.row(select(hosts)) is None


@pytest.mark.parametrize(("answer", "gone"), [(404, True), (410, True), (200, False), (403, False), (500, False)])
async def test_a_key_that_no_longer_matches_is_settled_by_one_question(
    answer: int, gone: bool, sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        alice.rotate()
        if answer != 200:
            peer.always("/users/alice", Answer(answer))
        before = len(peer.fetches)
        assert await tell(service, alice, deletion(alice)) == 202  # as to strangers: it does not say who follows
        await peer.wait_until(lambda: len(peer.fetches) == before + 1)
        if gone:
            async with asyncio.timeout(10):
                while await service.follows(alice.id):  # noqa: ASYNC110 – the database tells nobody
                    await asyncio.sleep(0.01)
        else:
            assert await tell(service, alice, deletion(alice)) == 202
            assert await service.follows(alice.id)
            assert len(peer.fetches) == before + 1  # not again within 5 minutes


async def test_a_move_leaves_the_follower_where_it_is_and_asks_nobody(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        before = len(peer.fetches)
        move = alice.activity("Move", object=alice.id, target="https://elsewhere.test/users/alice")
        assert await tell(service, alice, move) == 202
        assert await service.follows(alice.id)
        assert len(peer.fetches) == before


async def test_somebody_may_follow_two_actors_and_a_delete_ends_both(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        other = f"{service.origin}/actors/{'2' * 32}"
        async with service.database.write() as tx:
            await an_actor(tx, other, "other")
        alice = peer.actor("alice")
        await follow(service, alice)
        assert await tell(service, alice, alice.activity("Follow", object=other)) == 202
        assert [accept["actor"] for accept in await service.owed("accept")] == [service.fund, other]
        assert await tell(service, alice, deletion(alice)) == 202
        assert await service.followers() == 0
