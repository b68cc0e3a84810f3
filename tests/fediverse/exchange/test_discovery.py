"""Actors asked at recording peers: which documents are believed, and which servers cannot be asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from fediverse.exchange.client import Client
from fediverse.exchange.discovery import fetch_actor, fetch_key
from fediverse.protocol.errors import FederationError, Gone, Unreachable
from tests.fediverse.exchange.clients import KEY, NOW, make_client
from tests.peers import hostile
from tests.peers.authority import Authority
from tests.peers.hostile import Hostile
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


# Actors


async def test_an_actor_is_known_by_its_document(client: Client, alice: Actor, peer: Peer) -> None:
    actor = await fetch_actor(client, alice.id, KEY, NOW)
    assert (actor.id, actor.inbox, actor.shared_inbox) == (alice.id, alice.inbox, peer.shared_inbox)
    assert (actor.key.key_id, actor.key.owner, actor.key.pem()) == (alice.key_id, alice.id, alice.public_pem)
    (seen,) = peer.received
    seen.verify(KEY.public_pem(), NOW)


async def test_an_actor_without_a_shared_inbox_has_none(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "peer1.test", shared_inbox=False) as peer, make_client(authority, names) as asks:
        assert (await fetch_actor(asks, peer.actor("bob").id, KEY, NOW)).shared_inbox is None


@pytest.mark.parametrize(
    "shared",
    ["https://evil.example/inbox", "http://peer1.test/inbox", "https://127.0.0.1/inbox", 7, None, ["x"], "inbox"],
)
async def test_a_foreign_or_senseless_shared_inbox_is_ignored(client: Client, alice: Actor, shared: object) -> None:
    shows(alice, lambda it: it.update(endpoints={"sharedInbox": shared}))
    actor = await fetch_actor(client, alice.id, KEY, NOW)
    assert (actor.inbox, actor.shared_inbox) == (alice.inbox, None)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/activity+json",
        "application/activity+json; charset=utf-8",
        "Application/Activity+JSON",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        'application/ld+json;charset=utf-8;profile="https://www.w3.org/ns/activitystreams https://x.example/"',
    ],
)
async def test_b4_both_names_of_activitystreams_are_taken(client: Client, alice: Actor, content_type: str) -> None:
    alice.peer.always("/users/alice", document(alice.document(), content_type))
    assert (await fetch_actor(client, alice.id, KEY, NOW)).id == alice.id


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "text/plain", "application/json", "application/ld+json", "image/png", "application/octet-stream"],
)
async def test_b4_an_actor_served_as_anything_else_is_refused(client: Client, alice: Actor, content_type: str) -> None:
    alice.peer.always("/users/alice", document(alice.document(), content_type))
    assert_refused_for_good(await refusal(client, alice))


async def test_b4_an_uploaded_document_is_not_an_actor(client: Client, peer: Peer) -> None:
    mallory = peer.actor("mallory")
    upload = f"{peer.origin}/media/1.json"
    forged = {**mallory.document(), "id": upload, "publicKey": {**mallory.stub()["publicKey"], "owner": upload}}
    peer.always("/media/1.json", document(forged, "application/json"))
    with pytest.raises(Unreachable) as caught:
        await fetch_actor(client, upload, KEY, NOW)
    assert_refused_for_good(caught.value)


# Written for each row of B3: what is fetched is not what it says it is.
OTHER_IDS: dict[str, Change] = {
    "another actor of the host": lambda it: it.update(id=it["id"].replace("alice", "bob")),
    "another origin": lambda it: it.update(id=it["id"].replace("peer1", "peer2")),
    "another port": lambda it: it.update(id="https://peer1.test/users/alice"),
    "a fragment more": lambda it: it.update(id=it["id"] + "#me"),
    "a query more": lambda it: it.update(id=it["id"] + "?x"),
    "a slash more": lambda it: it.update(id=it["id"] + "/"),
    "no id": lambda it: it.pop("id"),
    "a list": lambda it: it.update(id=[it["id"]]),
    "null": lambda it: it.update(id=None),
}


@pytest.mark.parametrize("change", OTHER_IDS.values(), ids=OTHER_IDS)
async def test_b3_a_document_with_another_id_than_its_url_is_refused(
    client: Client, alice: Actor, change: Change
) -> None:
    shows(alice, change)
    with pytest.raises(Unreachable) as caught:
        await fetch_actor(client, alice.id, KEY, NOW)
    assert_refused_for_good(caught.value)
    with pytest.raises(FederationError):
        await fetch_key(client, alice.key_id, KEY, NOW)


async def test_b3_a_redirect_to_another_origin_is_refused_even_to_a_true_document(
    client: Client, alice: Actor, other: Peer
) -> None:
    alice.peer.always("/users/alice", redirect(other.actor("alice").id))
    assert_refused_for_good(await refusal(client, alice))


async def test_b3_a_redirect_to_a_copy_that_names_the_first_url_is_refused(
    client: Client, alice: Actor, other: Peer
) -> None:
    other.always("/copy", document(alice.document()))
    alice.peer.always("/users/alice", redirect(f"{other.origin}/copy"))
    assert_refused_for_good(await refusal(client, alice))


async def test_b3_a_redirect_within_the_host_leads_to_another_actor(client: Client, alice: Actor) -> None:
    alice.peer.always("/users/alice", redirect(alice.peer.actor("bob").id))
    assert_refused_for_good(await refusal(client, alice))


DOCUMENTS: dict[str, Change] = {
    "no actor": lambda it: it.update(type="Note"),
    "an actor only by name": lambda it: it.update(type="person"),
    "a type that is no text": lambda it: it.update(type={"Person": 1}),
    "no inbox": lambda it: it.pop("inbox"),
    "an inbox elsewhere": lambda it: it.update(inbox="https://peer2.test/inbox"),
    "an inbox over http": lambda it: it.update(inbox=it["inbox"].replace("https", "http")),
    "an inbox at another port": lambda it: it.update(inbox="https://peer1.test:22/inbox"),
    "an inbox with user information": lambda it: it.update(inbox="https://a:b@peer1.test/inbox"),
    "an inbox that is an object": lambda it: it.update(inbox={"id": it["inbox"]}),
}


@pytest.mark.parametrize("change", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_d7_a_document_that_is_no_actor_with_an_inbox_of_its_own_is_refused(
    client: Client, alice: Actor, change: Change
) -> None:
    shows(alice, change)
    with pytest.raises(Unreachable) as caught:
        await fetch_actor(client, alice.id, KEY, NOW)
    assert_refused_for_good(caught.value)


async def test_one_known_type_among_several_makes_an_actor(client: Client, alice: Actor) -> None:
    shows(alice, lambda it: it.update(type=["Person", "https://vocabulary.example/Singer"]))
    assert (await fetch_actor(client, alice.id, KEY, NOW)).id == alice.id


async def test_an_id_is_compared_in_canonical_form_and_kept_as_written(client: Client, alice: Actor) -> None:
    written = alice.id.replace("peer1.test", "PEER1.test")
    shows(alice, lambda it: it.update(id=written, publicKey={**it["publicKey"], "owner": written}))
    actor = await fetch_actor(client, written, KEY, NOW)
    assert (actor.id, actor.key.owner) == (written, written)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"id":1,"id":2}', b"\xff", b"[" * 100_000, b"NaN"])
async def test_a_body_that_is_no_strict_json_is_refused(client: Client, alice: Actor, body: bytes) -> None:
    alice.peer.always("/users/alice", Answer(200, {"Content-Type": "application/activity+json"}, body))
    assert_refused_for_good(await refusal(client, alice))


# Servers that cannot be asked


@pytest.mark.parametrize("status", [404, 410])
async def test_a9_a_missing_actor_is_gone(client: Client, alice: Actor, status: int) -> None:
    alice.peer.always("/users/alice", Answer(status))
    problem = await refusal(client, alice)
    assert isinstance(problem, Gone)
    assert (problem.answer, problem.transient) == (status, False)


async def test_a9_the_owner_of_a_key_document_may_be_gone_too(client: Client, peer: Peer) -> None:
    gus = peer.actor("gus", key_document=True)
    peer.always("/users/gus", Answer(410))
    with pytest.raises(Gone):
        await fetch_key(client, gus.key_id, KEY, NOW)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a9_a_server_in_trouble_may_be_asked_again(client: Client, alice: Actor, status: int) -> None:
    alice.peer.always("/users/alice", Answer(status))
    problem = await refusal(client, alice)
    assert isinstance(problem, Unreachable)
    assert problem.transient


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 406, 501])
async def test_a9_any_other_answer_is_no_document(client: Client, alice: Actor, status: int) -> None:
    body = b"" if status in (204, 304) else json.dumps(alice.document()).encode()
    alice.peer.always("/users/alice", Answer(status, {"Content-Type": "application/activity+json"}, body))
    assert_refused_for_good(await refusal(client, alice))


async def test_a9_a_server_that_is_down_may_be_asked_again(client: Client, alice: Actor) -> None:
    await alice.peer.down()
    problem = await refusal(client, alice)
    assert isinstance(problem, Unreachable)
    assert problem.transient


async def test_a9_a_server_that_stalls_may_be_asked_again(authority: Authority, names: Names) -> None:
    async with (
        Hostile(authority, names, "bad.test", hostile.slow_drip) as bad,
        make_client(authority, names, timedelta(milliseconds=300)) as client,
    ):
        with pytest.raises(Unreachable) as caught:
            await fetch_key(client, f"{bad.origin}/users/a#main-key", KEY, NOW)
    assert caught.value.transient


async def test_a9_redirects_without_end_and_documents_without_end_are_refused(
    authority: Authority, names: Names
) -> None:
    for name, behaviour in (("one.test", hostile.redirect_onwards), ("two.test", hostile.endless_body)):
        async with (
            Hostile(authority, names, name, behaviour) as bad,
            make_client(authority, names) as client,
        ):
            with pytest.raises(Unreachable) as caught:
                await fetch_key(client, f"{bad.origin}/users/a#main-key", KEY, NOW)
            assert_refused_for_good(caught.value)


@pytest.mark.parametrize("key_id", ["acct:a@peer1.test", "http://peer1.test/a#k", "https://127.0.0.1/a", "", "x"])
async def test_a_key_id_that_is_not_a_url_we_ask_is_refused(client: Client, key_id: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await fetch_key(client, key_id, KEY, NOW)
    assert_refused_for_good(caught.value)


@pytest.mark.parametrize("times", [0, 2])
async def test_b4_a_document_with_no_content_type_or_with_two_is_refused(
    times: int, authority: Authority, names: Names, alice: Actor
) -> None:
    body = json.dumps(alice.document()).replace(alice.peer.origin, "ORIGIN")
    line = b"Content-Type: application/activity+json\r\n"

    async def answer(bad: Hostile, _: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = body.replace("ORIGIN", bad.origin).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + line * times)
        writer.write(b"Content-Length: %d\r\n\r\n" % len(shown) + shown)
        await writer.drain()
        writer.close()

    async with Hostile(authority, names, "bad.test", answer) as bad, make_client(authority, names) as client:
        with pytest.raises(Unreachable) as caught:
            await fetch_actor(client, f"{bad.origin}/users/alice", KEY, NOW)
        assert not caught.value.transient
