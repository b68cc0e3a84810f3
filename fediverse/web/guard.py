"""What stands before every route of the app: one host, plain paths, few and short headers. Pure ASGI.

The checks look at the request as it came over the wire, before any framework has decoded, merged or guessed anything
(must-survive §4.1). `X-Forwarded-Host` and its kin are never read.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Sequence

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope, Scope, WebsocketScope
from quart import Quart, Response
from werkzeug.exceptions import HTTPException

from fediverse.federation import Federation
from fediverse.protocol import webfinger
from fediverse.protocol.errors import FederationError, HeadersTooLarge, Malformed, Misdirected, NotHere
from fediverse.protocol.origins import host_of
from fediverse.web.answers import refuse, refuse_for

MAX_HEADERS = 64
MAX_HEADER = 8192  # bytes of one value
HEALTH = b"/health"
# Where handles are looked up: their domain may be another than that of the ids, and its proxy passes these on to us
# (mastodon-compat §6.1).
OF_HANDLES = frozenset({webfinger.WELL_KNOWN.encode(), webfinger.HOST_META.encode()})

# Nothing of ours has a path that needs decoding, so nothing is ever decoded twice or once too often.
_PLAIN_PATH = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]+/)*[A-Za-z0-9._~!$&'()*+,;=:@-]*")
_DOTS = re.compile(rb"/\.\.?(?:/|$)")

log = logging.getLogger(__name__)


def guard(app: Quart, federation: Federation, *, problems_below: bytes | None = None) -> None:
    """Put the checks before `app`, `X-Content-Type-Options` on its answers, and JSON in place of its error pages.

    Below the path `problems_below` what the checks refuse is a problem document (RFC 9457).
    """
    inner, host = app.asgi_app, federation.urls.host.encode()
    handles = host_of(f"https://{federation.handle_domain}").encode()

    async def guarded(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        refusal = judge(scope, host, handles)
        if refusal is not None:
            as_problem = problems_below is not None and scope["raw_path"].startswith(problems_below)
            await _send_refusal(send, refusal, as_problem=as_problem)
        else:
            await inner(scope, receive, _with_nosniff(send))

    app.asgi_app = guarded  # type: ignore[method-assign]
    app.register_error_handler(FederationError, _on_federation_error)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(Exception, _on_exception)


def judge(scope: HTTPScope | WebsocketScope, host: bytes, handles: bytes) -> FederationError | None:
    """Why this request is refused before anybody looks at it, or None.

    `host` is the canonical one, `handles` that of the handles (often the same), both in lower case.
    """
    headers = list(scope["headers"])
    if len(headers) > MAX_HEADERS or any(len(value) > MAX_HEADER for _, value in headers):
        return HeadersTooLarge()
    path = scope["raw_path"]
    if not path.startswith(b"/"):
        return Malformed("The request target is not a path")
    asked = [value.lower() for value in _all(headers, b"host")]
    if path != HEALTH and asked != [host] and not (path in OF_HANDLES and asked == [handles]):
        return Misdirected()
    if _all(headers, b"content-length") and _all(headers, b"transfer-encoding"):
        return Malformed("Content-Length and Transfer-Encoding exclude each other")
    if not _PLAIN_PATH.fullmatch(path) or _DOTS.search(path):
        return NotHere()
    return None


def _all(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


async def _send_refusal(send: ASGISendCallable, refusal: FederationError, *, as_problem: bool) -> None:
    problem = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": refusal.safe}
    body = json.dumps(problem if as_problem else {"error": refusal.safe}).encode()
    headers = [
        (b"content-type", b"application/problem+json" if as_problem else b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _with_nosniff(send: ASGISendCallable) -> ASGISendCallable:
    async def sending(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            event["headers"] = [*event["headers"], (b"x-content-type-options", b"nosniff")]
        await send(event)

    return sending


async def _on_federation_error(problem: FederationError) -> Response:
    return refuse_for(problem)


async def _on_http_exception(problem: HTTPException) -> Response:
    status = problem.code or 500
    answer = refuse(status, problem.name)
    for name, value in problem.get_headers():
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


async def _on_exception(problem: Exception) -> Response:
    # The type and the place are ours; the message may hold what somebody sent, or the values of a statement.
    place = traceback.extract_tb(problem.__traceback__)[-1]
    log.error("a request failed: %s in %s, line %s", type(problem).__name__, place.name, place.lineno)
    return refuse(500, "Something went wrong here")
