"""A recording fediverse server: people who follow, inboxes that believe only what is proven, and a memory of it all.

    neighbour = Neighbour(ground, "mastodon.demo.test", Manners("mastodon"), ["dara", "mina"], watch=print)
    async with neighbour:
        await neighbour.follow(neighbour.people[0], "relief@clarion.demo.test:4711")  # WebFinger, actor, signed Follow
        await neighbour.until(lambda: ..., seconds=15)
        await neighbour.down(); await neighbour.up()                      # hangs up on everybody; back at the same port

It speaks HTTPS at a place of its own. Every POST is answered 401 or 202 by what `httpsig` says of it, with keys fetched
from where they belong; what was proven goes to `timelines`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote, urldefrag, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from actors.demo import httpsig
from actors.demo.ground import Ground
from actors.demo.httpsig import Message, NotProven
from actors.demo.person import Person
from actors.demo.timelines import Manners, Taken, Timelines

ACTIVITY_JSON: Final = "application/activity+json"
MEDIA_TYPES: Final = frozenset({ACTIVITY_JSON, "application/ld+json"})
NODEINFO: Final = "http://nodeinfo.diaspora.software/ns/schema/2.1"


class NoAnswer(Exception):
    """Another server did not say what was asked of it; the text says what it said instead."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One POST as it was received. `refusal` says why it was not believed; otherwise `taken` says what became of it.

    `person` is whose personal inbox it came to, None for the shared one; `language` that of the note it is about.
    """

    server: str
    kind: str
    person: str | None
    language: str | None = None
    refusal: str | None = None
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    owner: str
    pem: str


class Neighbour:
    """See the top of this file. `watch` is told of every POST, after it was judged."""

    def __init__(
        self,
        ground: Ground,
        name: str,
        manners: Manners,
        people: Iterable[str],
        watch: Callable[[Seen], None],
    ) -> None:
        self.name = name
        self.manners = manners
        self.place = ground.settle(name)
        self.timelines = Timelines(manners)
        self.people: Sequence[Person] = [Person(each, self.place.origin, manners.shared_inbox) for each in people]
        self.seen: list[Seen] = []
        self.asked_for_software = 0
        self._ground = ground
        self._tls = ground.tls(name)
        self._watch = watch
        self._keys: dict[str, _Key] = {}
        self._changed = asyncio.Condition()
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.up()
        self._session = self._ground.session()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: object, at: TracebackType | None) -> None:
        await self.down()
        if self._session is not None:
            await self._session.close()

    @property
    def is_up(self) -> bool:
        return self._listener is not None

    async def up(self) -> None:
        """Listen, always at the same port."""
        if self._listener is None:
            self._web = web.Server(self._answer, access_log=None)
            self._listener = await asyncio.get_running_loop().create_server(
                self._web, sock=self._ground.listen(self.place), ssl=self._tls
            )

    async def down(self) -> None:
        """Hang up on everybody; from now on connections are refused."""
        listener, self._listener = self._listener, None
        if listener is not None and self._web is not None:
            listener.close()
            for connection in self._web.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await self._web.shutdown(timeout=0)

    @property
    def inboxes(self) -> int:
        """At how many inboxes it is told something that concerns all its people."""
        return 1 if self.manners.shared_inbox else len(self.people)

    async def until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until a condition holds, looking at each request; False if it does not within that time."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return False
        return True

    # What its people do

    async def follow(self, person: Person, handle: str) -> str:
        """Look `user@host` up as people's apps do, and ask to follow; the id of whom. Raises NoAnswer."""
        user, _, host = handle.partition("@")
        resource = quote(f"acct:{handle}", safe="")
        found = await self._get(f"https://{host}/.well-known/webfinger?resource={resource}", "application/jrd+json")
        links = [link.get("href") for link in found.get("links", ()) if link.get("rel") == "self"]
        if found.get("subject") != f"acct:{handle}" or len(links) != 1:
            raise NoAnswer("WebFinger names somebody else")
        actor = await self._fetch_actor(str(links[0]), signed_by=person if self.manners.signed_gets else None)
        if actor.get("preferredUsername") != user:
            raise NoAnswer("the actor has another name")
        self.timelines.follows[person.id, actor["id"]] = False
        await self._post(person, actor, person.activity("Follow", actor["id"]))
        return str(actor["id"])

    async def like(self, person: Person, author: str, note_id: str) -> None:
        """Like a note. Raises NoAnswer."""
        await self._post(person, self.timelines.profiles[author], person.activity("Like", note_id))

    async def _post(self, person: Person, actor: Mapping[str, Any], activity: Mapping[str, Any]) -> None:
        inbox = str(actor.get("endpoints", {}).get("sharedInbox") or actor.get("inbox"))
        body = json.dumps(activity).encode()
        headers = httpsig.sign(person.private, person.key_id, "POST", inbox, body=body, now=datetime.now(UTC))
        url = URL(inbox, encoded=True)
        try:
            async with self._open.post(url, data=body, headers=headers, allow_redirects=False) as said:
                if said.status not in (200, 202):
                    raise NoAnswer(f"the {activity['type']} was answered {said.status}")
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise NoAnswer(f"the {activity['type']} was not answered: {type(problem).__name__}") from None

    # What it asks of others

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("used outside its context")
        return self._session

    async def _get(self, url: str, accept: str, signed_by: Person | None = None) -> dict[str, Any]:
        headers = {"accept": accept}
        if signed_by is not None:
            headers = httpsig.sign(signed_by.private, signed_by.key_id, "GET", url, now=datetime.now(UTC))
        try:
            async with self._open.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as said:
                if said.status != 200:
                    raise NoAnswer(f"{urlsplit(url).path} was answered {said.status}")
                found = json.loads(await said.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise NoAnswer(f"{urlsplit(url).path} could not be read: {type(problem).__name__}") from None
        if not isinstance(found, dict):
            raise NoAnswer(f"{urlsplit(url).path} is not a JSON object")
        return found

    async def _fetch_actor(self, url: str, signed_by: Person | None = None) -> dict[str, Any]:
        """The actor at exactly this URL; its profile and its key are kept."""
        actor = await self._get(url, ACTIVITY_JSON, signed_by)
        key = actor.get("publicKey")
        if actor.get("id") != url or not isinstance(key, dict) or key.get("owner") != url:
            raise NoAnswer("the actor is not what its address says")
        self.timelines.profiles[url] = actor
        self._keys[str(key.get("id"))] = _Key(url, str(key.get("publicKeyPem")))
        return actor

    async def _key(self, key_id: str) -> _Key:
        if key_id not in self._keys:
            await self._fetch_actor(urldefrag(key_id).url)
        if key_id not in self._keys:
            raise NotProven("the key is not one of the actor it should belong to")
        return self._keys[key_id]

    # How it answers

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = tuple((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in request.raw_headers)
        message = Message(request.method, request.raw_path, headers, await request.read())
        if request.method == "POST":
            status = await self._receive(message)
            response = web.Response(status=status)
        else:
            response = await self._show(message)
        async with self._changed:
            self._changed.notify_all()
        return response

    async def _receive(self, message: Message) -> int:
        inboxes = {urlsplit(each.document()["inbox"]).path: each.id for each in self.people}
        if message.target not in inboxes and not (self.manners.shared_inbox and message.target == "/inbox"):
            return 404
        person = inboxes.get(message.target)
        try:
            activity, signer = await self._believe(message)
        except NotProven as refusal:
            self._note(Seen(self.name, "POST", person, refusal=str(refusal)))
            return 401
        kind = str(activity.get("type"))
        obj = activity.get("object")
        if isinstance(obj, dict) and kind in ("Create", "Update", "Delete"):
            kind = f"{kind}{{{'Actor' if obj.get('id') == signer else obj.get('type')}}}"
        language = self._language(obj)
        taken = self.timelines.take(activity, signer, person)
        self._note(Seen(self.name, kind, person, language or self._language(obj), taken=taken))
        return 202

    def _language(self, obj: Any) -> str | None:
        known = self.timelines.statuses.get(str(obj.get("id") if isinstance(obj, dict) else obj))
        return known.language if known is not None else None

    async def _believe(self, message: Message) -> tuple[dict[str, Any], str]:
        """The activity and the actor who signed it. Raises NotProven."""
        if message.one("content-type").partition(";")[0].strip() not in MEDIA_TYPES:
            raise NotProven("its content type is not an activity's")
        if len(message.body) > self.manners.max_body:
            raise NotProven(f"it is longer than {self.manners.max_body} bytes")
        signer = await self._prove(message)
        try:
            activity = json.loads(message.body)
        except ValueError:
            activity = None
        if not isinstance(activity, dict) or activity.get("actor") != signer:
            raise NotProven("its actor is not the owner of the key")
        return activity, signer

    async def _prove(self, message: Message) -> str:
        claim = httpsig.read(message)
        httpsig.check(claim, message, self.place.host, datetime.now(UTC))
        try:
            key = await self._key(claim.key_id)
        except NoAnswer as problem:
            raise NotProven(f"its key could not be had: {problem}") from None
        httpsig.prove(claim, message, key.pem)
        return key.owner

    def _note(self, seen: Seen) -> None:
        self.seen.append(seen)
        self._watch(seen)

    async def _show(self, message: Message) -> web.Response:
        path, _, query = message.target.partition("?")
        if path == "/.well-known/nodeinfo":
            return _json({"links": [{"rel": NODEINFO, "href": f"{self.place.origin}/nodeinfo/2.1"}]})
        if path == "/nodeinfo/2.1":
            self.asked_for_software += 1
            return _json({"version": "2.1", "software": {"name": self.manners.software, "version": "1.0.0"}})
        if path == "/.well-known/webfinger":
            asked = parse_qs(query).get("resource")
            for person in self.people:
                if asked == [person.account]:
                    return _json(person.webfinger(), "application/jrd+json")
        for person in self.people:
            if path == urlsplit(person.id).path:
                return await self._show_person(person, message)
        return web.Response(status=404)

    async def _show_person(self, person: Person, message: Message) -> web.Response:
        if self.manners.signed_gets:
            try:
                await self._prove(message)
            except NotProven:
                return web.Response(status=401)
        return _json(person.document(), ACTIVITY_JSON)


def _json(document: Mapping[str, Any], content_type: str = "application/json") -> web.Response:
    return web.Response(body=json.dumps(document).encode(), content_type=content_type)
