"""Which addresses a name may lead to."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import pytest

from fediverse.exchange.client import Client, Failure, Unanswered
from fediverse.exchange.guard import AddressRefused, Guard, Resolver, system_lookup
from tests.fediverse.exchange.clients import KEY, NOW, failure_of_post
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names
from tests.peers.recording import Peer

ADDRESSES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "addresses.json").read_text("utf-8")
)


def info(address: str, port: int = 443) -> Any:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


@pytest.mark.parametrize("row", ADDRESSES, ids=lambda row: row["address"])
def test_d1_no_socket_is_made_for_an_address_that_is_not_public(row: dict[str, Any]) -> None:
    if row["allowed"]:
        Guard().make_socket(info(row["address"])).close()
    else:
        with pytest.raises(AddressRefused):
            Guard().make_socket(info(row["address"]))


def test_exempt_networks_are_let_in_and_nothing_beside_them() -> None:
    guard = Guard([LOOPBACK, IPv6Network("fd00::/8")])
    assert guard.admits("127.3.2.1")
    assert guard.admits("::ffff:127.3.2.1")
    assert guard.admits("fd12::1")
    assert not guard.admits("10.0.0.1")
    assert not guard.admits("::1")


def test_d7_ports_other_than_443_lead_to_exempt_networks_only() -> None:
    guard = Guard([LOOPBACK])
    for port in (22, 25, 80, 6379, 8443):
        assert not guard.admits("9.9.9.9", port)
        assert not guard.admits("2620:fe::fe", port)
        assert guard.admits("127.0.0.1", port)
        assert guard.admits("::ffff:127.0.0.1", port)
    assert guard.admits("9.9.9.9", 443)


async def resolved(answers: Sequence[str], guard: Guard | None = None) -> list[str]:
    resolver = Resolver(guard or Guard(), {}, lambda name: answers)
    try:
        return [found["host"] for found in await resolver.resolve("peer.example", 443)]
    finally:
        await resolver.close()


async def test_d3_of_mixed_answers_only_the_allowed_ones_are_tried() -> None:
    mixed = ["10.0.0.1", "9.9.9.9", "127.0.0.1", "2620:fe::fe", "::1", "::ffff:10.0.0.1"]
    assert await resolved(mixed) == ["9.9.9.9", "2620:fe::fe"]


async def test_d3_of_two_hundred_answers_four_are_tried() -> None:
    many = ["10.0.0.1"] * 50 + [f"9.9.9.{number}" for number in range(150)]
    assert await resolved(many) == ["9.9.9.0", "9.9.9.1", "9.9.9.2", "9.9.9.3"]


async def test_d3_a_name_that_leads_only_to_private_addresses_is_refused_not_unknown() -> None:
    with pytest.raises(AddressRefused):
        await resolved(["10.0.0.1", "fe80::1%eth0"])
    with pytest.raises(OSError, match="no address"):
        await resolved([])


async def test_d3_addresses_are_tried_until_one_answers_each_once(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "peer1.test") as peer:
        dead = [names.claim(f"dead{number}.test") for number in range(3)]
        tried: list[str] = []

        class Watching(Guard):
            def make_socket(self, info: Any) -> socket.socket:
                tried.append(info[4][0])
                return super().make_socket(info)

        def lookup(name: str) -> Sequence[str]:
            return [*dead, names.addresses["peer1.test"]] if name == "peer1.test" else dead

        client = Client(user_agent="x", exempt=[LOOPBACK], ca_file=authority.ca_file, lookup=lookup)
        client._guard = Watching([LOOPBACK])
        async with client:
            assert (await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)).status == 202
            assert tried == [*dead, names.addresses["peer1.test"]]
            tried.clear()
            failure = await failure_of_post(client, "https://peer2.test:4443/inbox")
    assert (failure.kind, failure.sent) == (Failure.CONNECT, False)
    assert sorted(tried) == sorted(dead)


async def test_a_pinned_name_is_never_looked_up() -> None:
    def lookup(name: str) -> Sequence[str]:
        raise AssertionError("looked up")

    resolver = Resolver(Guard([LOOPBACK]), {"peer1.test": "127.0.0.9"}, lookup)
    (found,) = await resolver.resolve("peer1.test", 8443)
    assert (found["host"], found["port"], found["family"]) == ("127.0.0.9", 8443, socket.AF_INET)
    await resolver.close()


async def test_a_pinned_name_passes_the_guard_like_others() -> None:
    async with Client(user_agent="x", resolve={"peer1.test": "127.0.0.9"}) as client:
        with pytest.raises(Unanswered) as caught:
            await client.get("https://peer1.test/", key=KEY, now=NOW)
    assert caught.value.kind is Failure.REFUSED_ADDRESS


async def test_a_name_server_that_stalls_does_not_hold_up_other_names() -> None:
    release = threading.Event()

    def lookup(name: str) -> Sequence[str]:
        if name.startswith("slow"):
            release.wait(10)
        return ["9.9.9.9"]

    resolver = Resolver(Guard(), {}, lookup)
    stalled = [asyncio.create_task(resolver.resolve(f"slow{number}.example", 443)) for number in range(20)]
    await asyncio.sleep(0)  # lets the twenty ask before us
    async with asyncio.timeout(5):
        assert await resolver.resolve("quick.example", 443)
    assert not any(task.done() for task in stalled)
    release.set()
    await asyncio.gather(*stalled)
    await resolver.close()


def test_the_system_resolver_answers_each_address_once() -> None:
    assert system_lookup("127.0.0.1") == ("127.0.0.1",)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "..", "\udc80.example"])
def test_a_name_the_system_cannot_read_has_no_address(name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        system_lookup(name)
