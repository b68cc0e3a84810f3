"""The composition root: everything a running Clarion is made of, put together here, visibly, top to bottom.

async with opened(load(os.environ)) as house:
    await serve(house, stop=stopped_by_signals(), senders=house.settings.senders)

build()       what a house is made of, without IO
opened()      the same, with its database brought up to date and open
create_app()  every door of it, as one ASGI app
serve()       the doors on a socket, the senders, and what is done by the clock
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import Final, cast

from h11 import Request
from hypercorn import protocol as hypercorn_protocol
from hypercorn.asyncio import serve as serve_with_hypercorn
from hypercorn.config import Config
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import Framework
from quart import Quart, Response
from sqlalchemy.exc import SQLAlchemyError

from actors import admin, pages
from actors.migrations import check, hold, migrate
from actors.service import acts
from actors.service.desk import Desk
from actors.settings import Settings
from actors.store import idempotency
from fediverse import web
from fediverse.exchange.client import Client, user_agent
from fediverse.exchange.delivery import send_forever
from fediverse.exchange.software import Lookup
from fediverse.federation import Federation
from fediverse.protocol.errors import FederationError
from fediverse.protocol.nodeinfo import About
from fediverse.store import local_actors
from fediverse.store.database import Database
from fediverse.store.queue import Pace
from fediverse.store.sealed import Sealer

MAX_BODY: Final = 1 << 20  # bytes; the largest request any door takes
BODY_TIMEOUT: Final = 10  # seconds for a whole body (must-survive §4.1)
RESPONSE_TIMEOUT: Final = 20  # seconds for a whole answer; ours are small
HEALTH_TIMEOUT: Final = 3  # seconds; a database that takes longer is not well
MAX_HEAD: Final = 32 * 1024  # bytes of a request's head; the guard refuses single lines over 8 kB with 431
BACKLOG: Final = 1024  # connections that wait while a stampede of preview crawlers is answered
GRACE: Final = 15  # seconds for requests in flight once we are told to stop
DRAIN: Final = timedelta(seconds=20)  # for everything else (must-survive K3)

SWEEP_EVERY: Final = timedelta(seconds=30)
TIDY_EVERY: Final = timedelta(hours=1)
LOOK_UP_EVERY: Final = timedelta(seconds=5)
PRUNE_EVERY: Final = timedelta(hours=1)  # strangers can make us keep 3,600 keys a minute
AGAIN_AFTER: Final = timedelta(seconds=5)  # before what fell over is started again

log = logging.getLogger(__name__)


class CannotServe(Exception):
    """The service cannot start. str() is one line for operators; the command line ends with exit code 2 (K2)."""


@dataclass(frozen=True, slots=True)
class House:
    """All of one running service. Built without IO; what needs opening is opened by `opened()`."""

    settings: Settings
    database: Database
    client: Client
    federation: Federation
    desk: Desk


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def random_hex() -> str:
    """An opaque id: 128 random bits in hex."""
    return secrets.token_hex(16)


def random_token() -> str:
    """A bearer token: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def random_number() -> float:
    """At least 0, below 1."""
    return secrets.randbelow(1 << 53) / (1 << 53)


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = random_hex,
    new_token: Callable[[], str] = random_token,
    random: Callable[[], float] = random_number,
) -> House:
    """Put a house together. Nothing is read, opened or connected yet."""
    database = Database(settings.database, Sealer(settings.secret.material))
    client = Client(
        user_agent=user_agent(settings.origin),
        exempt=settings.allow_addresses,
        resolve=settings.resolve,
        ca_file=settings.ca_file,
    )
    federation = Federation(
        origin=settings.origin,
        handle_domain=settings.handle_domain,
        database=database,
        client=client,
        clock=clock,
        new_id=new_id,
        random=random,
        about=About(
            name=settings.host,
            description="Fundraising appeals that can be switched off",
            contact=settings.contact or None,
            about_url=f"{settings.origin}/about",
            rules_url=f"{settings.origin}/about#rules",
            privacy_url=f"{settings.origin}/about#privacy",
        ),
        version=metadata.version("clarion"),
        window=settings.signature_window,
        pace=None if settings.pace is None else Pace(settings.pace.per_second, settings.pace.burst),
    )
    desk = Desk(
        database=database,
        origin=settings.origin,
        handle_domain=settings.handle_domain,
        clock=clock,
        new_id=new_id,
        new_token=new_token,
    )
    return House(settings, database, client, federation, desk)


