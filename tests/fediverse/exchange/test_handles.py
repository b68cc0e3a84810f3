"""Whose handle it is: only what the servers concerned agree on is believed."""

from __future__ import annotations

from typing import Any

import pytest

from fediverse.exchange.handles import find_actor
from fediverse.protocol.errors import FederationError, Gone, Malformed, Unreachable
from tests.fediverse.exchange.clients import KEY, NOW, make_client
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import ACTIVITY_JSON, Answer, Peer, document

WEBFINGER = "/.well-known/webfinger"


def says(subject: str, href: str, **link: str) -> Answer:
    """What WebFinger answers: this account is that actor."""
    self_link = {"rel": "self", "type": ACTIVITY_JSON, "href": href, **link}
    profile = {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "https://elsewhere.test/"}
    return document({"subject": subject, "links": [profile, self_link]}, "application/jrd+json")


async def ask(authority: Authority, names: Names, handle: str) -> str:
    async with make_client(authority, names) as client:
        return await find_actor(client, handle, KEY, NOW)


async def why_not(authority: Authority, names: Names, handle: str) -> FederationError:
    with pytest.raises(FederationError) as caught:
        await ask(authority, names, handle)
    return caught.value


async def test_a_handle_leads_to_the_id_its_own_server_names(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "hill.test") as hill:
        alice = hill.actor("alice")
        for written in (f"@alice@{hill.host}", f"alice@{hill.host}", f" @alice@HILL.test:{hill.host[10:]} "):
            assert await ask(authority, names, written) == alice.id
        assert hill.fetches == [f"{WEBFINGER}?resource=acct%3Aalice%40{hill.name}%3A{hill.host[10:]}"] * 3


async def test_b5_a_self_link_to_another_domain_is_refused_unless_that_agrees(
    authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "hill.test") as hill, Peer(authority, names, "evil.test") as evil:
        alice = hill.actor("alice")
        evil.always(WEBFINGER, says(f"acct:mallory@{evil.host}", alice.id))
        assert isinstance(await why_not(authority, names, f"@mallory@{evil.host}"), Gone)
        hill.always(WEBFINGER, says(f"acct:mallory@{evil.host}", hill.actor("bob").id))
        assert isinstance(await why_not(authority, names, f"@mallory@{evil.host}"), Unreachable)
        hill.always(WEBFINGER, says(f"acct:mallory@{evil.host}", alice.id))
        assert await ask(authority, names, f"@mallory@{evil.host}") == alice.id


async def test_b5_a_subject_of_a_domain_that_was_not_asked_is_refused(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "evil.test") as evil:
        mallory = evil.actor("mallory")
        for subject in ("acct:alice@hill.test", "acct:mallory@evil.test.hill.test", "https://hill.test/users/alice"):
            evil.always(WEBFINGER, says(subject, mallory.id))
            refusal = await why_not(authority, names, f"@mallory@{evil.host}")
            assert isinstance(refusal, Unreachable)
            assert not refusal.transient
        evil.always(WEBFINGER, says(f"acct:MALLORY@{evil.host}", mallory.id))
        assert await ask(authority, names, f"@mallory@{evil.host}") == mallory.id


@pytest.mark.parametrize(
    "answer",
    [
        document([], "application/jrd+json"),
        document({}, "application/jrd+json"),
        document({"links": "all"}, "application/jrd+json"),
        document({"links": [1, {"rel": "self"}]}, "application/jrd+json"),
        says("acct:alice@hill.test", "http://hill.test/users/alice"),
        says("acct:alice@hill.test", "https://hill.test/users/alice", type="text/html"),
        Answer(200, {}, b"{"),
        Answer(500),
        Answer(401),
    ],
)
async def test_b5_an_answer_that_names_nobody_is_refused(authority: Authority, names: Names, answer: Answer) -> None:
    async with Peer(authority, names, "hill.test") as hill:
        hill.always(WEBFINGER, answer)
        assert isinstance(await why_not(authority, names, f"@alice@{hill.host}"), Unreachable)


@pytest.mark.parametrize("status", [404, 410])
async def test_nobody_of_that_name_is_gone(authority: Authority, names: Names, status: int) -> None:
    async with Peer(authority, names, "hill.test") as hill:
        hill.always(WEBFINGER, Answer(status))
        assert isinstance(await why_not(authority, names, f"@alice@{hill.host}"), Gone)


@pytest.mark.parametrize("handle", ["", "alice", "@alice", "alice@", "@@hill.test", "a b@hill.test"])
async def test_what_is_no_handle_is_refused_and_nobody_is_asked(
    authority: Authority, names: Names, handle: Any
) -> None:
    assert isinstance(await why_not(authority, names, handle), Malformed)
