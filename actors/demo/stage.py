"""What the story is played on: one real service over HTTPS, its neighbours, and an organiser at the admin endpoint.

The service is the one of `actors.app`, set up by the same settings an operator has and by nothing else: a name that
resolves to loopback, an authority to believe, loopback addresses let through the guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from actors import settings
from actors.app import House, opened, serve
from actors.demo import texts
from actors.demo.ground import LOOPBACK, Ground, Place
from actors.demo.neighbour import Neighbour, Seen
from actors.demo.timelines import Manners
from actors.service import people
from fediverse.store import hosts

SERVICE: Final = "clarion.demo.test"
ADMIN: Final = "/admin/v1"
STARTS_WITHIN: Final = 20  # seconds


class StepFailed(Exception):
    """The story cannot go on; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Server:
    """A recording server to be: its name, how it treats what it is sent, and who lives there."""

    name: str
    manners: Manners
    people: tuple[str, ...]


SERVERS: Final = (
    Server("mastodon.demo.test", Manners("mastodon"), ("dara", "mina")),
    Server("gotosocial.demo.test", Manners("gotosocial", shared_inbox=False, signed_gets=True), ("sol", "tove")),
    Server(
        "misskey.demo.test",
        Manners("misskey", takes_edits=False, orphans="refused", max_body=64 * 1024),
        ("yuki",),
    ),
)
"""Five people on three servers: one that will go down, one without a shared inbox, one that takes no edits."""


class Organiser:
    """Somebody with a token, at the admin endpoint, over HTTPS."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, token: str) -> None:
        self._session = session
        self._base = f"{origin}{ADMIN}"
        self._token = token

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """One request; what it answered. Raises StepFailed for anything that is not 2xx."""
        headers |= {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(method, f"{self._base}{path}", data=data, headers=headers) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise StepFailed(f"{method} {ADMIN}{path} was not answered: {type(problem).__name__}") from None
        if not 200 <= answer.status < 300:
            raise StepFailed(f"{method} {ADMIN}{path} was answered {answer.status}: {text[:500]}")
        return json.loads(text)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything there is while the story is played. `token` is the organiser's; `session` reads public pages."""

    ground: Ground
    place: Place
    house: House
    neighbours: Sequence[Neighbour]
    session: aiohttp.ClientSession
    organiser: Organiser
    token: str

    @property
    def handle(self) -> str:
        """The announcing actor, `user@host`."""
        return f"{texts.HANDLE}@{self.place.host}"

    async def page(self, language: str) -> tuple[int, str]:
        """Status and text of the campaign's public page. Raises StepFailed."""
        path = f"/c/{texts.SLUG}/{language}"
        try:
            async with self.session.get(f"{self.place.origin}{path}") as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise StepFailed(f"{path} was not answered: {type(problem).__name__}") from None

    async def software(self) -> list[str | None]:
        """What the service has noted down about each neighbour's software."""
        async with self.house.database.read() as tx:
            return [await hosts.software_of(tx, each.place.host) for each in self.neighbours]


@contextlib.asynccontextmanager
async def set_up(ground: Ground, servers: Sequence[Server], watch: Callable[[Seen], None]) -> AsyncIterator[Stage]:
    """Start everything; at the end it all stops, the service as it stops on SIGTERM. Raises StepFailed."""
    place = ground.settle(SERVICE)
    neighbours = [Neighbour(ground, each.name, each.manners, each.people, watch) for each in servers]
    async with contextlib.AsyncExitStack() as stack:
        for neighbour in neighbours:
            await stack.enter_async_context(neighbour)
        session = await stack.enter_async_context(ground.session())
        house = await stack.enter_async_context(opened(settings.load(_environment(ground, place))))
        await stack.enter_async_context(_serving(house, ground, place, session))
        token = await _first_organiser(house)
        organiser = Organiser(session, place.origin, token)
        yield Stage(ground, place, house, neighbours, session, organiser, token)


def _environment(ground: Ground, place: Place) -> dict[str, str]:
    """The settings, as an operator writes them."""
    chain, private = ground.write_certificate(place.name)
    return {
        "CLARION_ORIGIN": place.origin,
        "CLARION_CONTACT": f"desk@{place.name}",
        "CLARION_DATA": str(ground.folder / "data"),
        "CLARION_BIND": f"{place.address}:{place.port}",
        "CLARION_TLS_CERT": str(chain),
        "CLARION_TLS_KEY": str(private),
        "CLARION_CA_FILE": str(ground.ca_file),
        "CLARION_ALLOW_ADDRESSES": LOOPBACK,
        "CLARION_RESOLVE": ",".join(f"{name}={address}" for name, address in ground.addresses.items()),
    }


@contextlib.asynccontextmanager
async def _serving(house: House, ground: Ground, place: Place, session: aiohttp.ClientSession) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.create_task(
        serve(house, stop=stop, senders=house.settings.senders, listener=ground.listen(place))
    )
    try:
        await _answers(serving, session, f"{place.origin}/health")
        yield
    finally:
        stop.set()
        await serving


async def _answers(serving: asyncio.Task[None], session: aiohttp.ClientSession, url: str) -> None:
    async def well() -> None:
        async with session.get(url) as answer:
            if answer.status != 200:
                raise StepFailed(f"/health was answered {answer.status}")

    asking = asyncio.create_task(well())
    done, _ = await asyncio.wait({serving, asking}, timeout=STARTS_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    if asking not in done:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise StepFailed("the service did not start")
    try:
        await asking
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise StepFailed(f"the service did not answer: {type(problem).__name__}") from None


async def _first_organiser(house: House) -> str:
    """What operators do on the command line: an actor, and a token for one who acts for it."""
    desk = house.desk
    key = await asyncio.to_thread(people.new_key, desk)
    async with desk.database.write() as tx:
        actor = await people.create_actor(tx, desk, key, handle=texts.HANDLE, name=texts.NAME, summary=texts.SUMMARY)
        _, token = await people.add_organiser(tx, desk, actor.id, label="first desk")
    return token
