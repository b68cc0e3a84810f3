"""The inboxes, personal and shared: the request is put together as it came over the wire and given to `inbox.receive`.

They never redirect: a redirected POST loses its signature (mastodon-compat §1.5).
"""

from __future__ import annotations

import asyncio
from typing import Any

from quart import Blueprint, Response
from quart import request as current
from werkzeug.exceptions import RequestTimeout

from fediverse.exchange import inbox
from fediverse.federation import Federation
from fediverse.protocol.errors import FederationError, Malformed, NotHere, TooLarge
from fediverse.protocol.messages import Request
from fediverse.protocol.strict_json import MAX_BYTES
from fediverse.store import local_actors
from fediverse.web.answers import refuse_for

BODY_TIMEOUT = 10  # seconds for the whole body (must-survive §4.1)


def add_to(routes: Blueprint, federation: Federation, body_timeout: float) -> None:
    """Add the routes."""

    @routes.post("/inbox")
    async def shared() -> Response:
        return await _take(federation, body_timeout)

    @routes.post("/actor/inbox", defaults={"opaque": None})
    @routes.post("/actors/<opaque>/inbox")
    async def personal(opaque: str | None) -> Response:
        urls = federation.urls
        async with federation.database.read() as tx:
            owner = await local_actors.by_id(tx, urls.instance_actor if opaque is None else urls.actor(opaque))
        if owner is None:
            raise NotHere
        return await _take(federation, body_timeout)


async def _take(federation: Federation, body_timeout: float) -> Response:
    try:
        body = await _body(body_timeout)
        await inbox.receive(federation.reception, _as_received(body))
    except FederationError as refusal:
        return refuse_for(refusal)
    answer = Response(b"", 202)
    del answer.headers["Content-Type"]
    return answer


async def _body(timeout: float) -> bytes:
    """The body, counted while it comes in: `Content-Length` is only a claim. Raises TooLarge, RequestTimeout (408)."""
    claimed = current.headers.get("Content-Length")
    if claimed is not None and not (claimed.isascii() and claimed.isdigit()):
        raise Malformed("Content-Length is not a number")
    if claimed is not None and int(claimed) > MAX_BYTES:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in current.body:
                body += chunk
                if len(body) > MAX_BYTES:
                    raise TooLarge
    except TimeoutError:
        raise RequestTimeout from None
    return bytes(body)


def _as_received(body: bytes) -> Request:
    scope: Any = current.scope
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    return Request(scope["method"], target.decode("latin-1"), headers, body)
