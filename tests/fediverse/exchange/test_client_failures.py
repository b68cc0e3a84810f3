"""What the client makes of servers that fail it or mean it harm."""

from __future__ import annotations

import asyncio
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from fediverse.exchange.client import Client, Failure, Unanswered
from fediverse.protocol.errors import Unreachable
from tests.fediverse.exchange.clients import KEY, NOW, SOON, failure_of_get, failure_of_post, make_client
from tests.peers import hostile
from tests.peers.authority import Authority
from tests.peers.hostile import Behaviour, Hostile
from tests.peers.names import Names
from tests.peers.recording import Answer, Peer


@pytest.fixture
async def peer(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer1.test") as peer:
        yield peer


@pytest.fixture
async def client(authority: Authority, names: Names, peer: Peer) -> AsyncIterator[Client]:
    async with make_client(authority, names) as client:
        yield client


# Failures: which, and may the other side have received it


async def test_g8_a_name_without_addresses_is_a_dns_failure() -> None:
    def unknown(name: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def empty(name: str) -> Sequence[str]:
        return []

    for lookup in (unknown, empty):
        async with Client(user_agent="x", lookup=lookup) as client:
            failure = await failure_of_post(client, "https://peer1.test/inbox")
        assert (failure.kind, failure.sent, failure.transient) == (Failure.DNS, False, True)


async def test_g8_a_name_server_that_does_not_answer_is_a_dns_failure_within_the_deadline() -> None:
    reading, writing = os.pipe()

    def stalls(name: str) -> Sequence[str]:
        os.read(reading, 1)
        return []

    async with Client(user_agent="x", lookup=stalls, post_deadline=SOON) as client:
        failure = await failure_of_post(client, "https://peer1.test/inbox")
        os.write(writing, b"x")
    assert (failure.kind, failure.sent) == (Failure.DNS, False)
    os.close(reading)
    os.close(writing)


async def test_g1_a_refused_connection_was_not_sent(client: Client, peer: Peer) -> None:
    await peer.down()
    failure = await failure_of_post(client, peer.shared_inbox)
    assert (failure.kind, failure.sent, failure.transient) == (Failure.CONNECT, False, True)
    await peer.up()
    assert (await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)).status == 202


async def test_g1_a_connection_that_does_not_come_about_was_not_sent(authority: Authority, names: Names) -> None:
    # A listener whose queue is full lets nobody in and refuses nobody: the same silence as a dropped packet.
    listener = names.listen("peer1.test")
    listener.listen(0)
    address = listener.getsockname()
    waiting = [socket.socket() for _ in range(3)]
    try:
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        async with make_client(authority, names, SOON) as client:
            failure = await failure_of_post(client, f"https://peer1.test:{address[1]}/inbox")
    finally:
        for one in (*waiting, listener):
            one.close()
    assert (failure.kind, failure.sent) == (Failure.CONNECT, False)


@pytest.mark.parametrize("behaviour", [hostile.reset_before_body, hostile.reset_after_body])
async def test_g1_a_reset_after_the_connection_stood_may_have_been_sent(
    authority: Authority, names: Names, behaviour: Behaviour
) -> None:
    async with Hostile(authority, names, "bad.test", behaviour) as bad, make_client(authority, names) as client:
        failure = await failure_of_post(client, f"{bad.origin}/inbox", b"x" * 200_000)
    assert (failure.kind, failure.sent, failure.transient) == (Failure.RESET, True, True)
    assert len(bad.heads) == 1, "a post is not repeated behind our back"


async def test_g1_a_reset_of_a_kept_connection_may_have_been_sent(client: Client, peer: Peer) -> None:
    peer.will("/inbox", Answer(202), Answer(reset=True))
    await client.post(peer.shared_inbox, b"1", key=KEY, now=NOW)
    failure = await failure_of_post(client, peer.shared_inbox, b"2")
    assert (failure.kind, failure.sent) == (Failure.RESET, True)
    assert [(seen.request.body, seen.connection) for seen in peer.posts] == [(b"1", 0), (b"2", 0)]


async def test_g1_silence_until_the_deadline_may_have_been_sent(authority: Authority, names: Names) -> None:
    async with (
        Hostile(authority, names, "bad.test", hostile.silence) as bad,
        make_client(authority, names, SOON) as client,
    ):
        failure = await failure_of_post(client, f"{bad.origin}/inbox")
    assert (failure.kind, failure.sent, failure.transient) == (Failure.TIMEOUT, True, True)


async def test_an_answer_cut_after_its_status_is_an_answer_to_a_post(authority: Authority, names: Names) -> None:
    async with (
        Hostile(authority, names, "bad.test", hostile.cut_answer) as bad,
        make_client(authority, names) as client,
    ):
        answer = await client.post(f"{bad.origin}/inbox", b"{}", key=KEY, now=NOW)
        assert (answer.status, answer.body) == (202, b"")
        assert (await failure_of_get(client, f"{bad.origin}/x")).kind is Failure.RESET


async def test_an_answer_that_is_not_http_is_a_failure_of_the_protocol(authority: Authority, names: Names) -> None:
    async with Hostile(authority, names, "bad.test", hostile.no_http) as bad, make_client(authority, names) as client:
        failure = await failure_of_post(client, f"{bad.origin}/inbox")
    assert (failure.kind, failure.sent) == (Failure.PROTOCOL, True)


async def test_failures_are_unreachable_servers_to_everybody_else(client: Client, peer: Peer) -> None:
    await peer.down()
    with pytest.raises(Unreachable) as caught:
        await client.get(peer.origin, key=KEY, now=NOW)
    assert "peer1" not in caught.value.safe


# TLS


@pytest.mark.parametrize("fault", ["expired", "wrong host", "unknown authority"])
async def test_g7_a_certificate_that_proves_nothing_is_a_tls_failure(
    authority: Authority, names: Names, tmp_path: Path, fault: str
) -> None:
    tls = {
        "expired": lambda: authority.server_context("bad.test", expired=True),
        "wrong host": lambda: authority.server_context("other.test"),
        "unknown authority": lambda: Authority(tmp_path).server_context("bad.test"),
    }[fault]()
    async with (
        Hostile(authority, names, "bad.test", hostile.silence, tls=tls) as bad,
        make_client(authority, names) as client,
    ):
        failure = await failure_of_post(client, f"{bad.origin}/inbox")
    assert (failure.kind, failure.sent, failure.transient) == (Failure.TLS, False, True)
    assert bad.heads == []


async def test_g7_plain_http_behind_https_is_a_failure_and_nothing_is_said(authority: Authority, names: Names) -> None:
    async with (
        Hostile(authority, names, "bad.test", hostile.no_http, plain=True) as bad,
        make_client(authority, names, SOON) as client,
    ):
        failure = await failure_of_post(client, f"{bad.origin}/inbox")
    assert failure.kind in (Failure.TLS, Failure.CONNECT)
    assert (failure.sent, bad.heads) == (False, [])


async def test_g7_a_stalled_handshake_ends_at_the_deadline(authority: Authority, names: Names) -> None:
    with names.listen("bad.test") as listener:  # the kernel takes the connection, nobody shakes hands
        async with make_client(authority, names, SOON) as client:
            failure = await failure_of_post(client, f"https://bad.test:{listener.getsockname()[1]}/inbox")
    assert (failure.kind, failure.sent) == (Failure.CONNECT, False)


# Hostile answers


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (hostile.gzip_bomb, Failure.PROTOCOL),
        (hostile.endless_body, Failure.TOO_LARGE),
        (hostile.thousand_headers, Failure.PROTOCOL),
        (hostile.slow_drip, Failure.TIMEOUT),
        (hostile.redirect_onwards, Failure.REDIRECT),
    ],
)
async def test_e3_a_hostile_answer_is_cut(
    authority: Authority, names: Names, behaviour: Behaviour, kind: Failure
) -> None:
    deadline = SOON if kind is Failure.TIMEOUT else timedelta(seconds=10)
    async with (
        Hostile(authority, names, "bad.test", behaviour) as bad,
        make_client(authority, names, deadline) as client,
    ):
        tracemalloc.start()
        try:
            failure = await failure_of_get(client, f"{bad.origin}/")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (failure.kind, failure.sent) == (kind, True)
    assert peak < 12 << 20
    assert bad.sent < 32 << 20, "what the cap and the buffers of two kernels hold"


