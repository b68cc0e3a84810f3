"""Sending over real connections: what each answer does to a delivery, its host and its follower."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from fediverse import outbox
from fediverse.exchange.client import Client
from fediverse.exchange.delivery import Sending, send_due, send_forever
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.retry import Priority
from fediverse.store import followers
from fediverse.store.schema import deliveries, hosts
from tests.fediverse.store.building import ACTOR, ORIGIN, Ledger, ledger, one_key
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Answer, Peer, document, redirect


class Desk:
    """A ledger, a client, and peers to deliver to."""

    def __init__(self, book: Ledger, client: Client) -> None:
        self.book = book
        self.sending = Sending(
            database=book.database,
            client=client,
            clock=lambda: book.now,
            new_id=book.new_id,
            random=lambda: 0.0,
            key=self._key,
            instance=ACTOR,
            pace=None,
        )
        self.send = partial(send_due, self.sending)

    async def _key(self, _actor: str) -> KeyPair:
        return one_key()

    async def follow(self, peer: Peer, *names: str) -> None:
        """Followers on that peer."""
        async with self.book.database.write() as tx:
            for name in names:
                person = peer.actor(name)
                await followers.add(
                    tx,
                    actor=ACTOR,
                    follow={"id": f"{person.id}#follow", "type": "Follow", "actor": person.id, "object": ACTOR},
                    personal=person.inbox,
                    shared=peer.shared_inbox if peer.has_shared_inbox else None,
                    key=PublicKey.from_pem(person.public_pem, f"{person.id}#main-key", person.id),
                    now=self.book.now,
                )

    async def last(self) -> dict[str, object]:
        """State, status and reason of the latest delivery."""
        query = select(deliveries.c.state, deliveries.c.status, deliveries.c.reason).order_by(deliveries.c.seq.desc())
        async with self.book.database.read() as tx:
            row = await tx.row(query)
        assert row is not None
        return dict(row)

    async def follower_count(self) -> int:
        async with self.book.database.read() as tx:
            return await followers.count(tx, ACTOR)


@pytest.fixture
async def desk(sqlite_url: str, authority: Authority, names: Names) -> AsyncIterator[Desk]:
    for name in ("peer1.test", "small.test", "moved.test", "selfmade.test"):
        names.claim(name)
    async with ledger(sqlite_url) as book:
        client = Client(
            user_agent=f"Clarion (+{ORIGIN}/about)",
            exempt=[ipaddress.ip_network("127.0.0.0/8")],
            resolve=names.addresses,
            ca_file=authority.ca_file,
            post_deadline=timedelta(seconds=2),
        )
        async with client:
            yield Desk(book, client)


@pytest.fixture
async def peer(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer1.test") as opened:
        yield opened


async def test_everything_a_host_is_owed_goes_over_one_connection_in_order_and_signed(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice", "bob")
    appeal = await desk.book.create("appeal")
    for number in range(5):
        await desk.book.create(f"answer {number}", reply_to=appeal)
    await desk.send()
    assert [post.document["object"]["content"] for post in peer.posts] == [
        "<p>appeal</p>",
        *(f"<p>answer {number}</p>" for number in range(5)),
    ]
    assert len({post.connection for post in peer.posts}) == 1
    for post in peer.posts:
        post.verify(one_key().public_pem(), desk.book.now)


async def test_a_retried_delivery_carries_the_same_id_and_a_fresh_date(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    peer.will("/inbox", Answer(500))
    await desk.book.create("appeal")
    await desk.send()
    assert await desk.last() == {"state": "waiting", "status": 500, "reason": None}
    desk.book.later(minutes=1)
    await desk.send()
    first, second = peer.posts
    assert first.document["id"] == second.document["id"]
    assert first.request.header("date") != second.request.header("date")
    assert (await desk.last())["state"] == "delivered"


@pytest.mark.parametrize("status", [400, 403, 405, 413, 415, 422, 501])
async def test_g3_a_refusal_is_written_down_and_not_repeated(desk: Desk, peer: Peer, status: int) -> None:
    await desk.follow(peer, "alice")
    peer.will("/inbox", Answer(status))
    await desk.book.create("appeal")
    await desk.send()
    desk.book.later(days=2)
    await desk.send()
    assert len(peer.posts) == 1
    assert await desk.last() == {"state": "refused", "status": status, "reason": None}


async def test_a_dead_host_costs_one_probe_whatever_it_is_owed(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    for number in range(20):
        await desk.book.create(f"appeal {number}")
    await peer.down()
    await desk.send()
    async with desk.book.database.read() as tx:
        tried = await tx.rows(select(deliveries.c.seq).where(deliveries.c.attempts > 0))
        host = await tx.row(select(hosts).where(hosts.c.name == peer.host))
    assert len(tried) == 1
    assert host is not None
    assert host["failures"] == 1
    desk.book.later(seconds=14)
    assert await desk.send() == 0
    await peer.up()
    desk.book.later(seconds=1)
    await desk.send()
    assert len(peer.posts) == 20


async def test_g5_a_host_that_asks_for_time_gets_it(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    await desk.book.create("one")
    await desk.book.create("two")
    peer.will("/inbox", Answer(429, {"Retry-After": "3600"}))
    await desk.send()
    assert len(peer.posts) == 1
    desk.book.later(minutes=59)
    assert await desk.send() == 0
    desk.book.later(minutes=1)
    await desk.send()
    assert len(peer.posts) == 3


async def test_g1_a_connection_cut_after_the_body_leaves_the_outcome_unknown(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    peer.will("/inbox", Answer(reset=True))
    await desk.book.create("appeal")
    await desk.send()
    async with desk.book.database.read() as tx:
        row = await tx.row(select(deliveries.c.unknown_version, deliveries.c.reason, deliveries.c.state))
    assert row is not None
    assert (row["unknown_version"], row["state"]) == (1, "waiting")
    desk.book.later(minutes=1)
    await desk.send()
    first, second = peer.posts
    assert first.document["id"] == second.document["id"]


async def test_g1_an_answer_that_never_comes_ends_at_the_deadline(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    peer.will("/inbox", Answer(hold=asyncio.Event()))
    await desk.book.create("appeal")
    await desk.send()
    assert await desk.last() == {"state": "waiting", "status": None, "reason": "timeout"}


async def test_g4_410_at_an_inbox_removes_the_follower_once_the_actor_confirms_it(
    desk: Desk, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "small.test", shared_inbox=False) as small:
        await desk.follow(small, "alice", "bob")
        small.always("/users/alice/inbox", Answer(410))
        small.always("/users/alice", Answer(410))
        small.will("/users/bob/inbox", Answer(410))
        await desk.book.create("appeal")
        await desk.send()
        assert await desk.follower_count() == 1
        assert sorted(await desk.book.states()) == [("create", "gone"), ("create", "waiting")]
        desk.book.later(hours=1)
        await desk.send()
        assert sorted(await desk.book.states()) == [("create", "delivered"), ("create", "gone")]


async def test_g4_410_after_another_failure_is_confirmed_at_the_actor_all_the_same(
    desk: Desk, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "small.test", shared_inbox=False) as small:
        await desk.follow(small, "alice")
        small.will("/users/alice/inbox", Answer(401), Answer(410))
        small.always("/users/alice", Answer(410))
        await desk.book.create("appeal")
        await desk.send()
        desk.book.later(hours=1)
        await desk.send()
        assert await desk.follower_count() == 0
        assert await desk.book.states() == [("create", "gone")]


async def test_an_inbox_is_given_up_after_a_week_of_not_being_there_and_not_for_one_answer(
    desk: Desk, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "small.test", shared_inbox=False) as small:
        await desk.follow(small, "alice")
        appeal = await desk.book.create("appeal")
        await desk.send()
        await desk.book.change(appeal, "closed", Priority.CLOSE)
        desk.book.later(days=8)  # and nobody sent
        small.always("/users/alice/inbox", Answer(404))
        small.always("/users/alice", Answer(404))
        await desk.send()
        assert (await desk.last())["state"] == "waiting"
        for _ in range(40):
            desk.book.later(hours=5)
            await desk.send()
        assert (await desk.last())["state"] == "gone"
        assert await desk.follower_count() == 1


async def test_an_actor_who_names_ever_new_inboxes_is_asked_once(
    desk: Desk, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "moved.test", shared_inbox=False) as moved:
        await desk.follow(moved, "alice")
        person = moved.actor("alice")
        moved.will(
            "/users/alice", *(document(person.document() | {"inbox": f"{moved.origin}/in/{n}"}) for n in range(3))
        )
        for path in ("/users/alice/inbox", "/in/0", "/in/1", "/in/2"):
            moved.always(path, Answer(404))
        await desk.book.create("appeal")
        await desk.send()
        assert [post.path for post in moved.posts] == ["/users/alice/inbox", "/in/0"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_g9_a_redirected_post_is_not_followed_and_the_new_inbox_is_found_at_the_actor(
    desk: Desk, authority: Authority, names: Names, status: int
) -> None:
    async with Peer(authority, names, "moved.test", shared_inbox=False) as moved:
        await desk.follow(moved, "alice")
        moved.always("/users/alice/inbox", redirect(f"{moved.origin}/users/alice/new-inbox", status))
        actor = moved.actor("alice").document() | {"inbox": f"{moved.origin}/users/alice/new-inbox"}
        moved.always("/users/alice", document(actor))
        moved.always("/users/alice/new-inbox", Answer(202))
        await desk.book.create("appeal")
        await desk.send()
        assert [post.path for post in moved.posts] == ["/users/alice/inbox", "/users/alice/new-inbox"]
        assert moved.posts[0].document["id"] == moved.posts[1].document["id"]
        assert sorted(await desk.book.states()) == [("create", "delivered"), ("create", "gone")]


@pytest.mark.parametrize("status", [404, 410, 302])
async def test_g11_where_the_shared_inbox_is_gone_the_personal_ones_are_used(
    desk: Desk, peer: Peer, status: int
) -> None:
    await desk.follow(peer, "alice", "bob")
    peer.always("/inbox", Answer(status, {"Location": "https://elsewhere.test/"}))
    await desk.book.create("appeal")
    await desk.send()
    assert sorted(post.path for post in peer.posts[1:]) == ["/users/alice/inbox", "/users/bob/inbox"]
    await desk.book.create("second")
    await desk.send()
    assert len(peer.posts) == 5


async def test_g12_a_post_that_begins_after_the_act_carries_the_form_of_the_act(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    answer_now = asyncio.Event()
    peer.will("/inbox", Answer(hold=answer_now))
    first = await desk.book.create("first")
    second = await desk.book.create("second")
    sending = asyncio.create_task(desk.send())
    await peer.wait_for(lambda it: it.path == "/inbox")
    for note in (first, second):
        await desk.book.change(note, "closed", Priority.CLOSE)
    answer_now.set()
    await sending
    said = [(post.document["type"], post.document["object"]["content"]) for post in peer.posts]
    assert said == [("Create", "<p>first</p>"), ("Create", "<p>closed</p>"), ("Update", "<p>closed</p>")]


async def test_g7_a_server_whose_certificate_is_not_believed_gets_nothing_and_is_tried_again(
    desk: Desk, peer: Peer, authority: Authority, names: Names, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    async with Peer(stranger, names, "selfmade.test") as selfmade:
        await desk.follow(selfmade, "alice")
        await desk.book.create("appeal")
        await desk.send()
        assert selfmade.received == []
        assert await desk.last() == {"state": "waiting", "status": None, "reason": "tls"}


async def test_g8_a_name_without_an_address_is_the_hosts_trouble(desk: Desk) -> None:
    await desk.book.follow("nowhere.invalid")
    await desk.book.create("appeal")
    await desk.send()
    assert (await desk.last())["state"] == "waiting"
    assert (await desk.last())["reason"] is not None


async def test_senders_run_until_they_are_stopped_and_finish_the_post_in_flight(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    hold, stop = asyncio.Event(), asyncio.Event()
    peer.will("/inbox", Answer(hold=hold))
    for number in range(3):
        await desk.book.create(f"appeal {number}")
    running = asyncio.create_task(send_forever(desk.sending, at_once=4, stop=stop))
    await peer.wait_for(lambda it: it.path == "/inbox")
    stop.set()
    hold.set()
    async with asyncio.timeout(10):
        await running
    assert len(peer.posts) == 1
    states = await desk.book.states()
    assert states.count(("create", "delivered")) == 1
    assert states.count(("create", "waiting")) == 2
    assert len(await desk.book.claim()) == 1  # the host was let go, not left to a lapsing lease


async def test_a_running_sender_notices_what_is_owed_without_waiting(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    stop = asyncio.Event()
    running = asyncio.create_task(send_forever(desk.sending, at_once=4, stop=stop))
    try:
        await desk.book.create("appeal")
        await peer.wait_for(lambda it: it.document.get("type") == "Create")
    finally:
        stop.set()
        await running


async def test_an_accept_that_fails_is_tried_again_and_its_body_kept_until_then(desk: Desk, peer: Peer) -> None:
    await desk.follow(peer, "alice")
    person = peer.actor("alice")
    peer.will("/users/alice/inbox", Answer(503))
    async with desk.book.database.write() as tx:
        follower = await followers.find(tx, ACTOR, person.id)
        assert follower is not None
        await outbox.respond(tx, desk.book.act, "accept", follow=follower.follow, inbox=follower.personal)
    await desk.send()
    desk.book.later(minutes=1)
    await desk.send()
    first, second = peer.posts
    assert first.document == second.document
    assert second.document["object"]["actor"] == person.id


async def test_an_accept_follows_its_follower_to_a_new_inbox(desk: Desk, authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "moved.test", shared_inbox=False) as moved:
        await desk.follow(moved, "alice")
        actor = moved.actor("alice").document() | {"inbox": f"{moved.origin}/users/alice/new-inbox"}
        moved.always("/users/alice/inbox", Answer(404))
        moved.always("/users/alice", document(actor))
        moved.always("/users/alice/new-inbox", Answer(202))
        async with desk.book.database.write() as tx:
            follower = await followers.find(tx, ACTOR, moved.actor("alice").id)
            assert follower is not None
            await outbox.respond(tx, desk.book.act, "accept", follow=follower.follow, inbox=follower.personal)
        await desk.send()
        assert [post.path for post in moved.posts] == ["/users/alice/inbox", "/users/alice/new-inbox"]
        assert moved.posts[0].document == moved.posts[1].document
