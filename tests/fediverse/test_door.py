"""The front door, request by request: bytes over a socket in, a status out, and nothing changed that should not be.

The requests of tests/vectors/requests.json are sent as they stand. Their actors are served on port 443 of loopback
addresses, where the ids in the vectors say they live.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests import vectors
from tests.fediverse.service import Service, read_answer, serving
from tests.fediverse.stores import ALICE, FUND, ORIGIN
from tests.peers.authority import Authority
from tests.peers.names import Names

VECTORS = vectors.load("requests")
BY_ID = {vector["id"]: vector for vector in VECTORS["vectors"]}
AS_JSON = ("Content-Type", "application/activity+json")


@contextlib.asynccontextmanager
async def actors_of_the_vectors(authority: Authority, names: Names) -> AsyncIterator[list[str]]:
    """Serve every actor of the vectors at its own address; yields the URLs that were fetched."""
    fetched: list[str] = []
    places = {url.removeprefix("https://"): document for url, document in VECTORS["actors"].items()}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        place = f"{request.host}{request.path}"
        fetched.append(f"https://{place}")
        if place not in places:
            return web.Response(status=410)
        return web.Response(body=json.dumps(places[place]).encode(), content_type="application/activity+json")

    served = web.Server(answer, access_log=None)
    listeners = []
    for name in ("peer.example", "evil.example", "gone.example", "bank.example"):
        try:
            listener = names.listen(name, 443)
        except PermissionError:
            pytest.skip("the vectors need port 443 of loopback addresses")
        context = authority.server_context(name)
        listeners.append(await asyncio.get_running_loop().create_server(served, sock=listener, ssl=context))
    try:
        yield fetched
    finally:
        for listening in listeners:
            listening.close()
        await served.shutdown(timeout=0)


@contextlib.asynccontextmanager
async def the_door(url: str, authority: Authority, names: Names) -> AsyncIterator[tuple[Service, list[str]]]:
    async with (
        actors_of_the_vectors(authority, names) as fetched,
        serving(url, names, origin=ORIGIN, fund=FUND, ca_file=authority.ca_file) as service,
    ):
        yield service, fetched


async def send(service: Service, vector: dict[str, Any], **changed: str) -> int:
    """Send the request of a vector; `changed` replaces headers by their lower-case names, `_` for `-`."""
    request = vector["request"]
    body = (request.get("body") or "").encode()
    headers = [
        (name, changed.get(name.lower().replace("-", "_"), value)) for name, value in [*map(tuple, request["headers"])]
    ]
    answer = await service.ask(request["method"], request["target"], headers, body)
    if answer.status >= 400:
        assert set(json.loads(answer.body)) == {"error"}
        assert len(answer.body) < 200
    return answer.status


async def test_every_request_of_the_vectors_gets_its_status(
    database_url: str, authority: Authority, names: Names
) -> None:
    async with the_door(database_url, authority, names) as (service, fetched):
        answered = {vector["id"]: await send(service, vector) for vector in VECTORS["vectors"]}
        assert answered == {vector["id"]: vector["expected"]["status"] for vector in VECTORS["vectors"]}
        # Everything that was to be accepted is one and the same Follow.
        assert await service.followers() == 1
        assert await service.follows(ALICE)
        assert [accept["object"]["id"] for accept in await service.owed("accept")] == [f"{ALICE}#follows/1"]
        # Asked for: the two keys that could have signed, each once; all this happens at one moment.
        assert fetched == [ALICE, "https://peer.example/users/weak"]


async def test_no_refused_request_leaves_a_trace(sqlite_url: str, authority: Authority, names: Names) -> None:
    async with the_door(sqlite_url, authority, names) as (service, _):
        for vector in VECTORS["vectors"]:
            if not vector["expected"]["accept"]:
                await send(service, vector)
        assert await service.followers() == 0
        assert await service.owed("accept") == []
        assert await service.rows_of_strangers() == 0


async def test_a1_an_unsigned_request_is_refused_before_its_body_is_read(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        answer = await service.ask("POST", "/inbox", [AS_JSON], b"this is no JSON")
        assert answer.status == 401
        assert json.loads(answer.body) == {"error": "Signature refused: unsigned"}


async def test_a2_a_changed_body_is_refused(sqlite_url: str, authority: Authority, names: Names) -> None:
    async with the_door(sqlite_url, authority, names) as (service, _):
        vector = json.loads(json.dumps(BY_ID["P01"]))
        vector["request"]["body"] = vector["request"]["body"].replace("follows/1", "follows/2")
        assert await send(service, vector) == 401
        assert await service.followers() == 0


async def test_a3_the_same_request_at_another_path_is_refused(
    sqlite_url: str, authority: Authority, names: Names
) -> None:
    async with the_door(sqlite_url, authority, names) as (service, _):
        for target in ("/actors/fund/inbox", "/inbox?x=1"):
            vector = json.loads(json.dumps(BY_ID["P01"]))
            vector["request"]["target"] = target
            # A query may be left out of a signature by some senders, so the second passes (mastodon-compat §1.2).
            assert await send(service, vector) == (202 if "?" in target else 401)


@pytest.mark.parametrize("parameters", [1, 10_000])
async def test_c8_a_signature_header_of_64_kb_is_refused_at_once(
    parameters: int, sqlite_url: str, names: Names
) -> None:
    value = ",".join(f'a{number}="{"x" * (65_000 // parameters - 8)}"' for number in range(parameters))
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        began = asyncio.get_running_loop().time()
        answer = await service.ask("POST", "/inbox", [AS_JSON, ("Signature", value[:66_000])], b"{}")
        assert answer.status in (401, 431)
        assert asyncio.get_running_loop().time() - began < 1


async def test_c6_only_the_two_activitystreams_types_are_taken(sqlite_url: str, names: Names) -> None:
    taken = [
        "application/activity+json",
        "APPLICATION/Activity+JSON; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        'application/ld+json;charset=utf-8;profile="https://example.org/a https://www.w3.org/ns/activitystreams"',
    ]
    refused = [
        "application/ld+json",
        'application/ld+json; profile="https://example.org/"',
        "application/json",
        "text/html",
        "application/activity+json, text/html",
        "",
    ]
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        for value, status in [*((value, 401) for value in taken), *((value, 415) for value in refused)]:
            assert (await service.ask("POST", "/inbox", [("Content-Type", value)], b"{}")).status == status, value
        assert (await service.ask("POST", "/inbox", [], b"{}")).status == 415
        encoded = [AS_JSON, ("Content-Encoding", "gzip")]
        assert (await service.ask("POST", "/inbox", encoded, b"{}")).status == 415


async def test_c7_requests_that_two_servers_could_read_differently_are_refused(sqlite_url: str, names: Names) -> None:
    host = f"Host: {ORIGIN.removeprefix('https://')}\r\n"
    both = "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"
    many = "".join(f"X-{number}: a\r\n" for number in range(2000))
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        for head, status in [
            (f"POST /inbox HTTP/1.1\r\n{host}{both}\r\n2\r\n{{}}\r\n0\r\n\r\n", 400),
            (f"POST /inbox HTTP/1.1\r\n{host}{host}\r\n", 400),
            ("POST /inbox HTTP/1.1\r\n\r\n", 400),
            (f"GET {ORIGIN}/actor HTTP/1.1\r\n{host}\r\n", 400),
            (f"GET https://evil.example/actor HTTP/1.1\r\n{host}\r\n", 400),
            (f"GET /actor HTTP/1.1\r\n{host}{many}\r\n", 431),
            (f"GET /actor HTTP/1.1\r\n{host}X-Long: {'a' * 20_000}\r\n\r\n", 431),
            (f"GET /actor HTTP/1.1\r\n{host}X-Long: {'a' * 8192}\r\n\r\n", 200),
        ]:
            assert (await service.raw(head.encode())).status == status, head[:80]


async def test_e1_a_body_over_the_cap_is_cut_off_whether_announced_or_not(sqlite_url: str, names: Names) -> None:
    host = b"Host: fund.example\r\nContent-Type: application/activity+json\r\n"
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        announced = await service.raw(b"POST /inbox HTTP/1.1\r\n" + host + b"Content-Length: 1048577\r\n\r\n")
        assert announced.status == 413
        for wrong in (b"-1", b"+5", b"0x10", b"5, 6"):
            answer = await service.raw(b"POST /inbox HTTP/1.1\r\n" + host + b"Content-Length: " + wrong + b"\r\n\r\n")
            assert answer.status == 400
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reader, writer = await asyncio.open_connection(*service.address)
        writer.write(b"POST /inbox HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 64 << 20 and not reader.at_eof():
                writer.write(b"10000\r\n" + b"a" * 65536 + b"\r\n")
                await writer.drain()
                sent += 65536
                await asyncio.sleep(0)
        assert sent < 48 << 20, "somebody read it all"
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            assert (await read_answer(reader)).status == 413
        writer.close()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10


async def test_a_body_that_does_not_come_is_not_waited_for(sqlite_url: str, names: Names) -> None:
    head = b"POST /inbox HTTP/1.1\r\nHost: fund.example\r\nContent-Length: 20\r\n\r\n"
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND, body_timeout=0.1) as service:
        assert (await service.raw(head + b"{")).status == 408


async def test_h12_only_the_configured_host_is_answered_whatever_a_proxy_header_says(
    sqlite_url: str, names: Names
) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        accept = ("Accept", "application/activity+json")
        for host in ("evil.example", "fund.example.evil.example", "fund.example:8080", "fund.example.", "127.0.0.1"):
            answer = await service.ask("GET", "/actor", [accept], host=host)
            assert answer.status == 421, host
            assert answer.header("cache-control") == "no-store"
            assert b"evil" not in answer.body
            assert (await service.ask("GET", "/health", host=host)).status == 200
        plain = await service.ask("GET", "/actor", [accept], host="FUND.example")
        forwarded = await service.ask("GET", "/actor", [accept, ("X-Forwarded-Host", "evil.example")])
        assert (plain.status, forwarded.status) == (200, 200)
        assert forwarded.body == plain.body
        for target in ("/inbox/", "/actors/fund/", "/@fund/"):
            answer = await service.ask("GET", target, [("X-Forwarded-Host", "evil.example")])
            assert (answer.status, answer.header("location")) == (404, None)


@pytest.mark.parametrize(
    "target",
    [
        "/%2e%2e/actor",
        "/actors/%2e%2e/",
        "/actors/..",
        "/actors/../actor",
        "/./actor",
        "/actor%00",
        "/actor%ff",
        "/%61ctor",
        "//actor",
        "/actors//fund",
        "/actors/fu\\nd",
        "/actors/<script>",
    ],
)
async def test_a_path_that_needs_decoding_is_not_found(target: str, sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        assert (await service.ask("GET", target)).status == 404


async def test_e7_no_forwarded_address_is_used_or_written_down(
    sqlite_url: str, names: Names, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = [("X-Forwarded-For", "203.0.113.77"), ("Forwarded", "for=203.0.113.78"), ("X-Real-IP", "203.0.113.79")]
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        for target in ("/actor", "/nope", "/broken", "/inbox", "/%00"):
            for method in ("GET", "POST"):
                answer = await service.ask(method, target, [*planted, ("User-Agent", "Planted/1.0")])
                assert b"203.0.113" not in answer.body
        written = caplog.text + "".join(capfd.readouterr())
    assert "203.0.113" not in written
    assert "Planted" not in written
    assert service.address[0] not in written


async def test_j5_an_error_says_nothing_about_our_insides(
    sqlite_url: str, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, fund=FUND) as service:
        for target, status in [("/broken", 500), ("/nope", 404), ("/inbox", 405), ("/actors/x/outbox?page=x", 404)]:
            answer = await service.ask("GET", target)
            assert answer.status == status
            assert set(json.loads(answer.body)) == {"error"}
            assert answer.header("server") is None
            assert answer.header("cache-control") == "no-store"  # what is refused now may be there soon
            assert answer.header("x-content-type-options") == "nosniff"
            for inside in (b"Traceback", b"secret of ours", b".py", b"/work", b"Quart", b"hypercorn", b"Python"):
                assert inside not in answer.body
    assert "secret of ours" not in caplog.text
    assert "RuntimeError in broken" in caplog.text