@pytest.mark.parametrize("behaviour", [hostile.endless_body, hostile.gzip_bomb, hostile.slow_drip])
async def test_e3_a_status_ends_a_post_whatever_comes_after_it(
    authority: Authority, names: Names, behaviour: Behaviour
) -> None:
    deadline = SOON if behaviour is hostile.slow_drip else timedelta(seconds=10)
    async with (
        Hostile(authority, names, "bad.test", behaviour) as bad,
        make_client(authority, names, deadline) as client,
    ):
        answer = await client.post(f"{bad.origin}/inbox", b"{}", key=KEY, now=NOW)
    assert (answer.status, answer.body) == (200, b"")


async def test_an_answer_of_just_the_limit_is_read_and_one_byte_more_is_not(client: Client, peer: Peer) -> None:
    peer.will("/a", Answer(200, body=b"x" * 1000), Answer(200, body=b"x" * 1001))
    fetched = await client.get(f"{peer.origin}/a", key=KEY, now=NOW, max_bytes=1000)
    assert len(fetched.response.body) == 1000
    with pytest.raises(Unanswered) as caught:
        await client.get(f"{peer.origin}/a", key=KEY, now=NOW, max_bytes=1000)
    assert caught.value.kind is Failure.TOO_LARGE


async def test_one_deadline_covers_all_hops_of_a_get(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "peer1.test") as peer, make_client(authority, names, SOON) as client:
        for hop in range(3):
            gate = asyncio.Event()
            asyncio.get_running_loop().call_later(0.2, gate.set)
            peer.will(f"/{hop}", Answer(302, {"Location": f"/{hop + 1}"}, hold=gate if hop == 0 else asyncio.Event()))
        started = asyncio.get_running_loop().time()
        failure = await failure_of_get(client, f"{peer.origin}/0")
        assert failure.kind is Failure.TIMEOUT
        assert peer.fetches == ["/0", "/1"]
        assert asyncio.get_running_loop().time() - started < 2


async def test_many_posts_at_once_to_many_hosts_leave_as_many_answers(
    authority: Authority, names: Names, client: Client, peer: Peer
) -> None:
    answers = await asyncio.gather(
        *(client.post(peer.shared_inbox, b"%d" % number, key=KEY, now=NOW) for number in range(40))
    )
    assert {answer.status for answer in answers} == {202}
    assert {seen.request.body for seen in peer.posts} == {b"%d" % number for number in range(40)}
    assert peer.connections <= 8
