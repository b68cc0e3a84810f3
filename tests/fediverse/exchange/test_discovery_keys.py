"""Keys and software asked at recording peers: whose they are said to be, and by whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fediverse.exchange.client import Client
from fediverse.exchange.discovery import fetch_actor, fetch_key, fetch_software
from fediverse.protocol.errors import FederationError, Gone, Reason, Unauthenticated, Unreachable
from tests.fediverse.exchange.clients import KEY, NOW, make_client
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Actor, Answer, Peer, document, redirect

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
async def peer(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer1.test") as peer:
        yield peer


@pytest.fixture
async def other(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer2.test") as other:
        yield other


@pytest.fixture
async def client(authority: Authority, names: Names, peer: Peer, other: Peer) -> AsyncIterator[Client]:
    async with make_client(authority, names) as client:
        yield client


@pytest.fixture
def alice(peer: Peer) -> Actor:
    return peer.actor("alice")


def shows(actor: Actor, change: Change) -> None:
    """Let the peer serve the actor's document with one change."""
    altered = actor.document()
    change(altered)
    actor.peer.always(f"/users/{actor.name}", document(altered))


async def refusal(client: Client, alice: Actor) -> FederationError:
    """How both ways of asking refuse the actor: the same way."""
    with pytest.raises(FederationError) as by_actor:
        await fetch_actor(client, alice.id, KEY, NOW)
    with pytest.raises(FederationError) as by_key:
        await fetch_key(client, alice.key_id, KEY, NOW)
    assert type(by_actor.value) is type(by_key.value)
    return by_actor.value


def assert_refused_for_good(problem: FederationError) -> None:
    assert isinstance(problem, Unreachable)
    assert not isinstance(problem, Gone)
    assert not problem.transient


# Keys


KEYS: dict[str, tuple[Change, Reason]] = {
    "owned by another": (lambda key: key.update(owner="https://peer2.test/users/eve"), Reason.KEY_OWNER),
    "without an owner": (lambda key: key.pop("owner"), Reason.KEY_OWNER),
    "of a weak kind": (lambda key: key.update(publicKeyPem="-----BEGIN PUBLIC KEY-----"), Reason.KEY_UNSUITABLE),
    "without a PEM": (lambda key: key.update(publicKeyPem=None), Reason.KEY_UNSUITABLE),
}


@pytest.mark.parametrize(("change", "reason"), KEYS.values(), ids=KEYS)
async def test_a_key_that_is_not_the_actors_own_is_refused(
    client: Client, alice: Actor, change: Change, reason: Reason
) -> None:
    shows(alice, lambda it: change(it["publicKey"]))
    problem = await refusal(client, alice)
    assert isinstance(problem, Unauthenticated)
    assert problem.reason is reason


async def test_a_key_on_another_origin_than_its_actor_is_refused(client: Client, alice: Actor, other: Peer) -> None:
    shows(alice, lambda it: it["publicKey"].update(id=f"{other.origin}/key"))
    with pytest.raises(Unauthenticated) as caught:
        await fetch_actor(client, alice.id, KEY, NOW)
    assert caught.value.reason is Reason.KEY_OWNER


async def test_the_key_that_was_asked_for_is_taken_from_several(client: Client, alice: Actor) -> None:
    second = {**alice.stub()["publicKey"], "id": f"{alice.id}#second"}
    shows(alice, lambda it: it.update(publicKey=[{"id": "x"}, it["publicKey"], second]))
    assert (await fetch_key(client, f"{alice.id}#second", KEY, NOW)).key.key_id == f"{alice.id}#second"
    assert (await fetch_actor(client, alice.id, KEY, NOW)).key.key_id == alice.key_id
    with pytest.raises(Unauthenticated) as caught:
        await fetch_key(client, f"{alice.id}#third", KEY, NOW)
    assert caught.value.reason is Reason.KEY_UNKNOWN


async def test_a_key_in_the_actor_itself_costs_one_fetch(client: Client, alice: Actor) -> None:
    actor = await fetch_key(client, alice.key_id, KEY, NOW)
    assert (actor.id, actor.key.key_id, actor.key.pem()) == (alice.id, alice.key_id, alice.public_pem)
    assert alice.peer.fetches == ["/users/alice"]


async def test_a_key_document_with_a_stub_of_its_owner_leads_to_the_owner(client: Client, peer: Peer) -> None:
    gus = peer.actor("gus", key_document=True)
    actor = await fetch_key(client, gus.key_id, KEY, NOW)
    assert (actor.id, actor.inbox, actor.key.key_id) == (gus.id, gus.inbox, gus.key_id)
    assert peer.fetches == ["/users/gus/main-key", "/users/gus"]


async def test_a_bare_key_document_leads_to_its_owner(client: Client, peer: Peer) -> None:
    gus = peer.actor("gus", key_document=True)
    peer.always("/users/gus/main-key", document(gus.stub()["publicKey"]))
    assert (await fetch_key(client, gus.key_id, KEY, NOW)).id == gus.id


