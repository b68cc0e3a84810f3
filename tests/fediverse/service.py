"""Our own server for tests: the real blueprint behind the real guard in a real Hypercorn, on loopback.

    async with serving(url, names) as service:                          # plain HTTP, as behind a proxy
        answer = await service.ask("GET", "/actor")                     # a raw socket, bytes as written
    async with serving(url, names, authority=authority) as service:     # TLS, for peers that speak to it
        await alice.post(service.inbox, alice.activity("Follow", object=service.fund), now=service.clock())

It has one announcing actor, `fund`, and a clock that stands at NOW until it is moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Request, Response
from sqlalchemy import func, select

from fediverse import web
from fediverse.exchange.client import Client, user_agent
from fediverse.exchange.keyring import Budget
from fediverse.federation import Federation
from fediverse.protocol import documents, messages
from fediverse.protocol.nodeinfo import About
from fediverse.protocol.signatures import Window
from fediverse.store import followers, local_actors
from fediverse.store.database import Database
from fediverse.store.local_actors import LocalActor
from fediverse.store.objects import StoredObject
from fediverse.store.schema import activities, deliveries, seen
from tests.fediverse.stores import NOW, key_of, opened
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names

NAME = "fund.test"
PAGE = b"<!doctype html><title>page</title>"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **much: float) -> None:
        """Let time pass."""
        self.now += timedelta(**much)


@dataclass
class Service:
    """A running server and what tests want to know about it."""

    federation: Federation
    database: Database
    clock: Clock
    address: tuple[str, int]
    fund: str
    pages: list[tuple[str, object]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.federation.urls.origin

    @property
    def inbox(self) -> str:
        """The shared inbox."""
        return f"{self.origin}/inbox"

    async def followers(self) -> int:
        async with self.database.read() as tx:
            return await followers.count(tx, self.fund)

    async def follows(self, actor_id: str) -> bool:
        async with self.database.read() as tx:
            return await followers.is_follower(tx, self.fund, actor_id)

    async def owed(self, kind: str) -> list[dict[str, Any]]:
        """The Accepts or Rejects that are owed, unsealed, in order."""
        statement = (
            select(activities.c.sealed_body)
            .join(deliveries, deliveries.c.activity == activities.c.id)
            .where(activities.c.kind == kind, activities.c.sealed_body.is_not(None))
            .order_by(deliveries.c.seq)
        )
        async with self.database.read() as tx:
            rows = await tx.rows(statement)
            return [documents_of(tx.sealer.unseal("activity", row["sealed_body"])) for row in rows]

    async def rows_of_strangers(self) -> int:
        """How many rows the dedupe table has."""
        async with self.database.read() as tx:
            return int(await tx.value(select(func.count()).select_from(seen)))

    async def ask(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        host: str | None = None,
    ) -> messages.Response:
        """One request over a connection of its own; Host and Content-Length are added unless given."""
        names = {name.lower() for name, _ in headers}
        lines = [(name, value) for name, value in headers]
        if "host" not in names:
            lines.insert(0, ("Host", host or self.federation.urls.host))
        if body and "content-length" not in names:
            lines.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
        return await self.raw(head.encode("latin-1") + body)

    async def raw(self, sent: bytes) -> messages.Response:
        """Send exactly these bytes, hang up our half, and read the answer to the end."""
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            writer.write(sent)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            async with asyncio.timeout(20):
                return await read_answer(reader, bodyless=sent.startswith(b"HEAD "))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def documents_of(text: str) -> dict[str, Any]:
    """A JSON object out of its text."""
    value: dict[str, Any] = json.loads(text)
    return value


async def read_answer(reader: asyncio.StreamReader, *, bodyless: bool = False) -> messages.Response:
    """One HTTP/1.1 answer with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    status = int(status_line.split()[1])
    length = 0 if bodyless or status == 304 else int(dict(headers).get("content-length", "0"))
    return messages.Response(status, headers, await reader.readexactly(length))


@contextlib.asynccontextmanager
async def serving(
    database_url: str,
    names: Names,
    *,
    authority: Authority | None = None,
    origin: str | None = None,
    handle_domain: str | None = None,
    fund: str | None = None,
    pages: bool = True,
    create: bool = True,
    budget: Budget | None = None,
    window: Window | None = None,
    get_deadline: timedelta = timedelta(seconds=5),
    ca_file: Path | None = None,
    tmp: Path | None = None,
    body_timeout: float = 10,
    step: float = 0,
) -> AsyncIterator[Service]:
    """Serve. Without an `origin` it is `https://fund.test:<port>`. `pages=False`: no HTML is handed in."""
    clock = Clock()
    listener = names.listen(NAME)
    address: tuple[str, int] = listener.getsockname()
    origin = origin or f"https://{NAME}:{address[1]}"
    client = Client(
        user_agent=user_agent(origin),
        exempt=[LOOPBACK],
        resolve=names.addresses,
        ca_file=authority.ca_file if authority else ca_file,
        get_deadline=get_deadline,
    )
    async with opened(database_url, create=create) as database, client:
        federation = Federation(
            origin=origin,
            handle_domain=handle_domain or origin.removeprefix("https://"),
            database=database,
            client=client,
            clock=clock,
            new_id=lambda: secrets.token_hex(16),
            random=lambda: 0.5,
            about=About(name="Fund", description="A test", contact="ops@fund.test"),
            version="0.1.0",
            **({"window": window} if window else {}),
            budget=budget,
            step=step,
        )
        async with federation:
            fund = fund or federation.urls.actor("0" * 31 + "1")
            service = Service(federation, database, clock, address, fund)
            await _announce(service)
            config = Config()
            config.bind = [f"fd://{listener.detach()}"]  # the server closes it
            config.include_server_header = False
            config.errorlog = None
            if authority is not None and tmp is not None:
                chain, private = authority.write_certificate(NAME, tmp)
                config.certfile, config.keyfile = str(chain), str(private)
            stop = asyncio.Event()
            running = asyncio.create_task(serve(_app(service, pages, body_timeout), config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
            try:
                yield service
            finally:
                stop.set()
                await running


async def _announce(service: Service) -> None:
    urls = service.federation.urls
    profile = documents.ActorProfile(
        id=service.fund,
        type="Service",
        preferred_username="fund",
        webfinger=f"fund@{service.federation.handle_domain}",
        name="Fund",
        summary="<p>We announce.</p>",
        url=urls.profile("fund"),
        shared_inbox=urls.shared_inbox,
        published=NOW,
        public_key_pem=key_of(service.fund).public_pem(),
        icon=documents.Picture(f"{urls.origin}/pictures/1.png", "image/png"),
    )
    async with service.database.write() as tx:
        if await local_actors.by_id(tx, service.fund) is None:
            await local_actors.create(
                tx,
                actor_id=service.fund,
                handle="fund",
                kind=local_actors.SERVICE,
                document=documents.actor(profile),
                key=key_of(service.fund),
                now=NOW,
            )


def _app(service: Service, pages: bool, body_timeout: float) -> Quart:
    app = Quart(__name__)

    async def html(kind: web.Kind, value: LocalActor | StoredObject, request: Request) -> Response | None:
        service.pages.append((kind, value))
        return Response(PAGE, 200, content_type="text/html; charset=utf-8") if pages else None

    @app.get("/health")
    async def health() -> Response:
        return Response(b"ok", content_type="text/plain")

    @app.get("/broken")
    async def broken() -> Response:
        raise RuntimeError("secret of ours")

    app.register_blueprint(web.blueprint(service.federation, html, body_timeout=body_timeout))
    web.guard(app, service.federation)
    return app
