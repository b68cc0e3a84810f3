"""The inboxes we may post to. Shared ones stand readable, personal ones are sealed: they name a person."""

from __future__ import annotations

from sqlalchemy.engine import RowMapping

from fediverse.protocol.origins import host_of
from fediverse.store.database import Transaction
from fediverse.store.schema import hosts, inboxes

_PURPOSE = "inbox"


async def remember(tx: Transaction, url: str, *, shared: bool) -> str:
    """Store the inbox and its host, if they are new; the key to find it by. `url` is canonical (origins.check_url)."""
    key = key_of(tx, url)
    host = host_of(url)
    await tx.execute(tx.insert(hosts).values(name=host).on_conflict_do_nothing())
    await tx.execute(
        tx.insert(inboxes)
        .values(
            key=key,
            host=host,
            shared=shared,
            url=url if shared else None,
            sealed=None if shared else tx.sealer.seal(_PURPOSE, url),
        )
        .on_conflict_do_nothing()
    )
    return key


def key_of(tx: Transaction, url: str) -> str:
    """The keyed hash an inbox is found by."""
    return tx.sealer.hash(_PURPOSE, url)


def url_in(tx: Transaction, row: RowMapping) -> str:
    """The URL in a row with the columns `url` and `sealed` of an inbox."""
    url: str = row["url"] or tx.sealer.unseal(_PURPOSE, row["sealed"])
    return url
