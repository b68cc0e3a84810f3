"""Which software a host runs, looked up in the background: once per new host, and again after 30 days.

An act must not wait for anybody's NodeInfo, so the answer is there before it is needed or it is not used. A host is
noted down as asked before it is asked: several processes do not ask twice, and one that dies leaves it for later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from fediverse.exchange import discovery
from fediverse.exchange.client import Client
from fediverse.protocol.errors import FederationError
from fediverse.protocol.keys import KeyPair
from fediverse.store import hosts
from fediverse.store.database import Database

AGAIN: Final = timedelta(days=30)
LATER: Final = timedelta(hours=1)
"""When a host is asked again that gave no answer."""
A_MINUTE: Final = 60
"""How many hosts are asked in a minute, whatever happens: an avalanche of followers is no reason to start one."""
AT_ONCE: Final = 8
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the look-up needs; `key` gives the key of the instance actor. It remembers what the last minute cost."""

    database: Database
    client: Client
    clock: Callable[[], datetime]
    key: Callable[[], Awaitable[KeyPair]]
    _spent: deque[datetime] = field(default_factory=deque, init=False, repr=False)

    async def look_up(self) -> int:
        """Ask whoever is to be asked now, as far as the minute's budget goes; how many hosts that were."""
        now = self.clock()
        while self._spent and not now - _MINUTE < self._spent[0] <= now:
            self._spent.popleft()
        limit = A_MINUTE - len(self._spent)
        if limit <= 0:
            return 0
        async with self.database.read() as tx:
            names = await hosts.to_ask(tx, asked_before=now - AGAIN, limit=limit)
        if not names:
            return 0
        async with self.database.write() as tx:
            names = await hosts.to_ask(tx, asked_before=now - AGAIN, limit=limit)
            await hosts.asking(tx, names, now - AGAIN + LATER)
        self._spent.extend([now] * len(names))
        key, places = await self.key(), asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(self._ask(name, key, places))
        return len(names)

    async def _ask(self, name: str, key: KeyPair, places: asyncio.Semaphore) -> None:
        async with places:
            try:
                software = await discovery.fetch_software(self.client, name, key, self.clock())
            except FederationError:
                return  # what we knew stays; it is asked again later
        async with self.database.write() as tx:
            await hosts.runs(tx, name, software, self.clock())
