from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from fediverse.exchange.client import Client, user_agent
from fediverse.exchange.handles import find_actor
from fediverse.protocol.errors import FederationError, Gone, Malformed, Unreachable
from tests.fediverse.store.building import one_key
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names
from tests.peers.recording import Answer, Peer, document

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JRD = "/.well-known/webfinger"


def self_link(href: object, kind: str = "application/activity+json") -> Answer:
    return document({"links": [None, 7, {"rel": "self", "type": kind, "href": href}]})


@contextlib.asynccontextmanager
async def asking(authority: Authority, names: Names) -> AsyncIterator[Client]:
    async with Client(
        user_agent=user_agent("https://fund.test"),
        exempt=[LOOPBACK],
        resolve=names.addresses,
        ca_file=authority.ca_file,
    ) as client:
        yield client


async def test_a_handle_leads_to_the_id_its_server_names(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "harbour.test") as peer, asking(authority, names) as client:
        alice = peer.actor("alice")
        for handle in (f"@alice@{peer.host}", f" alice@{peer.host.upper()} "):
            assert await find_actor(client, handle, one_key(), NOW) == alice.id
        asked = urlsplit(peer.fetches[0])
        assert (asked.path, parse_qs(asked.query)) == (JRD, {"resource": [alice.account]})


@pytest.mark.parametrize(
    "handle",
    ["", "alice", "@alice", "alice@", "@@harbour.test", "a b@harbour.test", "a@b@harbour.test", "alice@127.0.0.1",
     "alice@harbour.test/x", "alice@localhost", "al/ice@harbour.test", f"{'a' * 256}@harbour.test"],
)  # fmt: skip
async def test_what_is_no_handle_is_asked_nowhere(handle: str, authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "harbour.test") as peer, asking(authority, names) as client:
        with pytest.raises(Malformed):
            await find_actor(client, handle, one_key(), NOW)
        assert peer.received == []


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (Answer(404), Gone),
        (Answer(410), Gone),
        (Answer(503), Unreachable),
        (Answer(200, {}, b"not json"), Unreachable),
        (document({"links": []}), Unreachable),
        (self_link("https://a.test/", "text/html"), Unreachable),
        (self_link("http://a.test/"), Unreachable),
        (self_link(7), Unreachable),
        (document({"links": "self"}), Unreachable),
    ],
)  # fmt: skip
async def test_b5_answers_that_name_no_actor_are_refused(
    answer: Answer, refusal: type[FederationError], authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "harbour.test") as peer, asking(authority, names) as client:
        peer.always(JRD, answer)
        with pytest.raises(refusal):
            await find_actor(client, f"alice@{peer.host}", one_key(), NOW)


async def test_b5_a_handle_on_another_domain_is_believed_when_the_home_of_the_id_agrees(
    authority: Authority, names: Names
) -> None:
    async with (
        Peer(authority, names, "handles.test") as front,
        Peer(authority, names, "home.test") as home,
        asking(authority, names) as client,
    ):
        alice = home.actor("alice")
        front.always(JRD, document(alice.webfinger()))
        with pytest.raises(Gone):  # home knows no alice@handles.test: anybody could have claimed her
            await find_actor(client, f"alice@{front.host}", one_key(), NOW)
        home.will(JRD, document(home.actor("bob").webfinger()))
        with pytest.raises(Unreachable, match="do not agree"):
            await find_actor(client, f"alice@{front.host}", one_key(), NOW)
        home.will(JRD, document(alice.webfinger()))
        assert await find_actor(client, f"alice@{front.host}", one_key(), NOW) == alice.id


async def test_b5_a_subject_of_a_domain_that_was_not_asked_is_refused(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "harbour.test") as peer, asking(authority, names) as client:
        mallory = peer.actor("mallory")
        for subject in ("acct:alice@hill.test", "acct:mallory@harbour.test.hill.test", "https://hill.test/users/alice"):
            peer.always(JRD, document({**mallory.webfinger(), "subject": subject}))
            with pytest.raises(Unreachable):
                await find_actor(client, f"mallory@{peer.host}", one_key(), NOW)
        peer.always(JRD, document({**mallory.webfinger(), "subject": f"acct:MALLORY@{peer.host}"}))
        assert await find_actor(client, f"mallory@{peer.host}", one_key(), NOW) == mallory.id