async def test_a_key_document_is_not_believed_about_the_key_itself(client: Client, peer: Peer) -> None:
    gus, eve = peer.actor("gus", key_document=True), peer.actor("eve")
    forged = {**gus.stub()["publicKey"], "publicKeyPem": eve.public_pem}
    peer.always("/users/gus/main-key", document(forged))
    assert (await fetch_key(client, gus.key_id, KEY, NOW)).key.pem() == gus.public_pem


async def test_a_key_its_owner_does_not_list_is_refused(client: Client, peer: Peer, alice: Actor) -> None:
    key_id = f"{peer.origin}/media/key.json"
    peer.always("/media/key.json", document({"id": key_id, "owner": alice.id, "publicKeyPem": alice.public_pem}))
    with pytest.raises(Unauthenticated) as caught:
        await fetch_key(client, key_id, KEY, NOW)
    assert caught.value.reason is Reason.KEY_UNKNOWN


async def test_a_key_whose_owner_lives_elsewhere_is_refused_without_asking_there(
    client: Client, peer: Peer, other: Peer
) -> None:
    key_id = f"{peer.origin}/key"
    peer.always("/key", document({"id": key_id, "owner": other.actor("bob").id}))
    with pytest.raises(Unauthenticated) as caught:
        await fetch_key(client, key_id, KEY, NOW)
    assert caught.value.reason is Reason.KEY_OWNER
    assert other.received == []


async def test_b3_an_owner_that_leads_elsewhere_is_refused_even_if_the_document_says_otherwise(
    client: Client, peer: Peer, other: Peer
) -> None:
    bob = peer.actor("bob", key_document=True)
    other.always("/copy", document(bob.document()))
    peer.always("/users/bob", redirect(f"{other.origin}/copy"))
    with pytest.raises(Unreachable) as caught:
        await fetch_key(client, bob.key_id, KEY, NOW)
    assert not caught.value.transient


async def test_d8_keys_that_lead_to_keys_end_after_two_documents(client: Client, peer: Peer) -> None:
    for number in range(5):
        owner = f"{peer.origin}/{number + 1}"
        peer.always(f"/{number}", document({"id": f"{peer.origin}/{number}", "owner": owner}))
    with pytest.raises(FederationError):
        await fetch_key(client, f"{peer.origin}/0", KEY, NOW)
    assert peer.fetches == ["/0", "/1"]


# Software


@pytest.mark.parametrize("software", ["mastodon", "misskey", "a" * 64])
async def test_nodeinfo_names_the_software(authority: Authority, names: Names, client: Client, software: str) -> None:
    async with Peer(authority, names, "peer3.test", software=software) as peer, make_client(authority, names) as asks:
        assert await fetch_software(asks, peer.host, KEY, NOW) == software
        assert peer.fetches == ["/.well-known/nodeinfo", "/nodeinfo/2.0"]


@pytest.mark.parametrize("software", ["", "Misskey", "a" * 65, "mis skey", "misskey\n", 7, None, ["misskey"]])
async def test_a_software_name_outside_the_schema_is_none(client: Client, peer: Peer, software: object) -> None:
    peer.always("/nodeinfo/2.0", document({"software": {"name": software}}, "application/json"))
    assert await fetch_software(client, peer.host, KEY, NOW) is None


@pytest.mark.parametrize(
    "links",
    [
        None,
        [],
        ["x"],
        {"rel": "x"},
        [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0"}],
        [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": 1}],
        [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "http://peer1.test/nodeinfo/2.0"}],
        [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "https://10.0.0.1/"}],
        [{"rel": "self", "href": "https://peer1.test/nodeinfo/2.0"}],
    ],
)
async def test_nodeinfo_without_a_usable_link_says_nothing(client: Client, peer: Peer, links: object) -> None:
    peer.always("/.well-known/nodeinfo", document({"links": links}, "application/json"))
    assert await fetch_software(client, peer.host, KEY, NOW) is None
    assert peer.fetches == ["/.well-known/nodeinfo"]


async def test_nodeinfo_is_not_asked_at_another_host(client: Client, peer: Peer, other: Peer) -> None:
    link = {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": f"{other.origin}/nodeinfo/2.0"}
    peer.always("/.well-known/nodeinfo", document({"links": [link]}, "application/json"))
    assert await fetch_software(client, peer.host, KEY, NOW) is None
    assert other.received == []
    peer.as_usual("/.well-known/nodeinfo")
    peer.always("/nodeinfo/2.0", redirect(f"{other.origin}/nodeinfo/2.0"))
    assert await fetch_software(client, peer.host, KEY, NOW) is None


async def test_a_host_without_nodeinfo_has_no_software_and_a_host_in_trouble_may_be_asked_again(
    client: Client, peer: Peer
) -> None:
    peer.always("/.well-known/nodeinfo", Answer(404))
    assert await fetch_software(client, peer.host, KEY, NOW) is None
    peer.always("/.well-known/nodeinfo", Answer(503))
    with pytest.raises(Unreachable) as caught:
        await fetch_software(client, peer.host, KEY, NOW)
    assert caught.value.transient
