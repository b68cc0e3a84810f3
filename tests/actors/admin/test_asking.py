"""What stands in a request: bodies, versions, parameters; and the vectors of what organisers may hand in."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quart import Quart

from actors.admin import blueprint
from actors.admin.route import SMALL, WHOLE_CAMPAIGN
from tests.actors.admin.houses import HOST, Answer, AtDesk, check_problem, settled
from tests.actors.desks import DONATE, document
from tests.vectors import load

PLACES = {
    "goal_amount": "goal_amount",
    "currency": "currency",
    "text": "languages.en.title",
    "donation_url": "destinations.0",
}
NO_TEXT = ("x\0y",)  # strict JSON refuses the whole document, before there are fields
ON_THE_LIST = "https://donate.example/x"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The organisers' document with another value somewhere in it."""
    body = copy.deepcopy(document())
    *parents, last = path.split(".")
    at: Any = body
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[int(last) if isinstance(at, list) else last] = value
    return body


async def put_changed(desk: AtDesk, slug: str, path: str, value: Any) -> Answer:
    return await desk.put(f"/campaigns/{slug}", changed(path, value))


async def check_vectors(desk: AtDesk, *fields: str) -> None:
    """Each row of these fields is answered as the file says, naming the field at fault and no other."""
    rows = [row for row in load("admin_input") if row["field"] in fields]
    wrong = []
    for number, row in enumerate(rows):
        path = PLACES[row["field"]]
        answer = await put_changed(desk, f"c{number}", path, row["value"])
        if row["status"] == 202:
            if answer.status != 201:
                wrong.append((row, answer.body))
        elif answer.status != 400 or answer.fields != ([] if row["value"] in NO_TEXT else [path]):
            wrong.append((row, answer.body))
    assert rows
    assert wrong == []


