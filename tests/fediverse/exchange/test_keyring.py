"""Whose key it is, how often we ask, and what is not believed, at the inbox of a running server."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from fediverse.exchange.keyring import Budget
from fediverse.protocol.errors import Overloaded
from fediverse.store.schema import remote_keys
from tests.fediverse.steps import Door, follow, tell
from tests.fediverse.stores import NOW
from tests.peers.recording import Answer, document, redirect


async def test_a8_a_rotated_key_is_asked_for_once_and_then_taken(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        alice.rotate()
        service.clock.forward(minutes=1)
        await follow(service, alice)
        assert len(peer.fetches) == 2
        await follow(service, alice)
        assert len(peer.fetches) == 2


async def test_a8_a_key_is_asked_for_again_at_most_once_in_five_minutes(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice, mallory = peer.actor("alice"), peer.actor("mallory")
        await follow(service, alice)
        mallory.id, mallory.key_id = alice.id, alice.key_id  # a forger, over and over
        for seconds, fetches in [(1, 2), (1, 2), (298, 2), (2, 3), (60, 3)]:
            service.clock.forward(seconds=seconds)
            assert await tell(service, mallory, mallory.activity("Block", object=service.fund)) == 401
            assert len(peer.fetches) == fetches
        assert await service.follows(alice.id)


async def test_a8_many_requests_at_once_ask_for_one_key_once(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, gate = peer.actor("alice"), asyncio.Event()
        peer.will("/users/alice", Answer(404, hold=gate))
        asking = [
            asyncio.create_task(tell(service, alice, alice.activity("Follow", object=service.fund))) for _ in range(5)
        ]
        await peer.wait_for(lambda it: it.request.method == "GET")
        peer.as_usual("/users/alice")
        gate.set()
        assert set(await asyncio.gather(*asking)) == {401}
        assert len(peer.fetches) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(404), 401),
        (Answer(410), 401),
        (Answer(403), 401),
        (Answer(500), 503),
        (Answer(reset=True), 503),
        (redirect("https://elsewhere.test/users/alice"), 503),
        (document({"id": "https://peer1.test/users/alice", "type": "Person"}, "text/html"), 401),
        (Answer(200, {"Content-Type": "application/activity+json"}, b"{" * 100), 401),
    ],
)
async def test_a9_a_key_that_cannot_be_had_is_not_asked_for_again_for_ten_minutes(
    answer: Answer, status: int, sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        peer.always("/users/alice", answer)
        asked = alice.activity("Follow", object=service.fund)
        refused = await alice.post(service.inbox, asked, now=service.clock())
        assert refused.status == status
        assert (refused.header("retry-after") is not None) == (status == 503)
        fetches = len(peer.fetches)
        service.clock.forward(minutes=9)
        again = await alice.post(service.inbox, asked, now=service.clock())
        assert again.status == status
        assert again.header("retry-after") == ("60" if status == 503 else None)
        assert len(peer.fetches) == fetches
        service.clock.forward(minutes=2)
        peer.as_usual("/users/alice")
        await follow(service, alice)


async def test_a9_the_inbox_stays_fast_while_a_key_server_is_slow(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, bob, gate = peer.actor("alice"), peer.actor("bob"), asyncio.Event()
        peer.will("/users/alice", Answer(500, hold=gate))
        waiting = asyncio.create_task(tell(service, alice, alice.activity("Follow", object=service.fund)))
        await peer.wait_for(lambda it: it.path == "/users/alice")
        await follow(service, bob)
        assert not waiting.done()
        gate.set()
        assert await waiting == 503


async def test_a10_what_is_signed_in_another_dialect_is_401_so_that_the_sender_falls_back(
    sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        headers = {
            "Host": service.federation.urls.host,
            "Content-Type": "application/activity+json",
            "Signature-Input": f'sig1=("@method");created=1795348800;keyid="{peer.actor("alice").key_id}"',
            "Signature": "sig1=:AAAA:",
        }
        assert (await peer.send("POST", service.inbox, headers, b"{}")).status == 401
        assert peer.fetches == []


async def test_a11_a_signature_inside_the_document_counts_for_nothing(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, mallory = peer.actor("alice"), peer.actor("mallory")
        signed = {"type": "RsaSignature2017", "creator": alice.key_id, "signatureValue": "AAAA"}
        asked = {**alice.activity("Follow", object=service.fund), "signature": signed}
        assert await tell(service, mallory, asked) == 401
        assert not await service.follows(alice.id)
        assert await tell(service, alice, asked) == 202


async def test_b1_a_key_of_the_same_server_that_is_not_the_actors_is_refused(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, bob = peer.actor("alice"), peer.actor("bob")
        asked = {**alice.activity("Follow", object=service.fund)}
        assert await tell(service, bob, asked) == 401  # bob's true key, alice's name
        bob.key_id = f"{bob.id}#stolen"
        claims = {"id": bob.key_id, "owner": alice.id, "publicKeyPem": bob.public_pem}
        peer.always("/users/bob", document({**bob.document(), "publicKey": claims}))
        assert await tell(service, bob, asked) == 401  # bob's document says that his key is alice's
        assert await service.followers() == 0


@pytest.mark.parametrize("lie", ["another id", "another server's id", "no id"])
async def test_b3_a_document_that_is_not_of_the_url_it_came_from_is_refused(
    lie: str, sqlite_url: str, door: Door
) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, bob = peer.actor("alice"), peer.actor("bob")
        ids = {"another id": alice.id, "another server's id": "https://elsewhere.test/users/bob", "no id": None}
        peer.always("/users/bob", document({**bob.document(), "id": ids[lie]}))
        assert await tell(service, bob, bob.activity("Follow", object=service.fund)) == 401
        assert await tell(service, bob, alice.activity("Follow", object=service.fund)) == 401
        assert await service.followers() == 0


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/json", "application/ld+json"])
async def test_b4_an_actor_of_another_content_type_is_refused(content_type: str, sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        peer.always("/users/alice", document(alice.document(), content_type))
        assert await tell(service, alice, alice.activity("Follow", object=service.fund)) == 401


async def test_b2_the_actor_is_one_and_its_id_is_what_counts(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, bob = peer.actor("alice"), peer.actor("bob")
        asked = alice.activity("Follow", object=service.fund)
        assert await tell(service, alice, {**asked, "actor": [alice.id]}) in (400, 401)
        assert await tell(service, alice, {**asked, "actor": [alice.id, bob.id]}) == 400
        assert await tell(service, bob, {**asked, "actor": {"id": alice.id, "url": bob.id}}) == 401
        assert await tell(service, alice, {**asked, "id": "https://elsewhere.test/1"}) == 401
        assert await service.followers() == 0


async def test_b8_nobody_speaks_as_us(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        mallory = peer.actor("mallory")
        mallory.id, mallory.key_id = service.fund, f"{service.fund}#main-key"
        ours = {"id": f"{service.origin}/activities/1", "type": "Follow", "actor": service.fund, "object": service.fund}
        assert await tell(service, mallory, ours) == 401
        assert await service.followers() == 0


async def test_b10_an_id_taken_by_a_stranger_is_still_its_owners(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, mallory = peer.actor("alice"), peer.actor("mallory")
        asked = alice.activity("Follow", object=service.fund)
        assert await tell(service, mallory, {**asked, "actor": mallory.id}) == 202
        assert await tell(service, alice, asked) == 202
        assert await service.follows(alice.id)


async def test_d8_sixty_servers_never_met_in_a_minute_and_then_everybody_waits() -> None:
    budget = Budget()
    for number in range(60):
        budget.spend(f"host{number}.test", NOW, new=True)
    budget.spend("host1.test", NOW, new=True)  # a second key of one already asked
    budget.spend("old.test", NOW, new=False)
    with pytest.raises(Overloaded):
        budget.spend("one.more.test", NOW, new=True)
    later = NOW.replace(minute=1)
    budget.spend("one.more.test", later, new=True)
    for _ in range(59):
        budget.spend("one.more.test", later, new=True)
    with pytest.raises(Overloaded):
        budget.spend("one.more.test", later, new=True)


async def test_d8_beyond_the_budget_the_answer_is_503_and_the_key_is_not_given_up(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url, budget=Budget(new_hosts=0)) as (service, peer):
        alice = peer.actor("alice")
        answer = await alice.post(service.inbox, alice.activity("Follow", object=service.fund), now=NOW)
        assert (answer.status, answer.header("retry-after")) == (503, "60")
        assert peer.fetches == []
        async with service.database.read() as tx:
            assert await tx.row(select(remote_keys)) is None
