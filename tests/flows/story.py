"""A whole service with servers around it, to play a story on: every door is the real one, over real HTTPS.

    async with story(url, folder, authority, names) as us:
        harbour = await us.server("harbour.test")                    # records everything, verifies signatures
        alice = await us.follow(harbour, "alice")                    # WebFinger, a signed Follow, waits for the Accept
        await us.draft("belmara", texts.document(us.in_days(60)))    # the admin endpoint, with the organiser's token
        await us.move("belmara", "open")
        await harbour.has(creates=2)
        harbour.shown.notes                                          # what its people see now
        us.later(days=365)                                           # the clock goes on, and can be moved ahead
        await us.restart()

The service is `actors.app` as `clarion serve` runs it, set up by settings alone. Whoever asks it something is in
`us.answers` afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import func, select

from actors.app import House, opened, serve
from actors.service import acts, people
from actors.settings import Settings, load
from actors.store.organisers import Role
from fediverse.exchange.software import Lookup
from fediverse.protocol.messages import Response
from fediverse.store import followers
from fediverse.store.schema import deliveries
from tests.flows import texts
from tests.flows.shown import Shown
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names
from tests.peers.recording import Actor, Peer, Received

NAME = "clarion.test"
HANDLE = "lamps"
SERVERS = ("harbour.test", "hill.test", "lagoon.test", "ferry.test")
"""Names that servers around it may have: settings are read once, before any of them is there."""
ACTIVITY_JSON = "application/activity+json"
LOOK_AGAIN = 0.05  # seconds between looks at the database, which sets no event for us


class Clock:
    """Goes as time goes, from wherever it was moved to."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Server(Peer):
    """A recording server that holds every POST to the strictest rules as soon as it is asked what it shows."""

    us: Story
    _proven = 0

    @property
    def heard(self) -> list[Received]:
        """Every POST it was sent, each proven to be the actor's."""
        posts = self.posts
        for post in posts[self._proven :]:
            post.verify(self.us.public_pem)
        self._proven = len(posts)
        return posts

    @property
    def shown(self) -> Shown:
        """What its people see now."""
        return Shown.after(self.heard, software=self.software)

    def kinds(self, since: int = 0) -> Counter[str]:
        """How many activities of each kind came, after the first `since` POSTs; an edit of the actor is a Profile."""
        return Counter(map(kind_of, self.posts[since:]))

    async def has(self, since: int = 0, *, seconds: float = 10, **wanted: int) -> None:
        """Wait until at least so many came: `creates=2, updates=1, deletes=1, adds=1, removes=1, profiles=1`."""
        names = {name.removesuffix("s").capitalize(): number for name, number in wanted.items()}
        try:
            await self.wait_until(
                lambda: all(self.kinds(since)[name] >= number for name, number in names.items()), seconds=seconds
            )
        except TimeoutError:
            raise AssertionError(f"{self.name} waited for {names} and has {self.kinds(since)}") from None


def kind_of(post: Received) -> str:
    """Create, Update, Profile, Delete, Add, Remove, Accept, Reject."""
    document = post.document
    about = document["object"]
    return "Profile" if document["type"] == "Update" and about["type"] != "Note" else str(document["type"])