async def test_h5_amounts_and_currencies_are_exact_or_refused_by_name(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await check_vectors(desk, "goal_amount", "currency")
        for value in (0, 1000, -1, 10**30, None, [], {}, "0", "0.00", "٥٠٠٠", "+5", " 5", "5 ", "0x10", "5.", ".5"):
            answer = await put_changed(desk, "more", "goal_amount", value)
            check_problem(answer, 400)
            assert answer.fields == ["goal_amount"], value


async def test_h5_the_amount_raised_is_held_to_the_same_rules(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        place = (await desk.put("/campaigns/roads", document())).json["destinations"][0]["id"]
        raised = f"/campaigns/roads/raised/{place}"
        for value in (12.5, 12, True, "-1", "1e3", "NaN", "1.005", "１２", "1,000", "", None, "9" * 30):
            answer = await desk.put(raised, {"amount": value})
            check_problem(answer, 400)
            assert answer.fields == ["amount"], value
        # A destination's currency is its own: it is not said again, and cannot become another.
        answer = await desk.put(raised, {"amount": "1", "currency": "USD"})
        assert answer.fields == ["currency"]
        assert (await desk.put(raised, {"amount": "0"})).status == 200
        answer = await desk.put(raised, {"amount": "12.50", "as_of": "2027-01-01T00:00:00Z"})
        assert answer.fields == ["as_of"]


async def test_h6_texts_with_hidden_characters_are_refused_by_name(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await check_vectors(desk, "text")
        for value in ("x" * 101, "tag\U000e0041", "a\u202db", 5, None, "line\nend", "a\ufeffb"):
            answer = await put_changed(desk, "more", "languages.en.title", value)
            check_problem(answer, 400)
            assert answer.fields == ["languages.en.title"], ascii(value)
        for name, most in (("lead", 400), ("ask", 200), ("full_text", 20_000)):
            answer = await put_changed(desk, "more", f"languages.fa.{name}", "و" * (most + 1))
            assert answer.fields == [f"languages.fa.{name}"]
        # Half of a pair is no text at all: it is refused before any field is looked at.
        raw = b'{"goal_amount": "\\ud83d"}'
        check_problem(await desk.put("/campaigns/more", None, raw=raw), 400)


async def test_h7_markup_is_kept_as_text_and_links_lead_to_listed_destinations_only(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        place = {"label": "Listed", "url": ON_THE_LIST, "kind": "money", "currency": "EUR"}
        assert (await desk.post("/actors/fund/destinations", place)).status == 201
        await check_vectors(desk, "text", "donation_url")
        assert (await put_changed(desk, "listed", "destinations.0", ON_THE_LIST)).status == 201
        script = "<script>alert(1)</script>"
        assert (await put_changed(desk, "script", "languages.en.title", script)).json["document"]["languages"]["en"][
            "title"
        ] == script
        await desk.post("/campaigns/script/open")
        page = await desk.app.test_client().get("/c/script/en", headers={"Host": HOST})
        shown = await page.get_data(as_text=True)
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown


async def test_every_field_at_fault_is_named_at_once(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        body = changed("goal_amount", 5)
        body["languages"]["fa"]["ask"] = f"Give at {DONATE}"
        body["surprise"] = 1
        answer = await desk.put("/campaigns/roads", body)
        check_problem(answer, 400)
        assert sorted(answer.fields) == ["goal_amount", "languages.fa.ask", "surprise"]
        assert all(error["detail"] for error in answer.json["errors"])
        answer = await desk.post("/campaigns/roads/close", {"reason": "expired", "closed": 5, "x": None})
        assert sorted(answer.fields) == ["reason", "x"]
        assert (await desk.post("/campaigns/roads/retract", {"erase": "yes"})).fields == ["erase"]
        assert (await desk.ask("PATCH", "/actors/fund", {"name": 5})).fields == ["name"]
        assert (await desk.post("/campaigns/roads/open", {"when": "now"})).fields == ["when"]
        assert (await desk.put("/campaigns/Not-A-Slug", document())).fields == ["slug"]


async def test_a_problem_says_nothing_a_terminal_could_obey(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        answer = await desk.put("/campaigns/roads", {"\x1b[2J\u202e\u0085": 1})
        assert answer.status == 400
        assert answer.body.isascii()
        assert b"\x1b" not in answer.body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *("goal_amount", "currency", "expires", "destinations", "languages", "languages.en", "languages.en.closed"),
        *(f"languages.en.{name}" for name in ("title", "lead", "ask", "full_text", "hashtags")),
        *("languages.en.closed.outcome", "languages.en.closed.projects", "languages.en.closed.projects.0.url"),
    ]
)
ASKED = st.sampled_from(
    [
        ("PUT", "/campaigns/any"),
        ("PUT", "/campaigns/roads/raised/PLACE"),
        ("POST", "/campaigns/roads/close"),
        ("POST", "/campaigns/roads/retract"),
        ("POST", "/campaigns/roads/open"),
        ("PATCH", "/actors/fund"),
        ("POST", "/actors/fund/destinations"),
    ]
)
WORDS = st.sampled_from(
    ["amount", "as_of", "reason", "closed", "erase", "name", "summary", "label", "url", "kind", "currency"]
)


async def test_no_body_leads_to_a_500(tmp_path: Path, database_url: str) -> None:
    async with settled(tmp_path, CLARION_DATABASE=database_url) as desk:
        place = (await desk.put("/campaigns/roads", document())).json["destinations"][0]["id"]
        tries: list[tuple[str, str, Any]] = []

        @settings(max_examples=150, database=None, suppress_health_check=list(HealthCheck))
        @given(FIELDS, JSON, ASKED, st.dictionaries(WORDS, JSON, max_size=4))
        def collect(path: str, value: Any, asked: tuple[str, str], body: dict[str, Any]) -> None:
            tries.append(("PUT", "/campaigns/any", changed(path, value)))
            tries.append((asked[0], asked[1].replace("PLACE", place), body))

        collect()
        for method, path, body in tries:
            answer = await desk.ask(method, path, raw=json.dumps(body).encode())
            assert answer.status < 500, (method, path, body)
            if answer.status >= 400:
                check_problem(answer, answer.status)


async def test_h6_bodies_that_are_too_large_are_413_however_they_come(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put("/campaigns/roads", document())
        blank = b" " * SMALL
        check_problem(await desk.post("/campaigns/roads/open", raw=b"{" + blank + b"}"), 413)
        check_problem(await desk.put("/campaigns/new", None, raw=b" " * (WHOLE_CAMPAIGN + 1)), 413)
        connection = desk.app.test_client().request(
            "/admin/v1/campaigns/roads/open",
            method="POST",
            headers={"Host": HOST, "Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"},
        )
        async with connection:
            for _ in range(5):
                await connection.send(b" " * (SMALL // 4))
            await connection.send_complete()
        assert (await connection.as_response()).status_code == 413
        assert (await desk.get("/campaigns/roads")).json["state"] == "draft"


async def test_a_body_that_does_not_come_is_408(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        app = Quart("hasty")
        app.register_blueprint(blueprint(desk.house.desk, body_timeout=0.05))
        connection = app.test_client().request(
            "/admin/v1/campaigns/roads/open", method="POST", headers={"Authorization": f"Bearer {desk.token}"}
        )
        async with connection:
            await connection.send(b"{")
            await connection.receive()
            got = await connection.as_response()
        assert got.status_code == 408
        assert got.content_type == "application/problem+json"


NOT_JSON = [
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": "application/json, text/plain"},
    {"Content-Type": "application/ld+json"},
    {"Content-Type": ""},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "identity"},
]


async def test_a_body_of_another_type_is_415_and_never_read_as_json(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for headers in NOT_JSON:
            check_problem(await desk.put("/campaigns/roads", document(), headers=headers), 415)
        assert (await desk.get("/campaigns")).json == {"campaigns": []}


AMBIGUOUS = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"{}{}",
    b'\xef\xbb\xbf{"goal_amount":"1"}',
    b'{"goal_amount":"1","goal_amount":"2"}',
    b'{"goal_amount":NaN}',
    b'{"goal_amount":1e999}',
    b'{"goal_amount":"\\ud800"}',
    b'{"goal_amount":"\\u0000"}',
    b'{"goal_amount":"\xff"}',
    b'{"goal_amount":' + b"1" * 5000 + b"}",
    b'{"goal_amount":' + b"[" * 9000 + b"]" * 9000 + b"}",
    '{"goal_amount":"1"}'.encode("utf-16"),
]


async def test_h6_bodies_that_two_readers_could_read_differently_are_refused(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        for raw in AMBIGUOUS:
            check_problem(await desk.put("/campaigns/roads", None, raw=raw), 400)
        for raw in AMBIGUOUS[1:]:
            check_problem(await desk.post("/campaigns/roads/close", raw=raw), 400)
