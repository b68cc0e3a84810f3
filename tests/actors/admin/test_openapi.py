"""The endpoint and its own description cannot differ: routes, bodies, answers, problems and examples are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actors.admin.openapi import describe
from actors.admin.problems import SORTS
from actors.admin.route import Route
from actors.admin.routes import ROUTES
from actors.admin.schemas import EXAMPLE_CAMPAIGN, SCHEMAS
from tests.actors.admin.houses import AtDesk, check_problem, settled
from tests.actors.admin.schema_check import faults, pointer
from tests.actors.desks import document

BASE = "https://fund.example/admin/v1"
OPERATIONS = ("get", "put", "post", "patch", "delete")


def whole() -> dict[str, Any]:
    return dict(describe(ROUTES, BASE))


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of everything described."""
    for path, item in described["paths"].items():
        assert set(item) <= set(OPERATIONS)
        for method, operation in item.items():
            yield method.upper(), path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


async def test_every_registered_route_is_described_and_every_described_one_registered(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        described = (await desk.get("/openapi.json", token=None)).json
        registered = {
            rule.rule.removeprefix("/admin/v1").replace("<", "{").replace(">", "}")
            for rule in desk.app.url_map.iter_rules()
            if rule.rule.startswith("/admin")
        }
        nothing = {"", "/", "/{path:rest}"}
        assert registered - nothing == set(described["paths"])
        # Each path takes the methods described and says so of any other.
        for path, item in described["paths"].items():
            answer = await desk.ask("DELETE", path.replace("{", "").replace("}", ""))
            check_problem(answer, 405)
            assert {method.lower() for method in answer.headers["Allow"].split(", ")} - {"head"} == set(item)


def test_the_description_is_sound() -> None:
    described = whole()
    assert described["openapi"] == "3.1.0"
    assert set(described) == {"openapi", "info", "servers", "security", "paths", "components"}
    for reference in references(described):
        assert pointer(described, reference) is not None
    ids = []
    for method, path, operation in operations(described):
        ids.append(operation["operationId"])
        parameters = [pointer(described, p["$ref"]) if "$ref" in p else p for p in operation.get("parameters", [])]
        assert [p["name"] for p in parameters if p["in"] == "path"] == re.findall(r"{(\w+)}", path)
        assert all(p["required"] for p in parameters if p["in"] == "path")
        assert all(p["description"] and p["schema"] for p in parameters)
        assert ("requestBody" in operation) is (method != "GET")
        assert operation["summary"]
        assert "200" in operation["responses"]
        for status, answer in operation["responses"].items():
            found = pointer(described, answer["$ref"]) if "$ref" in answer else answer
            assert found["description"]
            assert ("application/problem+json" in found["content"]) is (int(status) >= 400)
    assert len(set(ids)) == len(ids)


def test_every_schema_is_used_and_every_body_has_examples() -> None:
    described = whole()
    used = {reference.rpartition("/")[2] for reference in references(described)}
    assert set(SCHEMAS) <= used
    for route in ROUTES:
        if route.takes is not None:
            assert SCHEMAS[route.takes.schema]["examples"], route.path
    for schema in SCHEMAS.values():
        for example in schema.get("examples", []):
            assert faults(example, schema, described) == []


def test_only_routes_of_moves_that_work_exist() -> None:
    moves = {route.path.rpartition("/")[2] for route in ROUTES if route.path.startswith("/campaigns/{slug}/")}
    assert moves == {
        *("open", "goal-update", "pause", "resume", "close", "retract", "withdraw"),
        *("deliveries", "{destination}"),
    }


async def test_the_examples_are_taken_as_they_stand_and_answered_as_described(tmp_path: Path) -> None:
    described = whole()
    async with settled(tmp_path) as desk:
        place = await listed(desk)
        await desk.put("/campaigns/played", EXAMPLE_CAMPAIGN)
        played = {"{handle}": "fund", "{slug}": "played", "{destination}": place}
        order = ["set_raised", "open_campaign", "goal_update", "pause_campaign", "resume_campaign", "withdraw_note"]
        order += ["close_campaign", "retract_campaign", "suspend_destination"]
        for route in sorted(ROUTES, key=lambda route: order.index(route.name) if route.name in order else -1):
            if route.name == "withdraw_note":
                said = (await desk.get("/campaigns/played")).json["announcements"]
                played["{note}"] = said[-1]["notes"][0]["id"]
            path = re.sub(r"{\w+}", lambda found: played[found.group()], route.path)
            examples = SCHEMAS[route.takes.schema]["examples"] if route.takes is not None else [None]
            for example in examples:
                if route.name in ("put_campaign", "retract_campaign") and example is not examples[0]:
                    continue
                answer = await desk.ask(route.method, path, example)
                assert answer.status in (200, 201), (route.name, answer.body)
                responses = described["paths"][route.path][route.method.lower()]["responses"]
                schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
                assert faults(answer.json, schema, described) == [], route.name
                assert ("ETag" in answer.headers) is ("headers" in responses["200"])
        assert (await desk.get("/campaigns/played")).json["state"] == "retracted"


async def test_problems_are_of_a_type_that_the_description_explains(tmp_path: Path) -> None:
    described = whole()
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        key = {"Idempotency-Key": "k"}
        await desk.post("/campaigns/roads/open", headers=key)
        asked: list[tuple[Route, Any]] = [
            (route("put_campaign"), await desk.put("/campaigns/x", {"goal_amount": 1})),
            (route("get_campaign"), await desk.get("/campaigns/roads", token=None)),
            (route("put_campaign"), await desk.put("/campaigns/roads", {}, token=desk.reader)),
            (route("get_campaign"), await desk.get("/campaigns/nothing")),
            (route("open_campaign"), await desk.post("/campaigns/roads/open")),
            (route("close_campaign"), await desk.post("/campaigns/roads/close", headers={"If-Match": '"9"'})),
            (route("close_campaign"), await desk.post("/campaigns/roads/close", raw=b" " * 70_000)),
            (route("close_campaign"), await desk.post("/campaigns/roads/close", {}, headers={"Content-Type": "a/b"})),
            (route("close_campaign"), await desk.post("/campaigns/roads/close", headers=key)),
        ]
        assert [answer.status for _, answer in asked] == [400, 401, 403, 404, 409, 412, 413, 415, 422]
        for asked_of, answer in asked:
            check_problem(answer, answer.status)
            sort = pointer(described, "#" + answer.json["type"].partition("#")[2])
            assert sort["description"] == answer.json["title"] == SORTS[answer.status].title
            assert faults(answer.json, SCHEMAS["Problem"], described) == []
            responses = described["paths"][asked_of.path][asked_of.method.lower()]["responses"]
            assert str(answer.status) in responses


async def test_the_description_is_for_everybody_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        answer = await desk.get("/openapi.json", token=None)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json == whole()
        assert not re.search(rb"cdn|unpkg|jsdelivr|<script", answer.body)


def route(name: str) -> Route:
    return next(each for each in ROUTES if each.name == name)


async def listed(desk: AtDesk) -> str:
    """The example campaign's destination, put on the list; its id."""
    place = {"label": "Winter", "url": EXAMPLE_CAMPAIGN["destinations"][0], "kind": "money", "currency": "EUR"}
    made = await desk.post("/actors/fund/destinations", {**place, "label": "Winter fund"})
    return str(made.json["id"])
