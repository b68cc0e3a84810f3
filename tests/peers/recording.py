"""A fediverse server for tests that remembers everything it was told, and misbehaves when asked to.

    async with Peer(authority, names, "peer1.test", software="mastodon") as peer:
        alice = peer.actor("alice")
        answer = await alice.post(inbox, alice.activity("Follow", object=their_actor))     # signed by its own code
        accept = await peer.wait_for(lambda it: it.document["type"] == "Accept")           # what came in
        accept.verify(public_pem)

        peer.will("/inbox", Answer(503, {"Retry-After": "30"}))      # the next request there, then as usual
        peer.always("/users/alice", Answer(410))                     # until told otherwise: peer.as_usual(path)
        peer.will("/inbox", Answer(reset=True))                      # cut once the request was read
        gate = asyncio.Event(); peer.will("/inbox", Answer(hold=gate))   # slow until gate.set()
        peer.will("/users/alice", redirect("https://elsewhere.test/"))
        await peer.down(); await peer.up()                           # the listener closed, and back at the same port

It listens with TLS at a loopback address of its own (`names.addresses`) and a free port, which its URLs carry. It
serves actors, WebFinger and NodeInfo, takes every POST to an inbox with 202, and lists all requests in `received`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from fediverse.protocol.messages import Request, Response
from tests.peers import signing
from tests.peers.authority import Authority
from tests.peers.names import Names

ACTIVITY_JSON = "application/activity+json"
CONTEXT = "https://www.w3.org/ns/activitystreams"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What to answer instead of the usual. `hold` is waited for first; `reset` cuts the connection instead."""

    status: int = 202
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: asyncio.Event | None = None
    reset: bool = False


def redirect(url: str, status: int = 302) -> Answer:
    """An answer that points elsewhere."""
    return Answer(status, {"Location": url})


def document(value: object, content_type: str = ACTIVITY_JSON, status: int = 200) -> Answer:
    """An answer that carries JSON."""
    return Answer(status, {"Content-Type": content_type}, json.dumps(value).encode())


