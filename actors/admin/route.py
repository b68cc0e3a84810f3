"""What a row of the table of routes is made of, and what passes between the door and an act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.admin.asking import Condition
from actors.service.desk import Desk
from actors.store.organisers import Organiser
from fediverse.protocol.strict_json import Json
from fediverse.store.database import Transaction

SMALL: Final = 64 * 1024
"""Bytes; many times the longest body of a move."""
WHOLE_CAMPAIGN: Final = 512 * 1024
"""Bytes; three languages with 20,000 characters of full text, each written as `\\uXXXX`, are 380 kB."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose token is known. `tx` is the transaction of the act, or one that only looks.

    `path` and `query` hold texts as they stood in the URL; `body` is `{}` where there was none.
    """

    tx: Transaction
    desk: Desk
    by: Organiser
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Json]
    condition: Condition
    plain: bool = False
    """Whether the caller would rather have text than JSON."""

    @property
    def slug(self) -> str:
        """The campaign in the path."""
        return self.path["slug"]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: JSON, or text where that was asked for. A document with a `version` goes out with its ETag."""

    document: dict[str, Json]
    status: int = 200
    text: str | None = None


Handler: TypeAlias = Callable[[Ask], Awaitable[Said]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """A body: the name of its schema, whether it may be left out, and how many bytes it may have."""

    schema: str
    optional: bool = False
    most: int = SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A row of the table. GET looks, anything else acts and takes an organiser's token.

    `path` stands below /admin/v1, with `{names}`; `handler` is None for the description of everything, which is for
    everybody. `answers` names the schema of the answer, `created` whether it can be 201, `problems` which statuses it
    can refuse with besides those every route has. `query` holds the names of parameters and what they mean.
    """

    method: str
    path: str
    handler: Handler | None
    summary: str
    answers: str
    takes: Takes | None = None
    created: bool = False
    conditional: bool = False
    as_text: bool = False
    query: tuple[tuple[str, str], ...] = ()
    problems: tuple[int, ...] = ()

    @property
    def acts(self) -> bool:
        """Whether this changes something."""
        return self.method != "GET"

    @property
    def repeatable(self) -> bool:
        """Whether an Idempotency-Key makes a repeat safe; PUT and PATCH are safe by themselves."""
        return self.method == "POST"

    @property
    def name(self) -> str:
        """The operation's id."""
        return self.handler.__name__ if self.handler is not None else "describe"
