"""Answers: exact content types, strong ETags, 304, and refusals as one short line of JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

from quart import Request, Response

from fediverse.protocol.contexts import contextual
from fediverse.protocol.documents import ACTIVITY_JSON
from fediverse.protocol.errors import FederationError, Overloaded, Unreachable
from fediverse.protocol.media_types import wants_activity
from fediverse.protocol.strict_json import Json, dumps
from fediverse.store.local_actors import LocalActor
from fediverse.store.objects import StoredObject

Kind: TypeAlias = Literal["actor", "note", "gone"]
Html: TypeAlias = Callable[[Kind, LocalActor | StoredObject, Request], Awaitable[Response | None]]

# Asked again each time, and answered with 304: a closed appeal is never served open from a cache in between.
REVALIDATED = "no-cache"
DISCOVERY_MAX_AGE = "max-age=600"
ASK_AGAIN = 600  # seconds, where the fault lies with a third server


def activity(request: Request, document: Mapping[str, Json], *, status: int = 200) -> Response:
    """One of our documents with its context, as `application/activity+json`; 304 in place of 200 to whoever has it."""
    answer = content(request, dumps(contextual(document)), ACTIVITY_JSON, REVALIDATED, status=status)
    answer.headers["Vary"] = "Accept"
    return answer


def discovery(request: Request, body: bytes, content_type: str) -> Response:
    """A discovery document, open to scripts of every origin (RFC 7033 §5)."""
    answer = content(request, body, content_type, DISCOVERY_MAX_AGE)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def content(request: Request, body: bytes, content_type: str, cache_control: str, *, status: int = 200) -> Response:
    """Bytes with a strong ETag of them, or 304 in place of 200 without them (RFC 9110 §13.1.2, §13.2.1)."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    answer = Response(body, status, content_type=content_type)
    if status == 200 and _has(request, etag):
        answer = Response(b"", 304)
        del answer.headers["Content-Type"]
        del answer.headers["Content-Length"]
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = cache_control
    return answer


def refuse(status: int, safe: str, *, retry_after: int | None = None) -> Response:
    """A refusal: the status and one safe text, nothing that tells about our insides (must-survive J5)."""
    answer = Response(json.dumps({"error": safe}), status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def refuse_for(problem: FederationError) -> Response:
    """The refusal an error stands for."""
    return refuse(problem.status, problem.safe, retry_after=retry_after(problem))


def retry_after(problem: FederationError) -> int | None:
    """When to ask again, in seconds, where the error says that it helps."""
    if isinstance(problem, Overloaded):
        return problem.retry_after
    return ASK_AGAIN if isinstance(problem, Unreachable) and problem.status == 503 else None


async def negotiate(
    request: Request, html: Html, kind: Kind, value: LocalActor | StoredObject, as_json: Callable[[], Response]
) -> Response:
    """The page or the document of one URL, whichever the client would rather have; both vary by `Accept`."""
    if not wants_activity(", ".join(request.headers.getlist("Accept"))):
        page = await html(kind, value, request)
        if page is not None:
            page.headers.add("Vary", "Accept")
            return page
    return as_json()


def _has(request: Request, etag: str) -> bool:
    if request.method not in ("GET", "HEAD"):
        return False
    named: list[Any] = [
        tag.strip().removeprefix("W/") for line in request.headers.getlist("If-None-Match") for tag in line.split(",")
    ]
    return etag in named or named == ["*"]