class Story:
    """See the top of this file."""

    def __init__(self, settings: Settings, authority: Authority, names: Names, port: int) -> None:
        self.settings = settings
        self.clock = Clock()
        self.answers: list[Response] = []
        self.servers: dict[str, Server] = {}
        self.token = self.reader = self.actor = self.public_pem = ""
        self.house: House
        self._authority = authority
        self._names = names
        self._port = port
        self._running: contextlib.AsyncExitStack | None = None
        self._around = contextlib.AsyncExitStack()

    # The service

    @property
    def origin(self) -> str:
        return self.settings.origin

    @property
    def handle(self) -> str:
        """`lamps@clarion.test:port`, without a leading @."""
        return f"{HANDLE}@{self.settings.handle_domain}"

    async def start(self) -> None:
        """Start the service, with its senders."""
        async with contextlib.AsyncExitStack() as stack:
            self.house = await stack.enter_async_context(opened(self.settings, clock=self.clock))
            stop = asyncio.Event()
            listener = self._names.listen(NAME, self._port)
            service = asyncio.create_task(serve(self.house, stop=stop, senders=4, listener=listener))
            stack.push_async_callback(lambda: service)
            stack.callback(self.house.database.wake)  # or its senders would see it a second later
            stack.callback(stop.set)
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """Stop it as SIGTERM does: what is in flight ends, the rest stays queued."""
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()

    async def restart(self) -> None:
        """Stop, and start again on the same database."""
        await self.stop()
        await self.start()

    async def settle_in(self) -> None:
        """What operators do first, on the command line: an actor, tokens, and its list of destinations."""
        desk = self.house.desk
        key = await asyncio.to_thread(people.new_key, desk)
        async with desk.database.write() as tx:
            actor = await people.create_actor(
                tx, desk, key, handle=HANDLE, name="The Lamp Circle", summary="Printers of *Belmara*."
            )
            _, self.token = await people.add_organiser(tx, desk, actor.id, label="night desk")
            _, self.reader = await people.add_organiser(tx, desk, actor.id, label="friend", role=Role.READER)
        self.actor, self.public_pem = actor.id, key.public_pem()

    def later(self, **by: float) -> None:
        """Move the clock ahead; senders look again at once."""
        self.clock.ahead += timedelta(**by)
        self.house.database.wake()

    def in_days(self, days: float) -> str:
        """A time so many days ahead, as organisers write it."""
        return (self.clock() + timedelta(days=days)).isoformat(timespec="seconds")

    async def software_known(self) -> None:
        """What the keeper does every few seconds: ask new servers what they run."""
        lookup = Lookup(self.house.database, self.house.client, self.clock, self.house.federation.instance_key)
        await lookup.look_up()

    async def sweep(self) -> list[str]:
        """What the keeper does twice a minute: close what has expired."""
        return await acts.expire_due(self.house.desk)

    # Servers around it, and who follows

    async def server(self, name: str, *, software: str = "mastodon", shared_inbox: bool = True) -> Server:
        """A recording server that is there until the story ends."""
        assert name in SERVERS
        server = Server(self._authority, self._names, name, software=software, shared_inbox=shared_inbox)
        server.us = self
        self.servers[name] = await self._around.enter_async_context(server)
        return server

    async def follow(self, server: Server, name: str, *, within: float = 10) -> Actor:
        """Somebody looks the handle up, follows what is found, and has the Accept within so many seconds."""
        someone = server.actor(name)
        found = await self.get(f"/.well-known/webfinger?resource={quote(f'acct:{self.handle}')}", accept="*/*")
        actor = next(link["href"] for link in json.loads(found.body)["links"] if link["rel"] == "self")
        follow = someone.activity("Follow", object=actor)
        answer = await self.post(someone, follow)
        assert answer.status == 202, answer
        accept = await server.wait_for(lambda it: _accepts(it, follow["id"]), seconds=within)
        assert accept.document["actor"] == actor
        assert accept.path == urlsplit(someone.inbox).path, "an Accept goes to the personal inbox"
        return someone

    async def post(self, someone: Actor, activity: Mapping[str, Any]) -> Response:
        """Somebody posts something signed to the shared inbox."""
        answer = await someone.post(f"{self.origin}/inbox", activity, now=self.clock())
        self.answers.append(answer)
        return answer

    async def followers(self) -> int:
        async with self.house.database.read() as tx:
            return await followers.count(tx, self.actor)

    # Organisers, at the admin endpoint

    async def admin(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **headers: str
    ) -> Response:
        """One request of somebody with a token; header names with `_` for `-`."""
        lines = {"Authorization": f"Bearer {self.token if token is None else token}"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body).encode()
        if data:
            lines.setdefault("Content-Type", "application/json")
        return await self.ask(method, f"/admin/v1{path}", lines, data)

    async def done(self, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The same, and the answer read; AssertionError unless it is a 2xx."""
        answer = await self.admin(method, path, body, **headers)
        assert 200 <= answer.status < 300, f"{answer.status} {answer.body.decode()}"
        document: dict[str, Any] = json.loads(answer.body)
        return document

    async def draft(self, slug: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """A draft under this slug; the destinations are put on the actor's list before."""
        for place in texts.PLACES:
            await self.done("POST", f"/actors/{HANDLE}/destinations", place)
        return await self.done("PUT", f"/campaigns/{slug}", document)

    async def move(self, slug: str, move: str, body: object = None, **headers: str) -> dict[str, Any]:
        """`open`, `goal-update`, `pause`, `resume`, `close`, `retract`, `notes/<id>/withdraw`."""
        return await self.done("POST", f"/campaigns/{slug}/{move}", body, **headers)

    async def raised(self, slug: str, amount: str) -> None:
        """So much has come in at the first destination."""
        standing = await self.done("GET", f"/campaigns/{slug}")
        place = standing["destinations"][0]["id"]
        await self.done("PUT", f"/campaigns/{slug}/raised/{place}", {"amount": amount})

    async def opened(self, slug: str, document: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Draft and open; language -> URL of the appeal's note."""
        await self.draft(slug, document or texts.document(self.in_days(60)))
        return notes_of(await self.move(slug, "open"), "appeal")

    async def report(self, slug: str) -> dict[str, Any]:
        return await self.done("GET", f"/campaigns/{slug}/deliveries")

    async def told(self, seconds: float = 15) -> None:
        """Wait until every delivery has ended, as far as it can end."""
        try:
            async with asyncio.timeout(seconds):
                while await self.waiting():  # noqa: ASYNC110 - a row in a database sets no event
                    await asyncio.sleep(LOOK_AGAIN)
        except TimeoutError:
            raise AssertionError(f"{await self.waiting()} deliveries are still open") from None

    async def waiting(self) -> int:
        """How many deliveries are open."""
        statement = select(func.count()).where(deliveries.c.state.in_(("waiting", "claimed")))
        async with self.house.database.read() as tx:
            return int(await tx.value(statement))

    # Everybody

    async def get(self, target: str, *, accept: str = "text/html", **headers: str) -> Response:
        """A path or a URL of ours, as a browser or a server asks for it."""
        path = target.removeprefix(self.origin)
        return await self.ask("GET", path, {"Accept": accept} | {n.replace("_", "-"): v for n, v in headers.items()})

    async def page(self, slug: str, language: str, *, closed: bool = False) -> str:
        """A campaign's page, which has to be there."""
        answer = await self.get(f"/c/{slug}/{language}{'/closed' if closed else ''}")
        assert answer.status == 200, answer
        return answer.body.decode()

    async def document(self, url: str) -> dict[str, Any]:
        """One of our documents as other servers fetch it, which has to be there."""
        answer = await self.get(url, accept=ACTIVITY_JSON)
        assert answer.status == 200, answer
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        source: str | None = None,
    ) -> Response:
        """One request over a connection of its own; `source` is the address it comes from."""
        reader, writer = await self.connect(source=source)
        try:
            lines = {"Host": self.settings.host, **headers, "Connection": "close"}
            if body:
                lines["Content-Length"] = str(len(body))
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
            async with asyncio.timeout(20):
                answer = _answer(await reader.read())
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        self.answers.append(answer)
        return answer

    async def connect(
        self, *, source: str | None = None, tls: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the service, with or without TLS."""
        return await asyncio.open_connection(
            self._names.addresses[NAME],
            self._port,
            ssl=self._authority.client_context() if tls else None,
            server_hostname=NAME if tls else None,
            local_addr=(source, 0) if source else None,
        )

    async def end(self) -> None:
        """Everything stops."""
        await self._around.aclose()
        await self.stop()


@contextlib.asynccontextmanager
async def story(database_url: str, folder: Path, authority: Authority, names: Names) -> AsyncIterator[Story]:
    """A running service with one actor, an organiser and a reader, and nobody who follows."""
    port = names.free_port(NAME)
    for name in SERVERS:
        names.claim(name)
    settings = load(environment(database_url, folder, authority, names, port))
    us = Story(settings, authority, names, port)
    await us.start()
    try:
        await us.settle_in()
        yield us
    finally:
        await us.end()


def environment(database_url: str, folder: Path, authority: Authority, names: Names, port: int) -> dict[str, str]:
    """The settings, as an operator writes them."""
    chain, private = authority.write_certificate(NAME, folder)
    private.chmod(0o600)
    return {
        "CLARION_ORIGIN": f"https://{NAME}:{port}",
        "CLARION_CONTACT": f"desk@{NAME}",
        "CLARION_DATA": str(folder / "data"),
        "CLARION_DATABASE": database_url,
        "CLARION_TLS_CERT": str(chain),
        "CLARION_TLS_KEY": str(private),
        "CLARION_CA_FILE": str(authority.ca_file),
        "CLARION_ALLOW_ADDRESSES": str(LOOPBACK),
        "CLARION_RESOLVE": ",".join(f"{name}={address}" for name, address in names.addresses.items()),
        "CLARION_PACE": "off",
    }


def notes_of(standing: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Language -> URL of the notes of the newest announcement of a kind, out of a move's answer."""
    said = [each for each in standing["announcements"] if each["kind"] == kind]
    return {note["language"]: note["url"] for note in said[-1]["notes"]}


def _accepts(it: Received, follow: str) -> bool:
    document = it.document
    return document.get("type") == "Accept" and document["object"]["id"] == follow


def _answer(data: bytes) -> Response:
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    if dict(headers).get("transfer-encoding") == "chunked":
        raise AssertionError("an answer of ours without its length")
    return Response(int(status_line.split()[1]), headers, body)
