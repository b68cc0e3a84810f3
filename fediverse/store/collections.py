"""What an actor shows: the featured notes in their order, and the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from fediverse.protocol.strict_json import loads_object
from fediverse.store.database import Transaction
from fediverse.store.schema import activities, featured, objects

_SHOWN = activities.join(objects, objects.c.id == activities.c.object)


async def featured_notes(tx: Transaction, actor: str) -> list[str]:
    """The ids of the pinned notes, first pin first (at most 5: mastodon-compat §1.7, Misskey)."""
    rows = await tx.rows(
        select(featured.c.object).where(featured.c.actor == actor).order_by(featured.c.position, featured.c.object)
    )
    return [row["object"] for row in rows]


async def pin(tx: Transaction, actor: str, object_id: str, position: int) -> None:
    """Put a note among the featured ones, or move it."""
    statement = tx.insert(featured).values(actor=actor, object=object_id, position=position)
    await tx.execute(statement.on_conflict_do_update(index_elements=["actor", "object"], set_={"position": position}))


async def unpin(tx: Transaction, actor: str, object_id: str) -> None:
    """Take a note out of the featured ones."""
    await tx.execute(delete(featured).where(featured.c.actor == actor, featured.c.object == object_id))


async def outbox_count(tx: Transaction, actor: str) -> int:
    """How many activities the outbox lists."""
    return int(await tx.value(select(func.count()).select_from(_SHOWN).where(*_listed(actor))) or 0)


async def outbox_page(
    tx: Transaction, actor: str, *, before: datetime | None, limit: int
) -> list[tuple[datetime, dict[str, Any]]]:
    """Activities older than `before`, newest first, with their moments; a Create carries its note's newest form.

    `limit` of them, and what else was said at the moment of the last: the next page goes on before that moment.
    """
    older = _listed(actor) if before is None else (*_listed(actor), activities.c.published < before)
    newest_first = activities.c.published.desc()
    moments = select(activities.c.published).select_from(_SHOWN).where(*older).order_by(newest_first)
    last: datetime | None = await tx.value(moments.offset(limit - 1).limit(1))
    chosen = (
        select(activities.c.body, activities.c.published, objects.c.body.label("note"))
        .select_from(_SHOWN)
        .where(*older)
        .order_by(newest_first, activities.c.id)
    )
    if last is not None:
        chosen = chosen.where(activities.c.published >= last)
    return [(row["published"], _with_note(row["body"], row["note"])) for row in await tx.rows(chosen)]


def _listed(actor: str) -> Sequence[Any]:
    return (activities.c.actor == actor, activities.c.listed, objects.c.body.is_not(None))


def _with_note(envelope: str, note: str) -> dict[str, Any]:
    return {**loads_object(envelope.encode()), "object": loads_object(note.encode())}
