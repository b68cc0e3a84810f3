"""A sender in a process of its own, to be killed: what `clarion deliver` is made of, with a clock that may be ahead.

    python -m tests.flows.sender '{"database": …, "resolve": {…}, "ca_file": …, "at_once": 8, "ahead": 0, "forever": 1}'

`ahead` (seconds) is how much time has passed for it: leases of senders that died lapse without anybody waiting. Without
`forever` it ends once nothing is due.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop

from fediverse.exchange.client import Client, user_agent
from fediverse.exchange.delivery import send_due, send_forever
from fediverse.federation import Federation
from fediverse.protocol.nodeinfo import About
from fediverse.store.database import Database
from fediverse.store.sealed import Sealer
from tests.fediverse.store.building import ORIGIN, SECRET
from tests.peers.names import LOOPBACK


async def main(what: dict[str, Any]) -> None:
    """Send, unpaced, until killed or until nothing is due."""
    ahead = timedelta(seconds=what["ahead"])
    client = Client(
        user_agent=user_agent(ORIGIN), exempt=[LOOPBACK], resolve=what["resolve"], ca_file=Path(what["ca_file"])
    )
    async with Database(what["database"], Sealer(SECRET)) as database, client:
        federation = Federation(
            origin=ORIGIN,
            handle_domain="fund.example",
            database=database,
            client=client,
            clock=lambda: datetime.now(UTC) + ahead,
            new_id=lambda: secrets.token_hex(16),
            random=random.random,
            about=About(name="Fund", description="A test", contact="ops@fund.example"),
            version="0",
            pace=None,
        )
        async with federation:
            if what["forever"]:
                await send_forever(federation.sending, at_once=what["at_once"], stop=asyncio.Event())
            else:
                await send_due(federation.sending, at_once=what["at_once"])


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
