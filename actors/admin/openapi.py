"""The endpoint's own description, OpenAPI 3.1: made of the table of routes, so that it cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

from actors.admin.problems import PROBLEM_JSON, SORTS
from actors.admin.route import Route
from actors.admin.schemas import SCHEMAS, ref
from actors.store.idempotency import MAX_KEY
from fediverse.protocol.strict_json import Json

VERSION: Final = "1"
ALWAYS: Final = (400, 401, 404, 429, 500, 503)
ACTING: Final = (403, 422)
WITH_BODY: Final = (408, 413, 415)

_NAMES = re.compile(r"{(\w+)}")
_PATH: Final = {
    "handle": "The actor's handle, such as relief",
    "slug": "1 to 64 lower-case letters, digits and inner hyphens; unique on a server, never used twice",
    "destination": "The id of a destination",
    "note": "The id of a note, 32 hex digits",
}
_HEADERS: Final = {
    "IfMatch": ("If-Match", 'Act only if this is its version, such as "3"; needed to replace a draft by another'),
    "IdempotencyKey": ("Idempotency-Key", "A repeat with the same key within two days is the same answer, and one act"),
}


def describe(routes: Iterable[Route], base: str) -> dict[str, Json]:
    """The document. `base` is the URL that all paths stand below."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Clarion, the organisers' endpoint",
            "version": VERSION,
            "description": "Amounts are decimal strings. Every error is a problem document (RFC 9457).",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": SCHEMAS,
            "headers": {"ETag": {"description": "The version", "schema": {"type": "string"}}},
            "parameters": {name: _header(*words) for name, words in _HEADERS.items()},
            "responses": {sort.name: _problem(sort.title) for sort in SORTS.values()},
        },
    }
    return cast("dict[str, Json]", document)


def _operation(route: Route) -> dict[str, object]:
    operation: dict[str, object] = {"operationId": route.name, "summary": route.summary}
    if route.handler is None:
        operation["security"] = []
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not None:
        operation["requestBody"] = {
            "required": not route.takes.optional,
            "description": f"At most {route.takes.most // 1024} KiB",
            "content": {"application/json": {"schema": ref(route.takes.schema)}},
        }
    operation["responses"] = _responses(route)
    return operation


def _parameters(route: Route) -> list[object]:
    found: list[object] = [
        {"name": name, "in": "path", "required": True, "description": _PATH[name], "schema": {"type": "string"}}
        for name in _NAMES.findall(route.path)
    ]
    found += [
        {"name": name, "in": "query", "description": about, "schema": {"type": "integer", "minimum": 1}}
        for name, about in route.query
    ]
    if route.conditional:
        found.append({"$ref": "#/components/parameters/IfMatch"})
    if route.repeatable:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _responses(route: Route) -> dict[str, object]:
    good: dict[str, object] = {
        "description": "Done" if route.acts else "Found",
        "content": {"application/json": {"schema": ref(route.answers)}},
    }
    if route.as_text:
        good["content"] = {**cast("dict[str, object]", good["content"]), "text/plain": {"schema": {"type": "string"}}}
    if route.answers in ("Campaign", "Standing"):
        good["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
    answers: dict[str, object] = {"200": good}
    if route.created:
        answers["201"] = {**good, "description": "Made"}
    for status in sorted(statuses(route)):
        answers[str(status)] = {"$ref": f"#/components/responses/{SORTS[status].name}"}
    return answers


def statuses(route: Route) -> set[int]:
    """The problems a route can answer with."""
    if route.handler is None:
        return {500}
    found = {*ALWAYS, *route.problems}
    if "{" in route.path:
        found.add(403)
    if route.acts:
        found.update(ACTING if route.repeatable else ACTING[:1])
    if route.takes is not None:
        found.update(WITH_BODY)
    return found


def _header(name: str, about: str) -> dict[str, object]:
    most = {"maxLength": MAX_KEY} if name == "Idempotency-Key" else {}
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string", **most}}


def _problem(title: str) -> dict[str, object]:
    return {"description": title, "content": {PROBLEM_JSON: {"schema": ref("Problem")}}}