@dataclass(frozen=True)
class Received:
    """One request as it came in; `connection` numbers the connections to this server from 0."""

    request: Request
    connection: int

    @property
    def path(self) -> str:
        return self.request.target.partition("?")[0]

    @property
    def document(self) -> dict[str, Any]:
        """The body, read as a JSON object; an empty one for a body that is none."""
        try:
            value = json.loads(self.request.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def verify(self, public_pem: str, now: datetime | None = None) -> None:
        """AssertionError unless the request is signed with that key, as the strictest receivers want it."""
        signing.verify(self.request, public_pem, now)


class Peer:
    """One recording server; see the top of this file. `shared_inbox=False`: its actors have personal inboxes only."""

    def __init__(
        self,
        authority: Authority,
        names: Names,
        name: str,
        *,
        software: str = "mastodon",
        shared_inbox: bool = True,
    ) -> None:
        self.name = name
        self.software = software
        self.has_shared_inbox = shared_inbox
        self.received: list[Received] = []
        self.actors: dict[str, Actor] = {}
        self._authority = authority
        self._names = names
        self._port = names.free_port(name)
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._always: dict[str, Answer] = {}
        self._connections: list[object] = []
        self._held: set[asyncio.Task[Any]] = set()
        self._arrived = asyncio.Condition()
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def host(self) -> str:
        """`name:port`, as it stands in URLs."""
        return f"{self.name}:{self._port}"

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    @property
    def shared_inbox(self) -> str:
        return f"{self.origin}/inbox"

    def actor(self, name: str, *, key_document: bool = False) -> Actor:
        """The actor of that name, made when first asked for. `key_document`: its key is a document of its own, which
        names its owner in a stub, as GoToSocial has it."""
        if name not in self.actors:
            self.actors[name] = Actor(self, name, key_document)
        return self.actors[name]

    # What it does

    async def __aenter__(self) -> Self:
        await self.up()
        connector = aiohttp.TCPConnector(
            resolver=_Directory(self._names.addresses), ssl=self._authority.client_context()
        )
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await self.down()

    async def up(self) -> None:
        """Listen, always at the same port."""
        if self._listener is not None:
            return
        self._web = web.Server(self._answer, access_log=None)
        self._listener = await asyncio.get_running_loop().create_server(
            self._web,
            sock=self._names.listen(self.name, self._port),
            ssl=self._authority.server_context(self.name),
        )

    async def down(self) -> None:
        """Hang up on everybody and refuse connections."""
        listener, self._listener = self._listener, None
        if listener is None or self._web is None:
            return
        listener.close()
        for held in self._held:
            held.cancel()
        for connection in self._web.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._web.shutdown(timeout=0)

    def will(self, path: str, *answers: Answer) -> None:
        """Give these answers to the next requests for `path`, in order."""
        self._next[path].extend(answers)

    def always(self, path: str, answer: Answer) -> None:
        """Give this answer to every request for `path`."""
        self._always[path] = answer

    def as_usual(self, path: str) -> None:
        """Forget what `will` and `always` said about `path`."""
        self._next.pop(path, None)
        self._always.pop(path, None)

    # What it saw

    @property
    def posts(self) -> list[Received]:
        """Everything that was posted to its inboxes, in order."""
        return [it for it in self.received if it.request.method == "POST"]

    @property
    def fetches(self) -> list[str]:
        """The targets of all GETs, in order."""
        return [it.request.target for it in self.received if it.request.method == "GET"]

    @property
    def connections(self) -> int:
        """How many connections were opened to it and used."""
        return len(self._connections)

    async def wait_for(self, wanted: Callable[[Received], bool], *, seconds: float = 10) -> Received:
        """The first request, past or to come, that is `wanted`; TimeoutError after `seconds`."""
        await self.wait_until(lambda: any(map(wanted, self.received)), seconds=seconds)
        return next(it for it in self.received if wanted(it))

    async def wait_until(self, condition: Callable[[], bool], *, seconds: float = 10) -> None:
        """Wait until `condition` holds, looking again at each request; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(condition)

    # How it answers

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = tuple((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in request.raw_headers)
        if request.protocol not in self._connections:
            self._connections.append(request.protocol)
        seen = Received(
            Request(request.method, request.raw_path, headers, body),
            self._connections.index(request.protocol),
        )
        async with self._arrived:
            self.received.append(seen)
            self._arrived.notify_all()
        waiting = self._next[seen.path]
        answer = waiting.popleft() if waiting else self._always.get(seen.path) or self._usual(seen)
        if answer.hold is not None:
            waiting_for = asyncio.create_task(answer.hold.wait())
            self._held.add(waiting_for)
            await asyncio.wait({waiting_for})
            self._held.discard(waiting_for)
        if answer.reset and request.transport is not None:
            request.transport.abort()
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _usual(self, seen: Received) -> Answer:
        path = seen.path
        if seen.request.method == "POST":
            inboxes = {urlsplit(actor.inbox).path for actor in self.actors.values()}
            if self.has_shared_inbox:
                inboxes.add("/inbox")
            return Answer(202 if path in inboxes else 404)
        if path == "/.well-known/nodeinfo":
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
            return document({"links": [{"rel": rel, "href": f"{self.origin}/nodeinfo/2.0"}]}, "application/json")
        if path == "/nodeinfo/2.0":
            software = {"name": self.software, "version": "1.0"}
            return document({"version": "2.0", "software": software}, "application/json")
        asked = parse_qs(seen.request.target.partition("?")[2]).get("resource")
        for actor in self.actors.values():
            if path == urlsplit(actor.id).path:
                return document(actor.document())
            if path == urlsplit(actor.key_id).path:
                return document(actor.stub())
            if path == "/.well-known/webfinger" and asked in ([actor.account], [actor.id]):
                return document(actor.webfinger(), "application/jrd+json")
        return Answer(404)

    # How it speaks

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """Send exactly this, and nothing that nobody asked for but User-Agent and Content-Length."""
        assert self._session is not None
        async with self._session.request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type"),
        ) as answer:
            answer_headers = tuple((n.lower(), v) for n, v in answer.headers.items())
            return Response(answer.status, answer_headers, await answer.read())


class Actor:
    """Somebody on a recording server, with a key of their own."""

    def __init__(self, peer: Peer, name: str, key_document: bool) -> None:
        self.peer = peer
        self.name = name
        self.account = f"acct:{name}@{peer.host}"
        self.id = f"{peer.origin}/users/{name}"
        self.inbox = f"{self.id}/inbox"
        self.key_id = f"{self.id}/main-key" if key_document else f"{self.id}#main-key"
        self.private = private_key(f"{name}@{peer.name}")

    @property
    def public_pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def rotate(self, generation: int = 2) -> None:
        """Take another key, under the same key id."""
        self.private = private_key(f"{self.name}@{self.peer.name} {generation}")

    def document(self) -> dict[str, Any]:
        """The actor document."""
        actor: dict[str, Any] = {
            **self.stub(),
            "inbox": self.inbox,
            "outbox": f"{self.id}/outbox",
            "followers": f"{self.id}/followers",
            "following": f"{self.id}/following",
        }
        if self.peer.has_shared_inbox:
            actor["endpoints"] = {"sharedInbox": self.peer.shared_inbox}
        return actor

    def stub(self) -> dict[str, Any]:
        """What GoToSocial shows of an actor to those who may see no more: who it is, and the key."""
        return {
            "@context": [CONTEXT, "https://w3id.org/security/v1"],
            "id": self.id,
            "type": "Person",
            "preferredUsername": self.name,
            "publicKey": {"id": self.key_id, "owner": self.id, "publicKeyPem": self.public_pem},
        }

    def webfinger(self) -> dict[str, Any]:
        """The WebFinger document."""
        return {"subject": self.account, "links": [{"rel": "self", "type": ACTIVITY_JSON, "href": self.id}]}

    def activity(self, kind: str, **fields: object) -> dict[str, Any]:
        """An activity of this actor with an id of its own."""
        number = next(_numbers)
        return {
            "@context": CONTEXT,
            "id": f"{self.peer.origin}/activities/{number}",
            "type": kind,
            "actor": self.id,
            **fields,
        }

    async def post(self, url: str, activity: Mapping[str, Any] | bytes, *, now: datetime | None = None) -> Response:
        """Deliver an activity, signed with this actor's key at `now` (else: the real time)."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        moment = now or datetime.now(UTC)
        headers = signing.sign(self.private, self.key_id, method="POST", url=url, body=body, now=moment)
        return await self.peer.send("POST", url, headers, body)

    async def get(self, url: str, *, now: datetime | None = None) -> Response:
        """Fetch a document, signed."""
        moment = now or datetime.now(UTC)
        headers = signing.sign(self.private, self.key_id, method="GET", url=url, body=b"", now=moment)
        return await self.peer.send("GET", url, headers)


@cache
def private_key(whose: str) -> rsa.RSAPrivateKey:
    """One key for each name, made once per test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class _Directory(AbstractResolver):
    """Knows the names of this test and no others."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        if host not in self._addresses:
            raise OSError(f"nobody is called {host} here")
        address = self._addresses[host]
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held open."""
