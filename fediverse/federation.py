"""Our side of the federation, in one place: who we are, where our things live, what is needed to receive and to send.

    async with Database(...) as database, Client(...) as client, Federation(database=database, ...) as us:
        app.register_blueprint(web.blueprint(us, html))

Built without IO; opening it creates the instance actor where there is none yet. It opens neither the database nor the
client: whoever made them does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from fediverse.exchange import inbox
from fediverse.exchange.client import Client
from fediverse.exchange.delivery import Sending
from fediverse.exchange.inbox import Reception
from fediverse.exchange.keyring import Budget, Keyring
from fediverse.protocol import documents, signatures
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.nodeinfo import About
from fediverse.protocol.origins import host_of
from fediverse.protocol.signatures import Window
from fediverse.store import local_actors, remote_actors, seen
from fediverse.store.database import Database
from fediverse.store.queue import Pace

# A dot keeps it apart from every handle of an announcing actor; Mastodon's rules for names allow it (§2.1).
INSTANCE_HANDLE = "instance.actor"


@dataclass(frozen=True, slots=True)
class Urls:
    """Where our things live. `origin` is `https://host[:port]`; ids are opaque, of 32 hex digits."""

    origin: str

    @property
    def host(self) -> str:
        """The one value of the Host header that we answer to."""
        return host_of(self.origin)

    @property
    def instance_actor(self) -> str:
        """The actor that signs our GETs."""
        return f"{self.origin}/actor"

    @property
    def shared_inbox(self) -> str:
        """The inbox of all our actors."""
        return f"{self.origin}/inbox"

    @property
    def about(self) -> str:
        """The page about this server: contact, rules, privacy."""
        return f"{self.origin}/about"

    def actor(self, opaque: str) -> str:
        """An announcing actor."""
        return f"{self.origin}/actors/{opaque}"

    def profile(self, handle: str) -> str:
        """The page of an announcing actor."""
        return f"{self.origin}/@{handle}"

    def note(self, opaque: str) -> str:
        """A note; its page has the same URL."""
        return f"{self.origin}/notes/{opaque}"


class Federation:
    """See the top of this file. `random` gives numbers in [0, 1) to spread retries with; `pace=None` sends unpaced.

    `step` is in seconds, see `inbox.Reception`; 0 answers at once, for tests that make thousands of requests.
    """

    def __init__(
        self,
        *,
        origin: str,
        handle_domain: str,
        database: Database,
        client: Client,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        random: Callable[[], float],
        about: About,
        version: str,
        window: Window = signatures.DEFAULT,
        pace: Pace | None = None,
        budget: Budget | None = None,
        step: float = inbox.STEP,
    ) -> None:
        self.urls = Urls(origin)
        self.handle_domain = handle_domain
        self.database = database
        self.client = client
        self.clock = clock
        self.new_id = new_id
        self.about = about
        self.version = version
        self._random = random
        self._window = window
        self._pace = pace
        self._step = step
        self._keys: dict[str, KeyPair] = {}
        self._keyring = Keyring(database, client, self.instance_key, budget)

    async def __aenter__(self) -> Federation:
        await self._ensure_instance_actor()
        await self._keyring.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._keyring.__aexit__(*exc)

    @cached_property
    def reception(self) -> Reception:
        """What the inboxes need."""
        return Reception(
            self.urls.origin, self.database, self._keyring, self.clock, self.new_id, self._window, self._step
        )

    @cached_property
    def sending(self) -> Sending:
        """What the senders need."""
        return Sending(
            database=self.database,
            client=self.client,
            clock=self.clock,
            new_id=self.new_id,
            random=self._random,
            key=self.key,
            instance=self.urls.instance_actor,
            pace=self._pace,
        )

    async def key(self, actor_id: str) -> KeyPair:
        """The key pair of one of our actors, read once. Raises LookupError."""
        if actor_id not in self._keys:
            async with self.database.read() as tx:
                self._keys[actor_id] = await local_actors.signing_key(tx, actor_id)
        return self._keys[actor_id]

    async def instance_key(self) -> KeyPair:
        """The key all our GETs are signed with."""
        return await self.key(self.urls.instance_actor)

    async def tidy(self) -> None:
        """Forget what has no more use: activities seen over 30 days ago, keys of others after a day. To run hourly."""
        now = self.clock()
        async with self.database.write() as tx:
            await seen.prune(tx, now)
            await remote_actors.prune(tx, now)

    async def _ensure_instance_actor(self) -> None:
        actor_id = self.urls.instance_actor
        async with self.database.read() as tx:
            if await local_actors.by_id(tx, actor_id) is not None:
                return
        now = self.clock()
        key = KeyPair.generate(local_actors.key_id_of(actor_id), actor_id)
        profile = documents.ActorProfile(
            id=actor_id,
            type=local_actors.APPLICATION,
            preferred_username=INSTANCE_HANDLE,
            webfinger=f"{INSTANCE_HANDLE}@{self.handle_domain}",
            name=self.urls.host,
            summary="",
            url=self.urls.about,
            shared_inbox=self.urls.shared_inbox,
            published=now,
            public_key_pem=key.public_pem(),
            discoverable=False,
            indexable=False,
        )
        async with self.database.write() as tx:
            await local_actors.create_once(
                tx,
                actor_id=actor_id,
                handle=INSTANCE_HANDLE,
                kind=local_actors.APPLICATION,
                document=documents.actor(profile),
                key=key,
                now=now,
            )
