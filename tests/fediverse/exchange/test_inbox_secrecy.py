"""Nothing an outsider can send to an inbox tells them who follows: not the answer, not the time it takes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fediverse.exchange.keyring import Budget
from fediverse.store.schema import remote_keys
from tests.fediverse.service import Service
from tests.fediverse.steps import Door, deletion, follow, tell, unconcerning
from tests.peers import signing
from tests.peers.recording import Actor, Peer, private_key


async def forged(service: Service, actor: Actor, activity: dict[str, Any]) -> tuple[int, bytes]:
    """Send what `actor` would send, with a signature that somebody else made in its name; status and body."""
    body = json.dumps(activity).encode()
    key = private_key("a forger")
    headers = signing.sign(key, actor.key_id, method="POST", url=service.inbox, body=body, now=service.clock())
    answer = await actor.peer.send("POST", service.inbox, headers, body)
    return answer.status, answer.body


async def spend_the_budget(service: Service, peer: Peer) -> None:
    """Name a server never met before, as an outsider can."""
    stranger = peer.actor("stranger")
    stranger.id, stranger.key_id = "https://nobody.test/users/x", "https://nobody.test/users/x#main-key"
    asked = stranger.activity("Follow", object=service.fund) | {"id": "https://nobody.test/1"}
    assert await tell(service, stranger, asked) == 503


def everything(service: Service, actor: Actor, followed_by: str) -> list[dict[str, Any]]:
    """What an outsider can say in somebody's name, their Follow's id guessed."""
    embedded = {"id": followed_by, "type": "Follow", "actor": actor.id, "object": service.fund}
    return [
        *unconcerning(service, actor),
        deletion(actor),
        actor.activity("Undo", object=followed_by),
        actor.activity("Undo", object={"id": followed_by, "type": "Follow"}),
        actor.activity("Undo", object=embedded),
        actor.activity("Block", object=service.fund),
        actor.activity("Follow", object=service.fund),
    ]


async def test_a_forger_hears_the_same_of_a_follower_of_somebody_who_left_and_of_a_stranger(
    database_url: str, door: Door
) -> None:
    async with door(database_url) as (service, peer):
        alice, bob, carol = peer.actor("alice"), peer.actor("bob"), peer.actor("carol")
        ids = {alice: (await follow(service, alice))["id"], carol: f"{carol.id}#follows/1"}
        left = await follow(service, bob)
        assert await tell(service, bob, bob.activity("Undo", object=left)) == 202
        ids[bob] = left["id"]
        heard = {}
        for actor in (alice, bob, carol):
            service.clock.forward(minutes=6)
            said = everything(service, actor, ids[actor])
            heard[actor.name] = [await forged(service, actor, activity) for activity in said]
        assert heard["alice"] == heard["bob"] == heard["carol"]
        assert [status for status, _ in heard["alice"]] == [202] * 16 + [401] * 3
        assert await service.follows(alice.id)


async def test_a1_a_bad_signature_is_refused_whatever_it_says_once_one_was_in_the_same_name(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, carol = peer.actor("alice"), peer.actor("carol")
        await follow(service, alice)
        service.clock.forward(hours=1)
        for actor in (alice, carol):
            assert (await forged(service, actor, actor.activity("Block", object=service.fund)))[0] == 401
            for activity in unconcerning(service, actor)[:10]:
                assert await forged(service, actor, activity) == (401, b'{"error": "Signature refused: mismatch"}')
            assert (await forged(service, actor, deletion(actor)))[0] == 202
        assert await service.follows(alice.id)


async def test_a_forger_makes_us_ask_as_often_for_a_key_we_have_as_for_one_we_have_not(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, carol = peer.actor("alice"), peer.actor("carol")
        await follow(service, alice)
        service.clock.forward(hours=1)
        asked = []
        for actor in (alice, carol):
            before = len(peer.fetches)
            assert (await forged(service, actor, actor.activity("Block", object=service.fund)))[0] == 401
            asked.append(len(peer.fetches) - before)
        assert asked == [1, 1]


async def test_with_the_budget_spent_everybody_of_a_server_with_few_followers_waits(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url, budget=Budget(new_hosts=1)) as (service, peer):
        alice, carol = peer.actor("alice"), peer.actor("carol")
        await follow(service, alice)
        service.clock.forward(hours=1)
        await spend_the_budget(service, peer)
        answers = [
            await forged(service, actor, actor.activity("Block", object=service.fund)) for actor in (alice, carol)
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 503


async def test_a_server_with_many_followers_does_not_wait(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url, budget=Budget(new_hosts=1)) as (service, peer):
        for number in range(5):
            await follow(service, peer.actor(f"a{number}"))
        service.clock.forward(hours=1)
        await spend_the_budget(service, peer)
        await follow(service, peer.actor("one-more"))


async def test_202_leaves_in_whole_steps_whatever_was_looked_up(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url, step=0.3) as (service, peer):
        alice, carol = peer.actor("alice"), peer.actor("carol")
        await follow(service, alice)
        loop = asyncio.get_running_loop()
        for actor in (alice, carol):
            for activity in (deletion(actor), actor.activity("Like", object=service.fund)):
                began = loop.time()
                assert (await forged(service, actor, activity))[0] == 202
                assert loop.time() - began >= 0.3


async def test_an_undo_by_id_with_a_key_that_is_new_to_us_is_believed_after_the_answer(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        alice.rotate()
        service.clock.forward(hours=1)
        assert await tell(service, alice, alice.activity("Undo", object=asked["id"])) == 202
        async with asyncio.timeout(10):
            while await service.follows(alice.id):  # noqa: ASYNC110 – the database tells nobody
                await asyncio.sleep(0.01)


async def test_an_undo_by_id_needs_no_question_while_the_key_it_followed_with_is_good(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        async with service.database.write() as tx:
            await tx.execute(remote_keys.delete())
        before = len(peer.fetches)
        assert await tell(service, alice, alice.activity("Undo", object=asked["id"])) == 202
        assert not await service.follows(alice.id)
        assert len(peer.fetches) == before
