"""Reads what stands in a request, and refuses it before anything is done (must-survive §4.1, rows H1, H2, H6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from quart import Request

from actors.admin.problems import Declined
from actors.refusals import Problems, Refused
from actors.store.idempotency import MAX_KEY
from fediverse.protocol.errors import Malformed, TooLarge
from fediverse.protocol.strict_json import Json, loads_object

BODY_TIMEOUT: Final = 10.0  # seconds for a whole body (must-survive §4.1)
MAX_NUMBER: Final = 2**31 - 1  # the largest the databases' integer columns hold

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,256}={0,2}", re.ASCII)
_VERSION = re.compile(r'"([0-9]{1,9})"', re.ASCII)
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the caller says about the version that stands: `version` is exactly it, `exists` and `is_new` are stars."""

    version: int | None = None
    exists: bool = False
    is_new: bool = False


def token(request: Request) -> str:
    """The bearer token of the Authorization header, and of nowhere else (RFC 6750 §2.1). Raises Declined, 401."""
    given = request.headers.getlist("Authorization")
    if not given:
        raise Declined.token("Send it as `Authorization: Bearer …`, never in a URL")
    scheme, _, found = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or _TOKEN.fullmatch(found) is None:
        raise Declined.token("There must be one Authorization header, `Bearer` and a token", error="invalid_request")
    return found


def query(request: Request, known: Iterable[str]) -> Mapping[str, str]:
    """The parameters behind the `?`, each known and there once. Raises Malformed; none of them is repeated in it."""
    allowed = tuple(known)
    given = list(request.args.items(multi=True))
    if any(name not in allowed for name, _ in given):
        raise Malformed("The URL has a parameter that is not known here; a token never stands in a URL")
    if len(dict(given)) < len(given):
        raise Malformed("The URL has a parameter twice")
    return dict(given)


def number(values: Mapping[str, str], name: str, *, default: int | None, most: int = MAX_NUMBER) -> int | None:
    """A whole number from 1 to `most` among the parameters. Raises Refused naming it."""
    text = values.get(name)
    if text is None:
        return default
    if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= most:
        raise Refused.field(name, f"must be a whole number from 1 to {most}")
    return int(text)


def condition(request: Request) -> Condition:
    """If-Match and If-None-Match. Raises Malformed for what names no single version."""
    match, none_match = request.headers.getlist("If-Match"), request.headers.getlist("If-None-Match")
    if len(match) + len(none_match) > 1 or (none_match and none_match != ["*"]):
        raise Malformed('One If-Match with one version, such as "3", or If-None-Match: *')
    if none_match:
        return Condition(is_new=True)
    if not match:
        return Condition()
    if match[0].strip() == "*":
        return Condition(exists=True)
    found = _VERSION.fullmatch(match[0].strip())
    if found is None:
        raise Malformed('If-Match names one version in quotes, such as "3"')
    return Condition(version=int(found[1]))


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, if there is one. Raises Refused naming it."""
    given = request.headers.getlist("Idempotency-Key")
    if not given:
        return None
    if len(given) > 1 or _KEY.fullmatch(given[0]) is None:
        raise Refused.field("Idempotency-Key", f"must be 1 to {MAX_KEY} visible ASCII characters")
    return given[0]


async def body(request: Request, *, most: int, required: bool, timeout: float = BODY_TIMEOUT) -> dict[str, Json]:
    """The JSON object in the body, counted while it comes in; `{}` for no body where none is required.

    Raises TooLarge, Malformed, Declined (408, 415).
    """
    data = await _read(request, most, timeout)
    if not data and not required:
        return {}
    if request.headers.getlist("Content-Encoding"):
        raise Declined(415, "The body must not be encoded")
    if len(request.headers.getlist("Content-Type")) != 1 or request.mimetype != "application/json":
        raise Declined(415, "Send `Content-Type: application/json`")
    return loads_object(data, max_bytes=most)


async def _read(request: Request, most: int, timeout: float) -> bytes:
    claimed = request.headers.get("Content-Length")
    if claimed is not None and not (claimed.isascii() and claimed.isdigit()):
        raise Malformed("Content-Length is not a number")
    if claimed is not None and int(claimed) > most:
        raise TooLarge
    data = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in request.body:
                data += chunk
                if len(data) > most:
                    raise TooLarge
    except TimeoutError:
        raise Declined(408, f"A body has {timeout:g} seconds") from None
    return bytes(data)


class Fields:
    """The members of a body, each asked for by name; `settle` refuses what is wrong or was not asked for."""

    def __init__(self, body: Mapping[str, Json]) -> None:
        self._body = body
        self._asked: set[str] = set()
        self._problems = Problems()

    def value(self, name: str) -> Json:
        """A member as it came, None where it is missing; whoever takes it checks it."""
        self._asked.add(name)
        return self._body.get(name)

    def text(self, name: str) -> str | None:
        """A text, None where it is missing."""
        found = self.value(name)
        if found is not None and not isinstance(found, str):
            self._problems.add(name, "must be text")
        return found if isinstance(found, str) else None

    def flag(self, name: str) -> bool:
        """true or false, false where it is missing."""
        found = self.value(name)
        if found is not None and not isinstance(found, bool):
            self._problems.add(name, "must be true or false")
        return found is True

    def choice(self, name: str, choices: Iterable[str], default: str) -> str:
        """One of several words, `default` where it is missing."""
        words = tuple(choices)
        found = self.value(name)
        if found is not None and (not isinstance(found, str) or found not in words):
            self._problems.add(name, f"must be {' or '.join(words)}")
            return default
        return default if found is None else str(found)

    def settle(self) -> None:
        """Raises Refused naming every member at fault."""
        for name in self._body:
            if name not in self._asked:
                self._problems.add(name, "is not a field of this request")
        self._problems.settle()
