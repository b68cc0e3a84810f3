"""The client against real TLS servers on loopback, friendly and hostile."""

from __future__ import annotations

import asyncio
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fediverse.exchange.client import Client, Failure, Unanswered, user_agent
from fediverse.protocol.errors import Unreachable
from fediverse.protocol.keys import KeyPair
from tests.peers import hostile
from tests.peers.authority import Authority
from tests.peers.hostile import Behaviour, Hostile
from tests.peers.names import LOOPBACK, Names
from tests.peers.recording import Answer, Peer, redirect

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


@pytest.fixture
async def peer(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer1.test") as peer:
        yield peer


@pytest.fixture
async def client(authority: Authority, names: Names, peer: Peer) -> AsyncIterator[Client]:
    async with make_client(authority, names) as client:
        yield client


async def failure_of_get(client: Client, url: str) -> Unanswered:
    with pytest.raises(Unanswered) as caught:
        await client.get(url, key=KEY, now=NOW)
    return caught.value


async def failure_of_post(client: Client, url: str, body: bytes = b"{}") -> Unanswered:
    with pytest.raises(Unanswered) as caught:
        await client.post(url, body, key=KEY, now=NOW)
    return caught.value


# What stands on the wire


async def test_a_get_is_signed_over_exactly_the_target_that_is_sent(client: Client, peer: Peer) -> None:
    target = "/users/a%2Fb/caf%C3%A9?page=1&next=%2e%2E&x"
    await client.get(f"{peer.origin}{target}", key=KEY, now=NOW)
    (seen,) = peer.received
    assert seen.request.target == target
    seen.verify(KEY.public_pem(), NOW)


@pytest.mark.parametrize("given", ["?", "?x=1", "/%zz", "//two", "/a/../b", "/a?b?c", "/+%20'()*,;", "/käse"])
async def test_whatever_a_url_looks_like_the_signature_fits_what_is_sent(
    client: Client, peer: Peer, given: str
) -> None:
    await client.post(f"{peer.origin}{given}", b"{}", key=KEY, now=NOW)
    peer.received[-1].verify(KEY.public_pem(), NOW)


async def test_a_post_is_accepted_by_the_strictest_verifier(client: Client, peer: Peer) -> None:
    answer = await client.post(peer.shared_inbox, b'{"type":"Create"}', key=KEY, now=NOW)
    assert answer.status == 202
    (seen,) = peer.posts
    assert seen.request.body == b'{"type":"Create"}'
    assert seen.request.header("content-type") == "application/activity+json"
    seen.verify(KEY.public_pem(), NOW)


async def test_j8_requests_carry_a_contact_address_and_nothing_else_about_us(client: Client, peer: Peer) -> None:
    peer.always("/inbox", Answer(202, {"Set-Cookie": "who=you"}))
    for _ in range(2):
        await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)
    await client.get(f"{peer.origin}/x", key=KEY, now=NOW)
    common = {"host", "user-agent", "accept-encoding", "date", "signature"}
    for seen in peer.received:
        assert seen.request.header("user-agent") == "Clarion (+https://fund.example/about)"
        assert seen.request.header("accept-encoding") == "identity"
        own = {"accept"} if seen.request.method == "GET" else {"content-type", "content-length", "digest"}
        assert {name for name, _ in seen.request.headers} == common | own


async def test_d9_proxy_variables_of_the_environment_are_ignored(
    client: Client, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)).status == 202


async def test_posts_one_after_the_other_share_one_connection(client: Client, peer: Peer) -> None:
    for status in (202, 500, 401, 202):
        peer.will("/inbox", Answer(status, body=b'{"error":"x"}'))
        assert (await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)).status == status
    assert {seen.connection for seen in peer.posts} == {0}


async def test_a_post_said_to_be_the_last_leaves_no_connection_behind(client: Client, peer: Peer) -> None:
    for _ in range(2):
        await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW, last=True)
    assert [seen.connection for seen in peer.posts] == [0, 1]


# Redirects


async def test_a_redirected_get_is_signed_anew_for_each_hop(peer: Peer, authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "peer2.test") as other, make_client(authority, names) as client:
        peer.will("/a", redirect("/b?c=1", 307))
        peer.will("/b", redirect(f"{other.origin}/d"))
        other.will("/d", Answer(200, body=b"{}"))
        fetched = await client.get(f"{peer.origin}/a", key=KEY, now=NOW)
        assert fetched.url == f"{other.origin}/d"
        assert fetched.response.status == 200
        for seen in (*peer.received, *other.received):
            seen.verify(KEY.public_pem(), NOW)


