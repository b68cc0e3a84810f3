"""Whose key is it: the keys of others, from the cache or from their own origin, and how often we ask.

    known key                good for a day
    signature does not match asked for again, at most once in 5 minutes per key
    asked and not had        not asked for again for 10 minutes
    servers never met        60 a minute, then everybody waits (503); so do those with fewer than 5 followers, since
                             who need not wait would tell an outsider which servers our few followers are on
    one server               60 keys a minute

Requests for one key that come while it is being fetched wait for that one fetch.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fediverse.exchange import discovery
from fediverse.exchange.client import Client
from fediverse.protocol.errors import FederationError, Gone, Overloaded, Reason, Unauthenticated, Unreachable
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.origins import host_of
from fediverse.store import followers, remote_actors
from fediverse.store.database import Database
from fediverse.store.remote_actors import KnownKey, MissingKey

REFETCH_EVERY = timedelta(minutes=5)  # must-survive A8
NEW_HOSTS_A_MINUTE = 60  # must-survive D8
KEYS_A_MINUTE = 60  # of one server; GoToSocial's own limit is 300 requests in 5 minutes (mastodon-compat §1.7)
MAX_CONFIRMATIONS = 10_000  # remembered at once
MAX_UNDER_WAY = 200  # questions at once that nobody waits for

_MINUTE = timedelta(minutes=1)
_T = TypeVar("_T")


class Budget:
    """How many fetches a stranger can make us do in a minute."""

    def __init__(self, *, new_hosts: int = NEW_HOSTS_A_MINUTE, keys: int = KEYS_A_MINUTE) -> None:
        self._new_hosts = new_hosts
        self._keys = keys
        self._spent: deque[tuple[datetime, str, bool]] = deque()
        self._of_host: Counter[str] = Counter()
        self._new: Counter[str] = Counter()

    def spend(self, host: str, now: datetime, *, new: bool) -> None:
        """Take one fetch from `host` out of the budget. Raises Overloaded when there is none left."""
        while self._spent and not now - _MINUTE < self._spent[0][0] <= now:
            self._forget()
        if new and host not in self._new and len(self._new) >= self._new_hosts:
            raise Overloaded(60)
        if self._of_host[host] >= self._keys:
            raise Overloaded(60)
        self._spent.append((now, host, new))
        self._of_host[host] += 1
        if new:
            self._new[host] += 1

    def _forget(self) -> None:
        _, host, new = self._spent.popleft()
        for counter in (self._of_host, self._new) if new else (self._of_host,):
            counter[host] -= 1
            if counter[host] <= 0:
                del counter[host]


class Keyring:
    """Holds the fetches under way and the budget; an async context manager, since fetches end with it.

    `signing_key` gives the instance actor's key, with which every GET is signed.
    """

    def __init__(
        self,
        database: Database,
        client: Client,
        signing_key: Callable[[], Awaitable[KeyPair]],
        budget: Budget | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._signing_key = signing_key
        self._budget = budget or Budget()
        self._under_way: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._confirmed: dict[str, datetime] = {}

    async def __aenter__(self) -> Keyring:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def cached(self, key_id: str, now: datetime) -> KnownKey | None:
        """The key, if we have it; nothing is fetched."""
        known = await self._look_up(key_id, now)
        return known if isinstance(known, KnownKey) else None

    async def get(self, key_id: str, now: datetime) -> KnownKey:
        """The key, fetched if need be.

        Raises Unauthenticated(KEY_UNKNOWN and others) when its server has no such key for us, Overloaded (503) when it
        could not be asked now or the budget is spent.
        """
        known = await self._look_up(key_id, now)
        if isinstance(known, MissingKey):
            raise _unavailable(known.until - now, transient=known.transient)
        if known is None:
            known = await self._together(("get", key_id), lambda: self._fetch(key_id, now))
        return known

    async def again(self, known: KnownKey, now: datetime) -> KnownKey | None:
        """The key as its server shows it now, or None when it was asked for lately or cannot be had.

        Raises Overloaded when the budget is spent, as `get` does: the answer does not tell which keys are here.
        """
        return await self._together(("again", known.key.key_id), lambda: self._refetch(known.key.key_id, now))

    async def is_gone(self, actor_id: str, now: datetime) -> bool:
        """Ask the actor's own server whether it is no more (404 or 410); at most once in 5 minutes per actor."""
        asked = self._confirmed.get(actor_id)
        if asked is not None and asked <= now < asked + REFETCH_EVERY:
            return False
        self._confirmed.pop(actor_id, None)
        while len(self._confirmed) >= MAX_CONFIRMATIONS:
            del self._confirmed[next(iter(self._confirmed))]
        self._confirmed[actor_id] = now
        try:
            await self._spend(actor_id, now)
            await discovery.fetch_actor(self._client, actor_id, await self._signing_key(), now)
        except Gone:
            return True
        except FederationError:
            return False  # it cannot be asked now, or is there
        return False

    async def _look_up(self, key_id: str, now: datetime) -> KnownKey | MissingKey | None:
        async with self._database.read() as tx:
            return await remote_actors.look_up(tx, key_id, now)

    async def _fetch(self, key_id: str, now: datetime) -> KnownKey:
        try:
            known = await self._ask(key_id, now)
        except Overloaded:
            raise
        except FederationError as problem:
            transient = _is_transient(problem)
            async with self._database.write() as tx:
                await remote_actors.keep_missing(tx, key_id, now, transient=transient)
            if isinstance(problem, Unauthenticated):
                raise
            raise _unavailable(remote_actors.MISSING_FOR, transient=transient, safe=problem.safe) from None
        async with self._database.write() as tx:
            await remote_actors.keep(tx, known)
        return known

    async def _refetch(self, key_id: str, now: datetime) -> KnownKey | None:
        known = await self._look_up(key_id, now)
        if not isinstance(known, KnownKey):
            return None
        if known.refetched is not None and known.refetched <= now < known.refetched + REFETCH_EVERY:
            return None
        fresh = None
        if known.fetched != now:  # else it was asked for a moment ago, for this very request
            try:
                fresh = replace(await self._ask(key_id, now), refetched=now)
            except Overloaded:
                raise
            except FederationError:
                pass  # not had; that is noted
        async with self._database.write() as tx:
            await remote_actors.keep(tx, fresh or replace(known, refetched=now))
        return fresh

    async def _ask(self, key_id: str, now: datetime) -> KnownKey:
        await self._spend(key_id, now)
        found = await discovery.fetch_key(self._client, key_id, await self._signing_key(), now)
        return KnownKey(found.key, found.inbox, found.shared_inbox, fetched=now)

    async def _spend(self, url: str, now: datetime) -> None:
        host = host_of(url)
        async with self._database.read() as tx:
            known = await followers.has_many(tx, host)
        self._budget.spend(host, now, new=not known)

    def in_background(self, what: tuple[str, str], start: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something that takes questions to others after the answer to this request; once at a time per `what`."""
        if what not in self._under_way and len(self._under_way) < MAX_UNDER_WAY:
            self._start(what, start)

    async def _together(self, what: tuple[str, str], start: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Join the fetch that is under way, or start it. It goes on if whoever asked hangs up."""
        task: asyncio.Task[_T] | None = self._under_way.get(what)
        return await asyncio.shield(task or self._start(what, start))

    def _start(self, what: tuple[str, str], start: Callable[[], Coroutine[Any, Any, _T]]) -> asyncio.Task[_T]:
        task = asyncio.create_task(start())
        self._under_way[what] = task
        task.add_done_callback(lambda done: self._finished(what, done))
        return task

    def _finished(self, what: tuple[str, str], task: asyncio.Task[Any]) -> None:
        del self._under_way[what]
        if not task.cancelled():
            task.exception()  # whoever waited has been told


def _is_transient(problem: FederationError) -> bool:
    return isinstance(problem, Unreachable) and problem.transient


def _unavailable(wait: timedelta, *, transient: bool, safe: str = "") -> FederationError:
    if transient:
        return Overloaded(max(1, int(wait.total_seconds())), "The key could not be fetched")
    return Unauthenticated(Reason.KEY_UNKNOWN, safe)