@contextlib.asynccontextmanager
async def opened(
    settings: Settings,
    *,
    alone: bool = True,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = random_hex,
    new_token: Callable[[], str] = random_token,
    random: Callable[[], float] = random_number,
) -> AsyncIterator[House]:
    """A house with its database open and its instance actor made.

    `alone`, as for serving: brings the database up to date, and holds the lock beside a SQLite file until the end. Not
    alone, as for delivering beside a server: the database has to be at the version of this code. Raises SchemaError,
    which is one line for operators (exit code 2, must-survive F4, F6).
    """
    house = build(settings, clock=clock, new_id=new_id, new_token=new_token, random=random)
    with hold(settings.database) if alone else contextlib.nullcontext():
        if alone:
            await migrate(settings.database, held=True)
        else:
            await check(settings.database)
        async with house.database, house.client, house.federation:
            yield house


def create_app(house: House) -> Quart:
    """Every door of the house. No door is anywhere else."""
    app = Quart("actors", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT
    app.config["RESPONSE_TIMEOUT"] = RESPONSE_TIMEOUT
    app.url_map.merge_slashes = False  # nothing redirects, least of all an inbox

    @app.get("/health")
    async def health() -> Response:
        # For probes by address: the one door that answers to any Host, and it tells nothing else.
        well = await _is_well(house)
        answer = Response("ok\n" if well else "not well\n", 200 if well else 503, content_type="text/plain")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    contact = house.settings.contact
    app.register_blueprint(web.blueprint(house.federation, pages.html(house.desk, contact)))
    app.register_blueprint(admin.blueprint(house.desk))
    app.register_blueprint(pages.blueprint(house.desk, contact))
    # After the routes: it stands before every one of them.
    web.guard(app, house.federation, problems_below=b"/admin/")
    pages.error_pages(app)
    return app


async def _is_well(house: House) -> bool:
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT), house.database.read() as tx:
            return await local_actors.by_id(tx, house.federation.urls.instance_actor) is not None
    except (TimeoutError, FederationError, SQLAlchemyError, OSError):
        return False


def listen(settings: Settings) -> socket.socket:
    """The socket of CLARION_BIND, listening. Raises CannotServe where it is taken or not allowed (must-survive K2)."""
    host, port = settings.bind
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        # At once: without it, two servers would bind the same port and the second would find out later.
        listener.listen(BACKLOG)
    except OSError as problem:
        listener.close()
        raise CannotServe(f"CLARION_BIND: cannot listen at {settings.bind}: {problem.strerror or problem}") from None
    listener.setblocking(False)
    return listener


async def serve(house: House, *, stop: asyncio.Event, senders: int, listener: socket.socket | None = None) -> None:
    """Serve until `stop` is set, then finish what is in flight, for at most 20 s (must-survive K3).

    `senders` hosts are delivered to at a time; with 0 this process only receives. A `listener` may be handed in, which
    is closed at the end. Raises CannotServe before anything is served.
    """
    listener = listener or listen(house.settings)
    try:
        config = _configuration(house.settings)
    except CannotServe:
        listener.close()
        raise
    config.bind = [f"fd://{listener.detach()}"]  # Hypercorn's from here on, and closed by it
    app = cast("Framework", create_app(house))
    doors = serve_with_hypercorn(app, config, shutdown_trigger=stop.wait, mode="asgi")
    work = [asyncio.create_task(doors), asyncio.create_task(keep(house, stop))]
    if senders:
        work.append(asyncio.create_task(send(house, stop=stop, senders=senders)))
    await run_until(stop, work)


