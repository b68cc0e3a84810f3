"""The whole service, asked as organisers ask it: one actor, one organiser's token and one reader's.

async with settled(tmp_path) as desk:
    answer = await desk.put("/campaigns/roads", document())
    assert answer.status == 201
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quart import Quart
from werkzeug.datastructures import Headers

from actors.app import House, create_app, opened
from actors.service import people
from actors.settings import load
from actors.store.organisers import Organiser, Role
from fediverse.protocol.keys import KeyPair
from tests.actors.desks import DONATE
from tests.fediverse.service import Clock
from tests.fediverse.store.building import ACTOR, ORIGIN, one_key

HOST = "fund.example"
HANDLE = "fund"
ONE_KEY = one_key()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which has to be JSON."""
        assert self.headers["Content-Type"] in ("application/json", "application/problem+json"), self.headers
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields a refusal names; none where the body could not be read at all."""
        return [error["field"] for error in self.json.get("errors", [])]


@dataclass
class AtDesk:
    """A running house without a network, and the tokens of its one actor."""

    house: House
    app: Quart
    clock: Clock
    token: str
    reader: str
    organiser: Organiser
    headers: dict[str, str] = field(default_factory=lambda: {"Host": HOST})

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request below /admin/v1. `token`: the organiser's, unless another one, or None for none at all."""
        sent = dict(self.headers)
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token}"
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        got = await self.app.test_client().open(
            f"/admin/v1{path}", method=method, headers={k: v for k, v in sent.items() if v}, data=raw
        )
        return Answer(got.status_code, got.headers, await got.get_data(as_text=False))

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def put(self, path: str, body: Any, **more: Any) -> Answer:
        return await self.ask("PUT", path, body, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, body, **more)


@contextlib.asynccontextmanager
async def settled(folder: Path, **settings: str) -> AsyncIterator[AtDesk]:
    """A house with the actor `fund`, the destination DONATE on its list, an organiser and a reader."""
    clock = Clock()
    environment = {"CLARION_ORIGIN": ORIGIN, "CLARION_DATA": str(folder / "data"), **settings}
    async with opened(load(environment), clock=clock) as house:
        tokens = []
        async with house.database.write() as tx:
            await people.create_actor(tx, house.desk, ONE_KEY, handle=HANDLE, name="The fund", summary="We *help*.")
            organiser, token = await people.add_organiser(tx, house.desk, ACTOR, label="night shift")
            _, reading = await people.add_organiser(tx, house.desk, ACTOR, label="treasurer", role=Role.READER)
            tokens += [token, reading]
            await people.add_destination(
                tx, house.desk, organiser, ACTOR, label="Fund", url=DONATE, kind="money", currency="EUR"
            )
        yield AtDesk(house, create_app(house), clock, tokens[0], tokens[1], organiser)


async def another_actor(desk: AtDesk, handle: str = "other") -> str:
    """A second actor on the same server; its organiser's token."""
    owner = f"{ORIGIN}/actors/{'e' * 32}"
    key = KeyPair(f"{owner}#main-key", owner, ONE_KEY.private)
    async with desk.house.database.write() as tx:
        await people.create_actor(tx, desk.house.desk, key, handle=handle, name="Others", summary="")
        _, token = await people.add_organiser(tx, desk.house.desk, owner, label="theirs")
    return token


def check_problem(answer: Answer, status: int) -> dict[str, Any]:
    """Every error is a problem document, kept by nobody, that says nothing of ours (RFC 9457; must-survive J5)."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert problem["type"].startswith("https://fund.example/admin/v1/openapi.json#/components/responses/")
    assert {"title", "detail"} <= set(problem)
    for ours in (b"Traceback", b".py", b"sqlite", b"quart", b"python", b"hypercorn"):
        assert ours not in answer.body.lower()
    return problem
