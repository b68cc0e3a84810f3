"""The blueprint: every request goes the same way from its token to its answer, and no error leaves as anything else.

    method known? -> token known? -> URL, body, headers read -> one transaction: token still known, whose campaign,
    Idempotency-Key, the act, its answer kept -> answer

The token comes before everything a stranger could make us read, and is looked at again in the transaction of the act,
so that one revoked meanwhile no longer acts.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from quart import Blueprint, Request, Response, request

from actors.admin import acts, asking, openapi, problems
from actors.admin.asking import BODY_TIMEOUT
from actors.admin.problems import Declined
from actors.admin.route import Ask, Handler, Route, Said
from actors.admin.routes import ROUTES
from actors.service import people
from actors.service.desk import Desk, NotAllowed
from actors.store import idempotency
from actors.store.idempotency import Answer
from actors.store.organisers import Organiser, Role
from fediverse.protocol.strict_json import Json, dumps, loads_object
from fediverse.store.database import Transaction

PREFIX: Final = "/admin/v1"
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
WRONG_A_MINUTE: Final = 60
MINUTE: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Guesses:
    """How many tokens nobody has were tried, over all callers: no address is kept.

    Past the cap a wrong token is told to wait. A right one is never: organisers must be able to close while somebody
    else guesses, and 256 random bits are not found by guessing.
    """

    most: int = WRONG_A_MINUTE
    _since: datetime | None = None
    _count: int = field(default=0)

    def wrong(self, now: datetime) -> bool:
        """Count one more; whether there were too many within this minute."""
        if self._since is None or not timedelta(0) <= now - self._since < MINUTE:
            self._since, self._count = now, 0
        self._count += 1
        return self._count > self.most


def blueprint(desk: Desk, routes: tuple[Route, ...] = ROUTES, *, body_timeout: float = BODY_TIMEOUT) -> Blueprint:
    """The endpoint for one desk. `body_timeout` is in seconds, for a whole body."""
    door = _Door(desk, routes, body_timeout, Guesses())
    blueprint = Blueprint("admin", __name__, url_prefix=PREFIX)
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    for number, (path, methods) in enumerate(by_path.items()):
        rule = path.replace("{", "<").replace("}", ">")
        blueprint.add_url_rule(rule, f"at_{number}", door.view(methods), methods=METHODS)
    for number, rule in enumerate(("", "/", "/<path:rest>")):
        blueprint.add_url_rule(rule, f"nothing_{number}", door.view({}), methods=METHODS)
    return blueprint


@dataclass(frozen=True, slots=True)
class _Door:
    """What every request needs. Every step of a request is one method, in their order."""

    desk: Desk
    routes: tuple[Route, ...]
    body_timeout: float
    guesses: Guesses

    def view(self, methods: Mapping[str, Route]) -> Callable[..., Awaitable[Response]]:
        """What answers at one path, with its route for each method."""

        async def view(**path: str) -> Response:
            route = methods.get("GET" if request.method == "HEAD" else request.method)
            try:
                if route is None:
                    raise _no_route(methods)
                answer = await self._answer(route, path)
            except Exception as problem:  # noqa: BLE001 - whatever it was, it leaves as a problem with nothing of ours in it
                answer = problems.answer(problems.understand(problem), self.desk.origin)
            answer.headers["Cache-Control"] = "no-store"
            # The row of the table, never the path as it came: that is what somebody else wrote.
            log.info("%s %s: %d", route.method if route else "-", route.path if route else "-", answer.status_code)
            return answer

        return view

    async def _answer(self, route: Route, path: Mapping[str, str]) -> Response:
        database = self.desk.database
        if route.handler is None:
            return _json(Said(openapi.describe(self.routes, f"{self.desk.origin}{PREFIX}")))
        token = asking.token(request)
        async with database.read() as tx:
            by = await self._who(tx, token)
        if route.acts and by.role is not Role.ORGANISER:
            raise NotAllowed("this token may read reports only")
        query = asking.query(request, [name for name, _ in route.query])
        condition = asking.condition(request) if route.conditional else asking.Condition()
        key = asking.idempotency_key(request) if route.repeatable else None
        body: dict[str, Json] = {}
        if route.takes is not None:
            takes = route.takes
            body = await asking.body(request, most=takes.most, required=not takes.optional, timeout=self.body_timeout)
        async with database.write() if route.acts else database.read() as tx:
            by = await self._who(tx, token)
            ask = Ask(tx, self.desk, by, path, query, body, condition, route.as_text and _prefers_text(request))
            await acts.check_owner(ask)
            said = await _once(ask, route.handler, route, key)
        return _json(said) if said.text is None else _text(said.text)

    async def _who(self, tx: Transaction, token: str) -> Organiser:
        by = await people.authenticate(tx, token)
        if by is not None:
            return by
        if self.guesses.wrong(self.desk.clock()):
            raise Declined(429, "Wait a minute", headers={"Retry-After": "60"})
        raise Declined.token("Nobody has this token, or it was revoked", error="invalid_token")


def _no_route(methods: Mapping[str, Route]) -> Declined:
    if not methods:
        return Declined(404, f"{PREFIX}/openapi.json says what there is")
    allowed = sorted([*methods, *(["HEAD"] if "GET" in methods else [])])
    return Declined(405, f"Possible here: {', '.join(allowed)}", headers={"Allow": ", ".join(allowed)})


async def _once(ask: Ask, handler: Handler, route: Route, key: str | None) -> Said:
    """The act, or where its key came before, the answer it had then."""
    if key is None:
        return await handler(ask)
    wanted = idempotency.fingerprint(route.method, route.path.format_map(ask.path), ask.body)
    kept = await idempotency.begin(ask.tx, ask.by.id, key, wanted, ask.desk.clock())
    if kept is not None:
        return Said(loads_object(kept.body.encode()), kept.status)
    said = await handler(ask)
    await idempotency.keep(ask.tx, ask.by.id, key, Answer(said.status, dumps(said.document).decode()))
    return said


def _prefers_text(asked: Request) -> bool:
    return asked.accept_mimetypes.best_match(["application/json", "text/plain"], "application/json") == "text/plain"


def _json(said: Said) -> Response:
    answer = Response(dumps(said.document) + b"\n", said.status, content_type="application/json")
    version = said.document.get("version")
    if isinstance(version, int):
        answer.headers["ETag"] = problems.etag(version)
    return answer


def _text(text: str) -> Response:
    return Response(text, 200, content_type="text/plain; charset=utf-8")