async def test_d4_three_hops_are_followed_and_no_more(client: Client, peer: Peer) -> None:
    for hop in range(20):
        peer.always(f"/{hop}", redirect(f"/{hop + 1}"))
    failure = await failure_of_get(client, f"{peer.origin}/0")
    assert (failure.kind, failure.transient) == (Failure.REDIRECT, False)
    assert peer.fetches == ["/0", "/1", "/2", "/3"]
    assert (await client.get(f"{peer.origin}/17", key=KEY, now=NOW)).url == f"{peer.origin}/20"


async def test_d4_a_redirect_in_a_circle_is_refused_at_once(client: Client, peer: Peer) -> None:
    peer.always("/a", redirect("/a#here"))
    assert (await failure_of_get(client, f"{peer.origin}/a")).kind is Failure.REDIRECT
    assert peer.fetches == ["/a"]


@pytest.mark.parametrize(
    "location",
    [
        "http://peer1.test/",
        "file:///etc/passwd",
        "data:,x",
        "gopher://peer1.test/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://user:pw@peer1.test/",
        "https://[/",
        "//2130706433/",
        "https://metadata.google.internal/",
        "https://abc.onion/",
    ],
)
async def test_d4_a_redirect_to_where_we_do_not_go_is_refused(client: Client, peer: Peer, location: str) -> None:
    peer.always("/a", redirect(location))
    assert (await failure_of_get(client, f"{peer.origin}/a")).kind is Failure.REDIRECT


async def test_d4_a_redirect_to_a_name_with_a_private_address_is_refused(authority: Authority, names: Names) -> None:
    async with Peer(authority, names, "peer1.test") as peer:
        resolve = {**names.addresses, "inner.test": "10.0.0.1"}
        async with Client(user_agent="x", exempt=[LOOPBACK], resolve=resolve, ca_file=authority.ca_file) as client:
            peer.always("/a", redirect("https://inner.test/"))
            failure = await failure_of_get(client, f"{peer.origin}/a")
    assert failure.kind is Failure.REFUSED_ADDRESS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_g9_a_redirected_post_is_an_answer_and_not_followed(client: Client, peer: Peer, status: int) -> None:
    peer.always("/inbox", redirect("/elsewhere", status))
    answer = await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW)
    assert (answer.status, answer.header("location")) == (status, "/elsewhere")
    assert [seen.path for seen in peer.received] == ["/inbox"]


# URLs and addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://peer1.test/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://user@peer1.test/",
        "https://printer.local/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_url_we_do_not_ask_is_refused_before_anything_is_looked_up(url: str) -> None:
    asked: list[str] = []

    def lookup(name: str) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"]

    async with Client(user_agent="x", exempt=[LOOPBACK], lookup=lookup) as client:
        failure = await failure_of_get(client, url)
    assert (failure.kind, failure.sent, failure.transient, asked) == (Failure.REFUSED_URL, False, False, [])


async def test_d7_a_port_of_its_own_is_refused_unless_a_network_is_exempt() -> None:
    async with Client(user_agent="x", lookup=lambda name: ["192.0.2.1"]) as client:
        for port in (22, 25, 6379, 8443):
            assert (await failure_of_post(client, f"https://peer1.test:{port}/")).kind is Failure.REFUSED_URL


async def test_d7_a_port_of_its_own_leads_to_exempt_addresses_only() -> None:
    async with Client(user_agent="x", exempt=[LOOPBACK], lookup=lambda name: ["9.9.9.9"]) as client:
        assert (await failure_of_post(client, "https://peer1.test:6379/")).kind is Failure.REFUSED_ADDRESS


async def test_d2_a_name_that_changes_its_address_is_refused_at_its_second_address(
    authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "peer1.test") as peer:
        answers = iter([[names.addresses["peer1.test"]], ["10.0.0.1"]])

        def lookup(name: str) -> Sequence[str]:
            return next(answers)

        urls = {"user_agent": "x", "exempt": [LOOPBACK], "ca_file": authority.ca_file, "lookup": lookup}
        async with Client(**urls) as client:  # type: ignore[arg-type]
            assert (await client.post(peer.shared_inbox, b"{}", key=KEY, now=NOW, last=True)).status == 202
        async with Client(**urls) as client:  # type: ignore[arg-type]
            failure = await failure_of_post(client, peer.shared_inbox)
    assert (failure.kind, failure.sent) == (Failure.REFUSED_ADDRESS, False)


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


async def test_e3_a_status_ends_a_post_whatever_comes_after_it(authority: Authority, names: Names) -> None:
    for behaviour in (hostile.endless_body, hostile.gzip_bomb, hostile.slow_drip):
        name = f"{behaviour.__name__.replace('_', '-')}.test"
        async with (
            Hostile(authority, names, name, behaviour) as bad,
            make_client(authority, names, SOON * 3) as client,
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
