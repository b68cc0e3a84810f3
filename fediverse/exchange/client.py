"""The client: every request that leaves this server, signed, guarded, capped and timed.

Nothing of the environment is used (no proxy, no netrc, no cookies) and nothing about us is told but a contact address
(must-survive D9, J8). Requests are https only, to addresses the guard admits. One deadline covers an exchange from the
lookup of the name to the last byte of the answer, redirects included.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from fediverse.exchange.guard import AddressRefused, Guard, Lookup, Resolver, system_lookup
from fediverse.protocol import origins, signatures
from fediverse.protocol.addresses import Network
from fediverse.protocol.errors import FederationError, Malformed, Unreachable
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.messages import Headers, Request, Response

ACCEPT_ACTIVITY = 'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
ACTIVITY_JSON = "application/activity+json"

GET_DEADLINE = timedelta(seconds=15)
POST_DEADLINE = timedelta(seconds=20)
MAX_ANSWER = 1 << 20  # bytes; Mastodon's cap for documents (mastodon-compat §8)
MAX_POST_ANSWER = 1 << 16  # bytes; nobody reads what an inbox says beyond its status
MAX_HEADER_LINES = 128  # what a proxy or two may add to an honest answer stays well below
MAX_HEADER_LINE = 8190  # bytes
MAX_HOPS = 3  # redirects of one GET (mastodon-compat §1.5)
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Long enough for a line of deliveries paced at one a second, shorter than the 5 s after which many servers hang up.
KEEPALIVE = timedelta(seconds=4)
MAX_IDLE = 256  # connections kept for a next request; an idle TLS connection costs up to 335 kB (performance §4)
MAX_CONNECTIONS = 256
MAX_CONNECTIONS_PER_HOST = 8


class Failure(StrEnum):
    """Why there is no answer."""

    REFUSED_URL = "refused-url"  # not a URL we ask
    DNS = "dns"  # the name has no address, or its name servers do not answer
    REFUSED_ADDRESS = "refused-address"  # the name leads only where we do not connect to
    CONNECT = "connect"  # no connection: refused, unreachable, or not within the deadline
    TLS = "tls"  # the other server could not prove its name, or speaks no TLS we speak
    TIMEOUT = "timeout"  # connected, and no whole answer within the deadline
    RESET = "reset"  # connected, and cut before the whole answer
    TOO_LARGE = "too-large"  # a longer document than we read
    REDIRECT = "redirect"  # too many, in a circle, or to where we do not go
    PROTOCOL = "protocol"  # not HTTP, more header lines than we read, or an encoded answer nobody asked for


# A document behind one of these does not get better by asking again soon.
LASTING = frozenset(
    {Failure.REFUSED_URL, Failure.REFUSED_ADDRESS, Failure.TOO_LARGE, Failure.REDIRECT, Failure.PROTOCOL}
)


class Unanswered(Unreachable):
    """The exchange ended without an answer.

    `kind` says why. `sent` tells whether the other server may have received the request: False only if no connection
    to it ever stood. `transient` follows from `kind` (see LASTING).
    """

    def __init__(self, kind: Failure, *, sent: bool) -> None:
        super().__init__(f"The other server gave no answer: {kind.value}", transient=kind not in LASTING)
        self.kind = kind
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a GET and the canonical URL that gave it, after redirects."""

    url: str
    response: Response


@dataclass(slots=True)
class _Progress:
    """How far one exchange came."""

    resolving: bool = False
    connected: bool = False

    def timed_out(self) -> Failure:
        if self.connected:
            return Failure.TIMEOUT
        return Failure.DNS if self.resolving else Failure.CONNECT


def user_agent(origin: str) -> str:
    """What we call ourselves: a contact page, and no version to aim at (must-survive J8)."""
    return f"Clarion (+{origin}/about)"


