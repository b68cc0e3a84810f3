"""What the client sends and where it goes, against real TLS servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from fediverse.exchange.client import Client, Failure
from tests.fediverse.exchange.clients import KEY, NOW, failure_of_get, failure_of_post, make_client
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names
from tests.peers.recording import Answer, Peer, redirect


@pytest.fixture
async def peer(authority: Authority, names: Names) -> AsyncIterator[Peer]:
    async with Peer(authority, names, "peer1.test") as peer:
        yield peer


@pytest.fixture
async def client(authority: Authority, names: Names, peer: Peer) -> AsyncIterator[Client]:
    async with make_client(authority, names) as client:
        yield client


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
