"""The notes of our actors: one stable id each, a growing version, the JSON as it is served now.

An open form carries `valid_until`: past it, this form leaves the house no more, whatever else stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import RowMapping

from fediverse.protocol.strict_json import dumps, loads_object
from fediverse.store.database import Transaction
from fediverse.store.schema import objects

_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A note as it stands; `body` is None once it was retracted."""

    id: str
    owner: str
    version: int
    body: dict[str, Any] | None
    reply_to: str | None
    published: datetime
    updated: datetime
    valid_until: datetime | None
    deleted: datetime | None


async def current(tx: Transaction, object_id: str) -> StoredObject | None:
    """The newest form of a note, or None if we never had it."""
    row = await tx.row(select(objects).where(objects.c.id == object_id))
    return None if row is None else _read(row)


async def add(
    tx: Transaction,
    *,
    object_id: str,
    owner: str,
    body: dict[str, Any],
    reply_to: str | None,
    valid_until: datetime | None,
    now: datetime,
) -> None:
    """Store version 1. An id is never used twice: the database refuses it."""
    await tx.execute(
        objects.insert().values(
            id=object_id,
            owner=owner,
            version=1,
            body=dumps(body).decode(),
            reply_to=reply_to,
            published=now,
            updated=now,
            valid_until=valid_until,
        )
    )


async def replace(
    tx: Transaction, before: StoredObject, *, body: dict[str, Any], valid_until: datetime | None, updated: datetime
) -> int:
    """Store the next version; its number."""
    version = before.version + 1
    await tx.execute(
        update(objects)
        .where(objects.c.id == before.id)
        .values(version=version, body=dumps(body).decode(), updated=updated, valid_until=valid_until)
    )
    return version


async def bury(tx: Transaction, object_id: str, now: datetime) -> None:
    """Retract: nothing of the text stays in this table.

    What answers it answers nothing from now on. Where such a note has not arrived yet, Mastodon would keep it out of
    every home feed for a parent that nobody can fetch (mastodon-compat §4.1), and Misskey would refuse it (§1.7).
    """
    await tx.execute(
        update(objects).where(objects.c.id == object_id).values(body=None, valid_until=None, deleted=now, updated=now)
    )
    for row in await tx.rows(select(objects).where(objects.c.reply_to == object_id, objects.c.body.is_not(None))):
        answer = {name: value for name, value in loads_object(row["body"].encode()).items() if name != "inReplyTo"}
        await tx.execute(
            update(objects).where(objects.c.id == row["id"]).values(body=dumps(answer).decode(), reply_to=None)
        )


def after(before: datetime, now: datetime) -> datetime:
    """A moment for `updated` that is later than `before`, even if the clock stood still or went back.

    Receivers ignore an edit whose `updated` is not greater (mastodon-compat §4.1).
    """
    return max(now, before + _TICK)


def _read(row: RowMapping) -> StoredObject:
    body = row["body"]
    return StoredObject(**{**row, "body": None if body is None else loads_object(body.encode())})
