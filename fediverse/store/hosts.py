"""What software other hosts run: asked once in a while, so that an act knows which of them take no edits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, or_, select, update

from fediverse.store.database import Transaction
from fediverse.store.schema import followers, hosts, inboxes


async def to_ask(tx: Transaction, *, asked_before: datetime, limit: int) -> Sequence[str]:
    """Hosts with a follower, never asked for their software or not since `asked_before`; the never asked ones first."""
    behind = inboxes.join(followers, followers.c.inbox == inboxes.c.key)
    followed = exists().select_from(behind).where(inboxes.c.host == hosts.c.name)
    rows = await tx.rows(
        select(hosts.c.name)
        .where(or_(hosts.c.software_asked.is_(None), hosts.c.software_asked <= asked_before), followed)
        .order_by(hosts.c.software_asked.is_not(None), hosts.c.software_asked, hosts.c.name)
        .limit(limit)
    )
    return [row["name"] for row in rows]


async def asking(tx: Transaction, names: Sequence[str], asked: datetime) -> None:
    """Note down when these were asked, so that nobody else asks them now. In the order of names, as all locks."""
    await tx.lock(select(hosts.c.name).where(hosts.c.name.in_(names)).order_by(hosts.c.name))
    await tx.execute(update(hosts).where(hosts.c.name.in_(names)).values(software_asked=asked))


async def runs(tx: Transaction, name: str, software: str | None, asked: datetime) -> None:
    """Remember the software of a host, in lower case; None where it names none."""
    lower = None if software is None else software.lower()
    await tx.execute(update(hosts).where(hosts.c.name == name).values(software=lower, software_asked=asked))


async def software_of(tx: Transaction, name: str) -> str | None:
    """The software of a host as far as we know."""
    known: str | None = await tx.value(select(hosts.c.software).where(hosts.c.name == name))
    return known
