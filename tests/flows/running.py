"""The whole service running in this process, as `clarion serve` has it, on loopback TLS, for other servers to meet.

async with running(tmp_path, authority, names) as fund:      # names.addresses: whom it can reach
    await bob.post(fund.inbox, bob.activity("Follow", object=fund.actor))
    await fund.do("open")                                    # acts of its organisers, on one campaign
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.app import House, opened, serve
from actors.service import acts, drafts, people
from actors.settings import load
from tests.actors.desks import DONATE, document
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names

NAME = "fund.test"
SLUG = "roads"


@dataclass(frozen=True)
class Fund:
    """A running service with one announcing actor, `@fund@fund.test:<port>`."""

    house: House
    actor: str

    @property
    def origin(self) -> str:
        return self.house.settings.origin

    @property
    def inbox(self) -> str:
        """The shared inbox."""
        return f"{self.origin}/inbox"

    async def do(self, act: str, **how: Any) -> None:
        """One act of `actors.service.acts` on the campaign, by an operator."""
        async with self.house.database.write() as tx:
            await getattr(acts, act)(tx, self.house.desk, None, SLUG, **how)

    async def public_pem(self) -> str:
        return (await self.house.federation.key(self.actor)).public_pem()


@contextlib.asynccontextmanager
async def running(folder: Path, authority: Authority, names: Names, *, senders: int = 2) -> AsyncIterator[Fund]:
    """Serve and send until the block ends. Peers that it has to reach are in `names` before that."""
    listener = names.listen(NAME)
    chain, private = authority.write_certificate(NAME, folder)
    private.chmod(0o600)
    settings = load(
        {
            "CLARION_ORIGIN": f"https://{NAME}:{listener.getsockname()[1]}",
            "CLARION_CONTACT": "ops@fund.test",
            "CLARION_DATA": str(folder / "data"),
            "CLARION_TLS_CERT": str(chain),
            "CLARION_TLS_KEY": str(private),
            "CLARION_CA_FILE": str(authority.ca_file),
            "CLARION_ALLOW_ADDRESSES": str(LOOPBACK),
            "CLARION_RESOLVE": ",".join(f"{name}={address}" for name, address in names.addresses.items()),
            "CLARION_PACE": "off",
        }
    )
    async with opened(settings) as house:
        stop = asyncio.Event()
        service = asyncio.create_task(serve(house, stop=stop, senders=senders, listener=listener))
        try:
            yield Fund(house, await _settle_in(house))
        finally:
            stop.set()
            await service


async def _settle_in(house: House) -> str:
    """An actor, a destination and the draft of a campaign in one language."""
    key = people.new_key(house.desk)
    async with house.database.write() as tx:
        actor = await people.create_actor(tx, house.desk, key, handle="fund", name="The fund", summary="We *help*.")
        await people.add_destination(
            tx, house.desk, None, actor.id, label="Solidarity fund", url=DONATE, kind="money", currency="EUR"
        )
        await drafts.put_draft(tx, house.desk, None, SLUG, document("en"), actor=actor.id)
    return actor.id