class Client:
    """One session for all requests of a process; an async context manager, built without IO.

    `exempt` networks are let past the address guard, and URLs with ports lead only there. `resolve` gives names their
    address without asking DNS. `ca_file` (PEM) is believed besides the system's authorities. `lookup` asks DNS.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        exempt: Sequence[Network] = (),
        resolve: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        lookup: Lookup = system_lookup,
        get_deadline: timedelta = GET_DEADLINE,
        post_deadline: timedelta = POST_DEADLINE,
    ) -> None:
        self._user_agent = user_agent
        self._guard = Guard(exempt)
        self._resolve = dict(resolve or {})
        self._ca_file = ca_file
        self._lookup = lookup
        self._get_deadline = get_deadline.total_seconds()
        self._post_deadline = post_deadline.total_seconds()
        self._open: aiohttp.ClientSession | None = None
        self._kept: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        tls = await asyncio.to_thread(_tls_context, self._ca_file)
        connector = aiohttp.TCPConnector(
            resolver=Resolver(self._guard, self._resolve, self._lookup),
            socket_factory=self._guard.make_socket,
            ssl=tls,
            ttl_dns_cache=60,
            # aiohttp starts over without the first address of each family when all were refused; with this it stops.
            interleave=4,
            limit=MAX_CONNECTIONS,
            limit_per_host=MAX_CONNECTIONS_PER_HOST,
            keepalive_timeout=KEEPALIVE.total_seconds(),
        )
        self._open = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            max_line_size=MAX_HEADER_LINE,
            max_field_size=MAX_HEADER_LINE,
            max_headers=MAX_HEADER_LINES,
            trace_configs=[_tracing()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._open = self._open, None
        if session is not None:
            await session.close()

    async def get(
        self,
        url: str,
        *,
        key: KeyPair,
        now: datetime,
        accept: str = ACCEPT_ACTIVITY,
        max_bytes: int = MAX_ANSWER,
    ) -> Fetched:
        """Fetch a document, signed with `key`, over at most MAX_HOPS redirects, each signed anew.

        Redirects may lead to other origins: whoever believes the document looks at the final URL first. Answers of any
        other status come back as they are. Raises Unanswered.
        """
        progress = _Progress()
        async with self._within(self._get_deadline, progress):
            target = self._check(url, Failure.REFUSED_URL, progress)
            seen = {target}
            while True:
                request = _request("GET", target, self._headers(("accept", accept)))
                request = signatures.sign(request, key, now)
                async with self._exchange(target, request, progress) as answer:
                    location = answer.headers.get("Location")
                    if answer.status not in REDIRECTS or location is None:
                        body = await _read(answer, max_bytes)
                        return Fetched(target, _response(answer, body))
                if len(seen) > MAX_HOPS:
                    raise Unanswered(Failure.REDIRECT, sent=True)
                target = self._check(_join(target, location), Failure.REDIRECT, progress)
                if target in seen:
                    raise Unanswered(Failure.REDIRECT, sent=True)
                seen.add(target)

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        key: KeyPair,
        now: datetime,
        content_type: str = ACTIVITY_JSON,
        deadline: timedelta | None = None,
        last: bool = False,
    ) -> Response:
        """Deliver `body`, signed with `key`; redirects are answers like others and never followed.

        Once a status has come it is the answer, whatever becomes of the rest: the body is kept up to MAX_POST_ANSWER
        and left empty where it is longer, encoded, slow or cut. Posts to one host one after the other share a
        connection; `last` says that none will follow, so that it is not kept. Raises Unanswered.
        """
        progress = _Progress()
        seconds = self._post_deadline if deadline is None else deadline.total_seconds()
        received: list[Response] = []
        try:
            async with self._within(seconds, progress):
                target = self._check(url, Failure.REFUSED_URL, progress)
                request = _request("POST", target, self._headers(("content-type", content_type)), body)
                request = signatures.sign(request, key, now)
                async with self._exchange(target, request, progress, last=last) as answer:
                    received.append(_response(answer, b""))
                    received.append(_response(answer, await _read(answer, MAX_POST_ANSWER)))
        except Unanswered:
            if not received:
                raise
        return received[-1]

    def _check(self, url: str, failure: Failure, progress: _Progress) -> str:
        try:
            return origins.check_url(url, ports=self._guard.any_port)
        except Malformed:
            raise Unanswered(failure, sent=progress.connected) from None

    def _headers(self, *own: tuple[str, str]) -> Headers:
        return (*own, ("accept-encoding", "identity"), ("user-agent", self._user_agent))

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float, progress: _Progress) -> AsyncIterator[None]:
        """The deadline of one exchange, and the one place where aiohttp's failures become ours."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except FederationError:
            raise
        except TimeoutError:
            raise Unanswered(progress.timed_out(), sent=progress.connected) from None
        except (aiohttp.ClientError, OSError) as problem:
            raise Unanswered(_kind(problem), sent=progress.connected) from None

    @contextlib.asynccontextmanager
    async def _exchange(
        self, target: str, request: Request, progress: _Progress, *, last: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._open is None:
            raise RuntimeError("the client is used outside its context")
        headers = [(name.title(), value) for name, value in request.headers]
        if last or not self._may_stay_connected(origins.host_of(target)):
            headers.append(("Connection", "close"))
        async with self._open.request(
            request.method,
            URL(target, encoded=True),
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as answer:
            yield answer

    def _may_stay_connected(self, host: str) -> bool:
        """Whether the connection to `host` may wait for a next request: those of MAX_IDLE hosts may at a time."""
        now = asyncio.get_running_loop().time()
        for other, at in list(self._kept.items()):  # the longest waiting come first
            if at > now - KEEPALIVE.total_seconds():
                break
            del self._kept[other]
        if host not in self._kept and len(self._kept) >= MAX_IDLE:
            return False
        self._kept.pop(host, None)
        self._kept[host] = now
        return True


def _request(method: str, url: str, headers: Headers, body: bytes = b"") -> Request:
    """The request as it will stand on the wire: the target is taken from what aiohttp will write."""
    host = ("host", origins.host_of(url))
    return Request(method, URL(url, encoded=True).raw_path_qs, (host, *headers), body)


def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return ""  # refused by the check that follows


def _response(answer: aiohttp.ClientResponse, body: bytes) -> Response:
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in answer.raw_headers)
    return Response(answer.status, headers, body)


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body, counted while it is read: `Content-Length` is only a claim."""
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unanswered(Failure.PROTOCOL, sent=True)
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise Unanswered(Failure.TOO_LARGE, sent=True)
    return bytes(body)


def _kind(problem: aiohttp.ClientError | OSError) -> Failure:
    """aiohttp's failures in our words, the special before the general."""
    if isinstance(problem, aiohttp.ClientConnectorError) and isinstance(problem.os_error, AddressRefused):
        return Failure.REFUSED_ADDRESS
    for kinds, failure in _KINDS:
        if isinstance(problem, kinds):
            return failure
    return Failure.PROTOCOL


_KINDS: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    ((aiohttp.ClientConnectorDNSError,), Failure.DNS),
    ((aiohttp.ClientSSLError,), Failure.TLS),
    ((aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError), Failure.CONNECT),
    ((aiohttp.InvalidURL,), Failure.REFUSED_URL),
    ((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError), Failure.RESET),
)


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _tracing() -> aiohttp.TraceConfig:
    """Writes into the `_Progress` of an exchange how far it came."""

    async def resolving(_: object, trip: SimpleNamespace, __: object) -> None:
        trip.trace_request_ctx.resolving = True

    async def resolved(_: object, trip: SimpleNamespace, __: object) -> None:
        trip.trace_request_ctx.resolving = False

    async def connected(_: object, trip: SimpleNamespace, __: object) -> None:
        trip.trace_request_ctx.connected = True

    config = aiohttp.TraceConfig()
    config.on_dns_resolvehost_start.append(resolving)
    config.on_dns_resolvehost_end.append(resolved)
    config.on_connection_create_end.append(connected)
    config.on_connection_reuseconn.append(connected)
    return config
