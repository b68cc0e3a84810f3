"""Clients for the tests of this floor: one made as the composition root makes it, and how it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fediverse.exchange.client import Client, Unanswered, user_agent
from fediverse.protocol.keys import KeyPair
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACTOR = "https://fund.example/actor"
KEY = KeyPair.generate(f"{ACTOR}#main-key", ACTOR)
SOON = timedelta(milliseconds=300)


def make_client(authority: Authority, names: Names, deadline: timedelta = timedelta(seconds=10)) -> Client:
    return Client(
        user_agent=user_agent("https://fund.example"),
        exempt=[LOOPBACK],
        resolve=names.addresses,
        ca_file=authority.ca_file,
        get_deadline=deadline,
        post_deadline=deadline,
    )


async def failure_of_get(client: Client, url: str) -> Unanswered:
    with pytest.raises(Unanswered) as caught:
        await client.get(url, key=KEY, now=NOW)
    return caught.value


async def failure_of_post(client: Client, url: str, body: bytes = b"{}") -> Unanswered:
    with pytest.raises(Unanswered) as caught:
        await client.post(url, body, key=KEY, now=NOW)
    return caught.value
