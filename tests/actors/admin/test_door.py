"""The way of every request: token, limits, errors as problems, one act for one key."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from actors.admin.door import WRONG_A_MINUTE
from actors.model import State
from actors.service import drafts, people
from actors.store.schema import answers, notes
from tests.actors.admin.houses import HOST, AtDesk, another_actor, check_problem, settled
from tests.actors.desks import document
from tests.fediverse.store.building import ACTOR

WRONG = "w" * 43


async def test_h1_no_wrong_or_malformed_token_is_401_with_a_challenge(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        headers = [
            {"Authorization": ""},
            {"Authorization": f"Bearer {WRONG}"},
            {"Authorization": f"Bearer {desk.token[:-1]}"},
            {"Authorization": f"Bearer {desk.token}x"},
            {"Authorization": f"Basic {desk.token}"},
            {"Authorization": desk.token},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer a b"},
            {"Authorization": "Bearer " + "a" * 4000},
            {"Authorization": "Bearer \xff\xfe"},
        ]
        for given in headers:
            for method, path in (
                ("GET", "/campaigns"),
                ("PUT", "/campaigns/roads"),
                ("POST", "/campaigns/roads/close"),
            ):
                answer = await desk.ask(method, path, document(), headers=given)
                check_problem(answer, 401)
                assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="clarion"')
        assert (await desk.get("/campaigns")).json == {"campaigns": []}


async def test_h1_two_authorization_headers_are_refused_even_if_one_is_right(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        both = [("Host", HOST), ("Authorization", f"Bearer {desk.token}"), ("Authorization", f"Bearer {WRONG}")]
        got = await desk.app.test_client().get("/admin/v1/campaigns", headers=both)
        assert got.status_code == 401


async def test_h1_a_revoked_token_ends_with_the_next_request(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        assert (await desk.get("/campaigns")).status == 200
        async with desk.house.database.write() as tx:
            await people.revoke_organiser(tx, desk.house.desk, ACTOR, desk.organiser.id)
        check_problem(await desk.get("/campaigns"), 401)
        check_problem(await desk.put("/campaigns/roads", document()), 401)


async def test_h1_a_token_revoked_while_its_request_was_on_the_way_does_not_act(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        async with desk.house.database.write() as tx:
            await people.revoke_organiser(tx, desk.house.desk, ACTOR, desk.organiser.id)
            acting = asyncio.create_task(desk.post("/campaigns/roads/open"))
            # Not committed yet, so the token is still good: whoever began after it is through, and it has to wait.
            for _ in range(5):
                assert (await desk.get("/campaigns")).status == 200
            assert not acting.done()
        check_problem(await acting, 401)
        async with desk.house.database.read() as tx:
            assert (await drafts.campaign(tx, None, "roads")).campaign.state is State.DRAFT


async def test_h1_a_token_in_the_url_is_refused_whatever_it_is_called(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for name in ("access_token", "token", "bearer", "x"):
            check_problem(await desk.get(f"/campaigns?{name}={desk.token}", token=None), 401)
            with_both = await desk.get(f"/campaigns?{name}={desk.token}")
            assert desk.token not in json.dumps(check_problem(with_both, 400))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        in_body = await desk.post(
            "/campaigns/roads/close", raw=f"access_token={desk.token}".encode(), token=None, headers=form
        )
        check_problem(in_body, 401)


async def test_h1_a_reader_reads_and_never_acts(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        await desk.post("/campaigns/roads/open")
        before = (await desk.get("/campaigns/roads")).json
        note = before["announcements"][0]["notes"][0]["id"]
        place = before["destinations"][0]["id"]
        acts = [
            ("PATCH", "/actors/fund"),
            ("POST", "/actors/fund/destinations"),
            ("POST", f"/actors/fund/destinations/{place}/suspend"),
            ("PUT", "/campaigns/roads"),
            ("PUT", "/campaigns/new"),
            ("PUT", f"/campaigns/roads/raised/{place}"),
            ("POST", f"/campaigns/roads/notes/{note}/withdraw"),
            *(
                ("POST", f"/campaigns/roads/{move}")
                for move in ("open", "goal-update", "pause", "resume", "close", "retract")
            ),
        ]
        for method, path in acts:
            check_problem(await desk.ask(method, path, raw=b"not even read", token=desk.reader), 403)
        for path in ("/audit", "/campaigns/roads", "/actors/fund/destinations"):
            check_problem(await desk.get(path, token=desk.reader), 403)
        await desk.put("/campaigns/unsaid", document())
        shown = (await desk.get("/campaigns", token=desk.reader)).json["campaigns"]
        assert [campaign["slug"] for campaign in shown] == ["roads"]
        for path in ("/campaigns/roads/deliveries", "/campaigns", "/actors"):
            assert (await desk.get(path, token=desk.reader)).status == 200
        assert (await desk.get("/campaigns/roads")).json == before


async def test_h1_another_actors_organiser_is_kept_out_of_everything(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        theirs = await another_actor(desk)
        await desk.put("/campaigns/roads", document())
        before = (await desk.post("/campaigns/roads/open")).json
        note = before["announcements"][0]["notes"][0]["id"]
        place = before["destinations"][0]["id"]
        asked = [
            ("GET", "/actors/fund"),
            ("PATCH", "/actors/fund"),
            ("GET", "/actors/fund/destinations"),
            ("POST", "/actors/fund/destinations"),
            ("POST", f"/actors/fund/destinations/{place}/suspend"),
            ("GET", "/actors/nobody"),
            ("GET", "/campaigns/roads"),
            ("GET", "/campaigns/roads/deliveries"),
            ("PUT", "/campaigns/roads"),
            ("PUT", f"/campaigns/roads/raised/{place}"),
            ("POST", f"/campaigns/roads/notes/{note}/withdraw"),
            *(
                ("POST", f"/campaigns/roads/{move}")
                for move in ("open", "goal-update", "pause", "resume", "close", "retract")
            ),
        ]
        for method, path in asked:
            check_problem(await desk.ask(method, path, {} if method != "GET" else None, token=theirs), 403)
        assert (await desk.get("/campaigns", token=theirs)).json == {"campaigns": []}
        assert {entry["act"] for entry in (await desk.get("/audit", token=theirs)).json["entries"]} == {
            "create_actor",
            "add_organiser",
        }
        assert (await desk.get("/campaigns/roads")).json["version"] == before["version"]
        missing = await desk.post(f"/actors/other/destinations/{place}/suspend", token=theirs)
        check_problem(missing, 404)


async def test_guessed_tokens_are_told_to_wait_and_organisers_never_are(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for _ in range(WRONG_A_MINUTE):
            assert (await desk.get("/campaigns", token=WRONG)).status == 401
        answer = await desk.get("/campaigns", token=WRONG)
        check_problem(answer, 429)
        assert answer.headers["Retry-After"] == "60"
        assert (await desk.get("/campaigns")).status == 200
        desk.clock.forward(seconds=61)
        assert (await desk.get("/campaigns", token=WRONG)).status == 401


async def test_h9_the_same_key_twice_is_one_act_and_the_same_answer(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        await desk.post("/campaigns/roads/open")
        key = {"Idempotency-Key": "goal-1"}
        first = await desk.post("/campaigns/roads/goal-update", headers=key)
        again = await desk.post("/campaigns/roads/goal-update", headers=key)
        assert (first.status, first.body, first.headers["ETag"]) == (again.status, again.body, again.headers["ETag"])
        assert await count(desk, notes) == 3
        # Without a key, or with another one, it is another act.
        await desk.post("/campaigns/roads/goal-update", headers={"Idempotency-Key": "goal-2"})
        assert await count(desk, notes) == 4


async def test_h9_a_key_that_comes_again_with_another_request_is_422(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        key = {"Idempotency-Key": "k" * 255}
        await desk.post("/campaigns/roads/open", headers=key)
        check_problem(await desk.post("/campaigns/roads/close", headers=key), 422)
        assert (
            await desk.post("/campaigns/roads/close", {"reason": "by_hand"}, headers={"Idempotency-Key": "c"})
        ).status == 200
        check_problem(
            await desk.post("/campaigns/roads/close", {"reason": "goal_met"}, headers={"Idempotency-Key": "c"}), 422
        )
        # Keys are each organiser's own: somebody else's do not matter.
        theirs = await another_actor(desk)
        await desk.put("/campaigns/theirs", document(destinations=[]), token=theirs)
        check_problem(await desk.post("/campaigns/theirs/pause", token=theirs, headers=key), 409)


async def test_h9_requests_with_one_key_at_the_same_time_have_one_effect(tmp_path: Path, database_url: str) -> None:
    async with settled(tmp_path, CLARION_DATABASE=database_url) as desk:
        await desk.put("/campaigns/roads", document())
        await desk.post("/campaigns/roads/open")
        key = {"Idempotency-Key": "at-once"}
        got = await asyncio.gather(*(desk.post("/campaigns/roads/goal-update", headers=key) for _ in range(8)))
        assert {answer.status for answer in got} == {200}
        assert len({answer.body for answer in got}) == 1
        assert await count(desk, notes) == 3


async def test_h9_a_refused_act_leaves_its_key_free(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        key = {"Idempotency-Key": "open"}
        check_problem(await desk.post("/campaigns/roads/open", headers=key), 404)
        await desk.put("/campaigns/roads", document())
        assert (await desk.post("/campaigns/roads/open", headers=key)).status == 200


async def test_h9_a_key_that_is_too_long_or_strange_is_refused_by_name(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for key in ("k" * 256, "with blank", "\xd0\xba"):
            answer = await desk.post("/campaigns/roads/open", headers={"Idempotency-Key": key})
            check_problem(answer, 400)
            assert answer.fields == ["Idempotency-Key"]


async def test_answers_that_are_kept_hold_no_texts(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        for number, move in enumerate(("open", "pause", "resume", "close")):
            await desk.post(f"/campaigns/roads/{move}", headers={"Idempotency-Key": str(number)})
        async with desk.house.database.read() as tx:
            kept = " ".join(row["answer"] for row in await tx.rows(select(answers)))
        texts = document()["languages"]["en"]
        assert all(
            text not in kept for text in (texts["title"], texts["ask"], texts["full_text"], "Everyone has arrived")
        )


async def test_h12_a_foreign_host_is_misdirected_and_no_header_changes_our_urls(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for host in ("evil.example", "fund.example.evil.example", "fund.example:444", "127.0.0.1"):
            answer = await desk.get("/campaigns", headers={"Host": host})
            assert (answer.status, answer.headers["Content-Type"]) == (421, "application/problem+json")
            assert answer.json["status"] == 421
        forwarded = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Prefix": "/evil",
            "Forwarded": "host=evil.example;proto=http",
            "X-Original-URL": "/evil",
        }
        await desk.put("/campaigns/roads", document())
        for answer in (
            await desk.post("/campaigns/roads/open", headers=forwarded),
            await desk.get("/campaigns/roads", headers=forwarded),
            await desk.get("/openapi.json", headers=forwarded),
            await desk.get("/nowhere", headers=forwarded),
        ):
            assert b"evil" not in answer.body
            assert b"https://fund.example/" in answer.body


MISSING = [
    ("GET", "", 404),
    ("GET", "/", 404),
    ("GET", "/nowhere", 404),
    ("GET", "/campaigns/", 404),
    ("GET", "/campaigns/roads/open/", 404),
    ("POST", "/campaigns/roads/reopen", 404),
    ("POST", "/campaigns/roads/correct", 404),
    ("POST", "/campaigns/roads/expire", 404),
    ("POST", "/campaigns/roads/extend", 404),
    ("GET", "/docs", 404),
    ("GET", "/campaigns/unknown", 404),
    ("POST", "/campaigns/unknown/close", 404),
    ("GET", "/campaigns/unknown/deliveries", 404),
    ("GET", "/campaigns/unknown/open", 405),
    ("DELETE", "/campaigns/unknown", 405),
    ("OPTIONS", "/campaigns", 405),
    ("POST", "/openapi.json", 405),
]


async def test_j5_what_is_not_there_is_a_problem_too(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for method, path, status in MISSING:
            answer = await desk.ask(method, path)
            check_problem(answer, status)
            assert ("Allow" in answer.headers) is (status == 405)
            # Browsers get no page in its place, and no script of another origin is let in.
            page = await desk.ask(method, path, headers={"Accept": "text/html", "Origin": "https://evil.example"})
            check_problem(page, status)
            assert not [name for name in dict(page.headers) if name.lower().startswith("access-control")]
            assert "Set-Cookie" not in page.headers


async def test_j5_a_fault_of_ours_is_a_500_that_tells_nothing_and_a_line_that_tells_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with settled(tmp_path) as desk:
        async with desk.house.database.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE campaigns RENAME TO hidden")
        check_problem(await desk.put("/campaigns/roads", document()), 500)
        check_problem(await desk.get("/campaigns"), 500)
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 2
        assert all("\n" not in line and "campaigns" not in line for line in errors)


async def test_j7_nothing_a_request_brings_stands_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(
        logging.INFO
    )  # below it aiosqlite logs statements with their values; our logging keeps it at WARNING
    planted = "planted-4711"
    async with settled(tmp_path) as desk:
        caplog.clear()
        for text in (planted, f"{planted}\x1b[31m", f"{planted}\u2028x", f'{planted}", "level": "ERROR'):
            body = document(**{text: text, "goal_amount": text})
            await desk.put(f"/campaigns/{planted}", body, headers={"User-Agent": planted, "X-Forwarded-For": planted})
        await desk.get(f"/{planted}")
        await desk.get(f"/campaigns/{planted}%0a%0dX", headers={"Accept": planted})
        await desk.get(f"/campaigns?{planted}=1")
        await desk.get("/campaigns", token=planted)
        await desk.post("/campaigns/roads/open", headers={"Idempotency-Key": planted})
        await desk.ask("POST", "/campaigns/roads/close", raw=f"{planted}\n".encode())
        lines = [record.getMessage() for record in caplog.records if record.name.startswith("actors")]
        assert "PUT /campaigns/{slug}: 400" in lines
        assert all("\n" not in line and "\r" not in line and "\x1b" not in line for line in lines)
        assert planted not in caplog.text
        assert desk.token not in caplog.text


async def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        assert (await desk.ask("HEAD", "/campaigns")).status == 200
        assert (await desk.ask("HEAD", "/campaigns", token=None)).status == 401


async def count(desk: AtDesk, table: Any) -> int:
    async with desk.house.database.read() as tx:
        return len(await tx.rows(select(table)))
