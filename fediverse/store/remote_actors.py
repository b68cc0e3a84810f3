"""The keys of others, as fetched from their own origin, and for how long a failed fetch is not tried again.

Rows are found by a keyed hash of the key id and sealed: the table does not say whose keys they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from fediverse.protocol.keys import PublicKey
from fediverse.store.database import Transaction
from fediverse.store.schema import remote_keys

GOOD_FOR = timedelta(days=1)  # Mastodon's STALE_THRESHOLD for the same (mastodon-compat §1.2)
MISSING_FOR = timedelta(minutes=10)  # must-survive A9
MAX_ROWS = 50_000  # 1.2 kB each: 60 MB at worst (must-survive E9)

_PURPOSE = "remote key"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key, the inboxes of its owner, and when they were fetched.

    `refetched` is when they were last asked for again because a signature did not match.
    """

    key: PublicKey
    inbox: str
    shared_inbox: str | None
    fetched: datetime
    refetched: datetime | None = None


@dataclass(frozen=True, slots=True)
class MissingKey:
    """The key was asked for and not had; not to be asked for again before `until`."""

    transient: bool
    until: datetime


async def look_up(tx: Transaction, key_id: str, now: datetime) -> KnownKey | MissingKey | None:
    """What we know of a key id: the key, that it could not be had lately, or None when it is time to ask."""
    row = await tx.row(select(remote_keys.c.sealed, remote_keys.c.fetched).where(remote_keys.c.key == _key(tx, key_id)))
    if row is None:
        return None
    fetched: datetime = row["fetched"]
    known: dict[str, Any] = {"transient": False}
    if row["sealed"] is not None:
        known = json.loads(tx.sealer.unseal(_PURPOSE, row["sealed"]))
    if "transient" in known:
        until = fetched + MISSING_FOR
        return MissingKey(known["transient"], until) if fetched <= now < until else None
    if not fetched <= now < fetched + GOOD_FOR:
        return None
    refetched = known["refetched"] and datetime.fromtimestamp(known["refetched"], UTC)
    key = PublicKey.from_pem(known["pem"], key_id, known["owner"])
    return KnownKey(key, known["inbox"], known["shared_inbox"], fetched, refetched)


async def keep(tx: Transaction, known: KnownKey) -> None:
    """Store a key in place of whatever was known under its id."""
    await _store(
        tx,
        known.key.key_id,
        {
            "pem": known.key.pem(),
            "owner": known.key.owner,
            "inbox": known.inbox,
            "shared_inbox": known.shared_inbox,
            "refetched": known.refetched and known.refetched.timestamp(),
        },
        known.fetched,
    )


async def keep_missing(tx: Transaction, key_id: str, now: datetime, *, transient: bool) -> None:
    """Note that the key could not be had."""
    await _store(tx, key_id, {"transient": True} if transient else None, now)


async def prune(tx: Transaction, now: datetime, *, max_rows: int = MAX_ROWS) -> int:
    """Forget keys of more than a day, and the oldest beyond `max_rows`; how many rows that were."""
    stale = await tx.execute(delete(remote_keys).where(remote_keys.c.fetched < now - GOOD_FOR))
    newest_beyond = select(remote_keys.c.fetched).order_by(remote_keys.c.fetched.desc()).offset(max_rows).limit(1)
    since: datetime | None = await tx.value(newest_beyond)
    if since is None:
        return stale.rowcount
    beyond = await tx.execute(delete(remote_keys).where(remote_keys.c.fetched <= since))
    return stale.rowcount + beyond.rowcount


async def _store(tx: Transaction, key_id: str, known: dict[str, Any] | None, fetched: datetime) -> None:
    values = {"sealed": known and tx.sealer.seal(_PURPOSE, json.dumps(known)), "fetched": fetched}
    statement = tx.insert(remote_keys).values(key=_key(tx, key_id), **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))


def _key(tx: Transaction, key_id: str) -> str:
    return tx.sealer.hash("remote key", key_id)
