"""Answers kept by Idempotency-Key, so that a repeat is the same answer and never a second act (must-survive H9).

`begin`, the act and `keep` share one transaction: whoever comes second with the same key waits for the first, and
finds its answer or, if it failed, a free key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from actors.store.schema import answers
from fediverse.protocol.strict_json import Json, canonical
from fediverse.store.database import Transaction

MAX_KEY = 255  # characters, as elsewhere (must-survive §3)
KEPT_FOR = timedelta(days=2)


class KeyReused(ValueError):
    """This key came before with another request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: a status and the body, as text."""

    status: int
    body: str


def fingerprint(method: str, path: str, body: Json) -> str:
    """What makes two requests the same: method, path and canonical body (RFC 8785)."""
    return hashlib.sha256(canonical([method, path, body])).hexdigest()


async def begin(tx: Transaction, asker: str, key: str, request: str, now: datetime) -> Answer | None:
    """Claim the key for this request (its `fingerprint`); the kept answer if it was carried out before.

    `asker` is an organiser's id. Raises KeyReused where the key came with another request.
    """
    hashed = _hash(key)
    mine = (answers.c.asker == asker, answers.c.key == hashed)
    await tx.execute(delete(answers).where(*mine, answers.c.at <= now - KEPT_FOR))
    claimed = tx.insert(answers).values(asker=asker, key=hashed, body=request, at=now).on_conflict_do_nothing()
    if (await tx.execute(claimed)).rowcount > 0:
        return None
    row = await tx.row(select(answers).where(*mine))
    if row is None or row["body"] != request:
        raise KeyReused("this Idempotency-Key was used for another request")
    if row["status"] is None:
        # Claimed in this very transaction and not answered yet: the caller began twice.
        raise RuntimeError("an idempotent act inside itself")
    return Answer(row["status"], row["answer"])


async def keep(tx: Transaction, asker: str, key: str, answer: Answer) -> None:
    """Keep the answer to the request that claimed the key."""
    mine = (answers.c.asker == asker, answers.c.key == _hash(key))
    await tx.execute(update(answers).where(*mine).values(status=answer.status, answer=answer.body))


async def prune(tx: Transaction, now: datetime) -> int:
    """Forget answers older than two days; how many there were."""
    return (await tx.execute(delete(answers).where(answers.c.at <= now - KEPT_FOR))).rowcount


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
