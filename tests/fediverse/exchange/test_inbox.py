"""What an inbox does with a Follow, and with what does not concern us, told over TLS by another server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from fediverse.store import local_actors
from fediverse.store.schema import deliveries
from fediverse.store.schema import inboxes as inboxes_table
from tests.fediverse.service import Service, serving
from tests.fediverse.steps import Door, follow, tell, unconcerning
from tests.fediverse.stores import NOW, inbox_url
from tests.peers import signing
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Actor, Peer, document


async def test_a_follow_is_stored_and_an_accept_owed_to_the_personal_inbox(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        [accept] = await service.owed("accept")
        assert accept["type"] == "Accept"
        assert accept["actor"] == service.fund
        assert accept["object"] == {key: asked[key] for key in ("id", "type", "actor", "object")}
        async with service.database.read() as tx:
            row = await tx.row(select(deliveries.c.inbox, deliveries.c.host, deliveries.c.sender))
            assert row is not None
            assert await inbox_url(tx, row["inbox"]) == alice.inbox
            assert (row["host"], row["sender"]) == (peer.host, service.fund)
            shared = await tx.value(select(inboxes_table.c.url).where(inboxes_table.c.shared))
            assert shared == peer.shared_inbox


async def test_the_personal_inbox_takes_a_follow_too(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = alice.activity("Follow", object=service.fund)
        assert await tell(service, alice, asked, where=f"{service.fund}/inbox") == 202
        assert await service.follows(alice.id)
        unknown = f"{service.origin}/actors/{'f' * 32}/inbox"
        assert await tell(service, alice, alice.activity("Follow", object=service.fund), where=unknown) == 404


async def test_a7_a_replayed_follow_has_one_effect_even_after_a_restart(
    database_url: str, door: Door, authority: Authority, names: Names, tmp_path: Path
) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        asked = await follow(service, alice)
        assert await tell(service, alice, asked) == 202
        assert len(await service.owed("accept")) == 1
        undo = alice.activity("Undo", object=asked)
        assert await tell(service, alice, undo) == 202
        assert not await service.follows(alice.id)
        assert await tell(service, alice, asked) == 202
        assert not await service.follows(alice.id)
        assert len(await service.owed("accept")) == 1


async def test_a7_a_restarted_server_remembers_what_it_has_seen(
    sqlite_url: str, authority: Authority, names: Names, tmp_path: Path
) -> None:
    async with Peer(authority, names, "peer1.test") as peer:
        alice = peer.actor("alice")
        settings = {"authority": authority, "tmp": tmp_path, "origin": "https://fund.example"}
        asked = alice.activity("Follow", object="https://fund.example/actors/fund")
        for first in (True, False):
            async with serving(
                sqlite_url, names, create=first, fund="https://fund.example/actors/fund", **settings
            ) as service:
                url = f"https://fund.test:{service.address[1]}/inbox"
                # The signature covers the canonical host, whatever address the request is sent to.
                answer = await _post_as(service, alice, url, asked)
                assert answer == 202
                assert len(await service.owed("accept")) == 1


async def _post_as(service: Service, actor: Actor, url: str, activity: dict[str, Any]) -> int:
    body = json.dumps(activity).encode()
    headers = signing.sign(
        actor.private, actor.key_id, method="POST", url=service.inbox, body=body, now=service.clock()
    )
    return (await actor.peer.send("POST", url, headers, body)).status


async def test_a_follow_under_a_new_id_is_accepted_again(database_url: str, door: Door) -> None:
    async with door(database_url) as (service, peer):
        alice = peer.actor("alice")
        first = await follow(service, alice)
        second = await follow(service, alice)
        assert [it["object"]["id"] for it in await service.owed("accept")] == [first["id"], second["id"]]
        assert await service.followers() == 1


async def test_b7_a_follow_of_nobody_here_is_404_and_nothing_is_asked(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        for nobody in (f"{service.origin}/actors/{'f' * 32}", "https://elsewhere.test/users/x", service.origin):
            assert await tell(service, alice, alice.activity("Follow", object=nobody)) == 404
        assert peer.fetches == []


async def test_a_follow_of_the_instance_actor_is_let_lie(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = alice.activity("Follow", object=service.federation.urls.instance_actor)
        assert await tell(service, alice, asked) == 202
        assert await service.owed("accept") == []
        assert peer.fetches == []


async def test_a_follow_without_an_id_is_refused(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        asked = alice.activity("Follow", object=service.fund)
        del asked["id"]
        assert await tell(service, alice, asked) == 400
        assert await service.followers() == 0


async def test_d7_a_follow_from_an_actor_whose_inbox_lies_elsewhere_is_refused(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        for number, inbox in enumerate(
            [
                service.inbox,
                f"https://{peer.name}:22/inbox",
                f"https://{peer.name}:6379/inbox",
                f"https://user:word@{peer.host}/inbox",
                "https://elsewhere.test/inbox",
                f"http://{peer.host}/inbox",
                None,
            ]
        ):
            actor = peer.actor(f"a{number}")
            peer.always(f"/users/{actor.name}", document({**actor.document(), "inbox": inbox}))
            assert await tell(service, actor, actor.activity("Follow", object=service.fund)) == 401
        assert await service.followers() == 0


async def test_a_foreign_shared_inbox_is_ignored(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        foreign = {"sharedInbox": "https://elsewhere.test/inbox"}
        peer.always("/users/alice", document({**alice.document(), "endpoints": foreign}))
        await follow(service, alice)
        async with service.database.read() as tx:
            assert await tx.value(select(inboxes_table.c.url).where(inboxes_table.c.shared)) is None


async def test_what_is_embedded_in_a_follow_is_neither_believed_nor_sent_back(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice, mallory = peer.actor("alice"), peer.actor("mallory")
        lying = {**alice.document(), "publicKey": {**alice.document()["publicKey"], "publicKeyPem": mallory.public_pem}}
        asked = {**alice.activity("Follow", object=service.fund), "actor": lying}
        url, body = service.inbox, json.dumps(asked).encode()
        forged = signing.sign(mallory.private, alice.key_id, method="POST", url=url, body=body, now=NOW)
        assert (await peer.send("POST", url, forged, body)).status == 401
        assert await tell(service, alice, asked) == 202
        [accept] = await service.owed("accept")
        assert accept["object"]["actor"] == alice.id


async def test_a_key_in_a_document_of_its_own_is_found(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        bob = peer.actor("bob", key_document=True)
        await follow(service, bob)
        assert peer.fetches == ["/users/bob/main-key", "/users/bob"]
        await follow(service, bob)
        assert len(peer.fetches) == 2


async def test_our_questions_are_signed_by_the_instance_actor(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        await follow(service, peer.actor("alice"))
        async with service.database.read() as tx:
            ours = await local_actors.by_id(tx, service.federation.urls.instance_actor)
        assert ours is not None
        asked = await peer.wait_for(lambda it: it.request.method == "GET")
        asked.verify(ours.public_pem, NOW)


async def test_c4_c5_what_does_not_concern_us_is_accepted_and_nothing_is_fetched(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        for activity in unconcerning(service, alice):
            activity["@context"] = [f"{peer.origin}/context", {"x": f"{peer.origin}/x#"}]
            assert await tell(service, alice, activity) == 202
        without = alice.activity("Like", object=service.fund)
        del without["@context"]
        assert await tell(service, alice, without) == 202
        assert peer.fetches == []
        assert await service.rows_of_strangers() == 0


async def test_b7_an_answer_to_a_follow_we_never_sent_is_ignored(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        for kind in ("Accept", "Reject"):
            answer = alice.activity(kind, object=f"{service.origin}/activities/{'0' * 32}")
            assert await tell(service, alice, answer) == 202
        assert await service.follows(alice.id)


async def test_a_signed_request_revives_what_was_parked_for_its_host(sqlite_url: str, door: Door) -> None:
    async with door(sqlite_url) as (service, peer):
        alice = peer.actor("alice")
        await follow(service, alice)
        async with service.database.write() as tx:
            await tx.execute(update(deliveries).values(state="parked"))
        assert await tell(service, alice, alice.activity("Like", object=service.fund)) == 202
        async with service.database.read() as tx:
            assert await tx.value(select(deliveries.c.state)) == "waiting"