async def send(house: House, *, stop: asyncio.Event, senders: int) -> None:
    """Deliver to `senders` hosts at a time until `stop` is set; what falls over is started again."""
    sending = house.federation.sending
    await _every(AGAIN_AFTER, "sending", lambda: send_forever(sending, at_once=senders, stop=stop), stop)


async def run_until(stop: asyncio.Event, work: Sequence[asyncio.Task[None]]) -> None:
    """Run all of `work` until `stop` is set or one of it ends, then let all of it end, for at most DRAIN.

    Raises what one of it raised.
    """
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*work, stopping], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await stopping
    _, late = await asyncio.wait(work, timeout=DRAIN.total_seconds())
    if late:
        log.warning("stopped before everything in flight had ended; deliveries stay queued")
    for task in late:
        task.cancel()
    ended = await asyncio.gather(*work, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


def stopped_by_signals() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets, in the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def keep(house: House, stop: asyncio.Event) -> None:
    """What is done by the clock and by nobody: closing what has expired, looking up software, forgetting."""
    federation = house.federation
    lookup = Lookup(house.database, house.client, house.desk.clock, federation.instance_key)
    jobs: tuple[tuple[str, timedelta, Callable[[], Awaitable[object]]], ...] = (
        ("closing what has expired", SWEEP_EVERY, lambda: acts.expire_due(house.desk)),
        ("bringing profiles up to date", TIDY_EVERY, lambda: acts.tidy(house.desk)),
        ("looking up software", LOOK_UP_EVERY, lookup.look_up),
        ("forgetting", PRUNE_EVERY, lambda: _forget(house)),
    )
    await asyncio.gather(*(_every(pause, name, job, stop) for name, pause, job in jobs))


async def _forget(house: House) -> None:
    await house.federation.tidy()
    async with house.database.write() as tx:
        await idempotency.prune(tx, house.desk.clock())


async def _every(pause: timedelta, name: str, job: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Do a job until `stop` is set, with pauses. One that fails is not done this time, and all others are."""
    while not stop.is_set():
        try:
            await job()
        except Exception as problem:  # noqa: BLE001 - whatever it was, the others go on and this one is tried again
            log.error("%s failed: %s", name, type(problem).__name__)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause.total_seconds()):
                await stop.wait()


def _configuration(settings: Settings) -> Config:
    """Hypercorn's configuration: nothing about us in headers, no access log, HTTP/1.1 only. Raises CannotServe."""
    config = Config()
    config.include_server_header = False
    config.accesslog = None  # it would hold addresses of clients
    config.errorlog = logging.getLogger("hypercorn.error")
    config.alpn_protocols = ["http/1.1"]
    config.h11_max_incomplete_size = MAX_HEAD
    config.keep_alive_timeout = 5
    config.graceful_timeout = GRACE
    config.ssl_handshake_timeout = 10
    config.backlog = BACKLOG
    if settings.tls_cert is not None and settings.tls_key is not None:
        config.certfile, config.keyfile = str(settings.tls_cert), str(settings.tls_key)
        try:
            config.create_ssl_context()
        except (OSError, ValueError) as problem:  # an ssl.SSLError is an OSError
            raise CannotServe(f"CLARION_TLS_CERT and CLARION_TLS_KEY: {problem.__class__.__name__}") from None
    hypercorn_protocol.H11Protocol = _OnlyHttp11  # type: ignore[attr-defined]
    return config


class _OnlyHttp11(H11Protocol):
    """Hypercorn offers HTTP/2 on plain ports to whoever asks for it, and has no setting against it.

    One such connection may open and reset streams without end (must-survive §4.1), and a proxy that passes the upgrade
    on lets requests past its own rules.
    """

    async def _check_protocol(self, event: Request) -> None:
        """Never another protocol: an upgrade is not taken, and HTTP/2's preface is a request like others (400)."""
