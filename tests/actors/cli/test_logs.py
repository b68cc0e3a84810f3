from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cli.logs import LEFT_OUT, MAX_TEXT, OneLine, text_of

ROOT = Path(__file__).parents[3]
PLANTED = (
    "https://mastodon.test/users/alice/inbox",
    "wss://mastodon.test/stream?token=x",
    "@alice@mastodon.test",
    "alice@mastodon.test:8443",
    "acct:alice@mastodon.test",
    "@alice",
    "ops@fund.test",
    "192.0.2.17",
    "192.0.2.17:50412",
    "2001:db8::17",
    "[2001:db8::17]:443",
    "fe80::1%eth0",
    "::ffff:192.0.2.17",
    "dWK_f2_2EZJ6BoYZRrOgrlitLTZXKaCt9fsm_dCdUWw",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj",
    "77d358425aba59b7060950f2f7c13ba4",
)


def record(
    message: str, *values: object, name: str = "fediverse.exchange.delivery", problem: BaseException | None = None
) -> logging.LogRecord:
    told = (type(problem), problem, problem.__traceback__) if problem else None
    return logging.LogRecord(name, logging.WARNING, "x.py", 1, message, values, told)


@given(st.text() | st.text(alphabet='\n\r\x1b\x00\u2028\u202e"\\{}:,a '), st.booleans())
def test_j7_whatever_is_logged_is_one_line_without_control_characters(text: str, for_people: bool) -> None:
    line = OneLine(for_people=for_people).format(record("said %s", text))
    assert len(line.splitlines()) == 1
    assert not any(ord(each) < 32 or each in "\x7f\u2028\u2029\u202e\u200b" for each in line)
    if not for_people:
        assert line.isascii()
        assert set(json.loads(line)) == {"at", "level", "from", "text"}


def test_j7_a_field_or_a_line_of_ones_own_cannot_be_smuggled_in() -> None:
    hostile = 'x", "level": "info"}\n{"at": "now", "text": "\x1b[2Jall is well'
    told = json.loads(OneLine().format(record("a request failed: %s", hostile)))
    assert told["level"] == "warning"
    assert told["text"] == f"a request failed: {hostile}"


@pytest.mark.parametrize("planted", PLANTED)
def test_j7_what_looks_like_an_address_a_handle_or_a_token_is_left_out(planted: str) -> None:
    for text in (f"asked {planted} in vain", planted, f"({planted})", f"host={planted},"):
        said = text_of(record("%s", text))
        assert planted not in said
        assert LEFT_OUT in said
        assert "alice" not in said


@pytest.mark.parametrize(
    "plain",
    [
        "a turn ended early: The database is busy",
        "3 hosts had open deliveries and no due time",
        "closing what has expired failed: OperationalError",
        "a request failed: KeyError in receive, line 231",
        "a thread ended early: RuntimeError in _connection_worker_thread, line 60 of core.py",
    ],
)
def test_what_we_say_ourselves_is_told_as_it_is(plain: str) -> None:
    assert text_of(record(plain)) == plain


@pytest.mark.parametrize(
    ("name", "told", "rest"),
    [
        ("asyncio", "Unclosed client session", "\nclient_session: ClientSession at mastodon.test"),
        ("asyncio", "Task exception was never retrieved", "\nfuture: Task of alice"),
        ("asyncio", "Exception in callback send", "('mastodon.test')"),
        ("sqlalchemy.pool", "Exception during reset", " <asyncpg of mastodon.test>"),
        ("hypercorn.error", "Error in ASGI Framework", ""),
    ],
)
def test_j7_warnings_of_libraries_are_cut_before_their_values(name: str, told: str, rest: str) -> None:
    assert text_of(record(told + rest, name=name)) == told
    assert text_of(record(f"{told} of %s", "mastodon.test", name=name)) == f"{told} of %s"


def test_j7_an_exception_is_told_by_type_and_place_and_never_by_its_words() -> None:
    def connect_to_somebody_far_away() -> None:
        raise ConnectionError("Cannot connect to host mastodon.test:443 for alice")

    try:
        connect_to_somebody_far_away()
    except ConnectionError as problem:
        for name in ("actors.app", "asyncio"):
            said = text_of(record("it failed", name=name, problem=problem))
            assert said.startswith("it failed (ConnectionError in connect_to_somebody_far_away, line ")
            assert "mastodon" not in said
            line = OneLine().format(record("it failed", name=name, problem=problem))
            assert "mastodon" not in line


def test_a_record_whose_values_do_not_fit_is_still_a_line() -> None:
    assert text_of(record("%d hosts of %s", "many")) == "%d hosts of %s"


def test_a_long_record_is_cut_between_words() -> None:
    said = text_of(record("%s", "word " * 900))
    assert len(said) <= MAX_TEXT + len(" [cut]")
    assert said.endswith("word [cut]")


def test_people_read_the_same_without_braces() -> None:
    line = OneLine(for_people=True).format(record("a turn ended early: %s", "\x1b[31mred"))
    assert line.endswith("Z warning  fediverse.exchange.delivery: a turn ended early: \\x1b[31mred")


LOUD = """
import asyncio, gc, logging, sys, threading, warnings
import aiohttp
from actors.cli import logs
logs.set_up()
SECRET = "https://mastodon.test/users/alice/inbox"
class Stubborn:
    def __del__(self): raise RuntimeError(SECRET)
async def lost(): raise RuntimeError(SECRET)
async def main():
    session = aiohttp.ClientSession(headers={"x": SECRET}); del session
    task = asyncio.create_task(lost()); await asyncio.wait([task]); del task; gc.collect()
    def fails(): raise RuntimeError(SECRET)
    asyncio.get_running_loop().call_soon(fails); await asyncio.sleep(0); await asyncio.sleep(0)
def dies(): raise RuntimeError(SECRET)
thread = threading.Thread(target=dies, name=SECRET); thread.start(); thread.join()
del (lambda: Stubborn())().__dict__
warnings.warn(SECRET)
asyncio.run(main())
logging.getLogger("aiohttp.client").warning("cannot reach %s", SECRET)
logging.getLogger("hypercorn.error").info("running at %s", SECRET)
logging.getLogger("fediverse.exchange").warning("no answer of %s\\n%s", SECRET, "\\x1b[1mfake")
logging.getLogger("actors.app").info("all is well")
"""


def test_j7_nothing_a_library_or_python_itself_says_gets_past_the_formatter() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-c", LOUD], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert "alice" not in ran.stderr
    assert "mastodon" not in ran.stderr
    said = " | ".join(line["text"] for line in lines)
    for expected in (
        "a thread ended early: RuntimeError in dies",
        "an exception had nowhere to go: RuntimeError in __del__",
        "Unclosed client session",
        "Task exception was never retrieved",
        "Exception in callback",
        "cannot reach %s",
        "no answer of",
        "all is well",
    ):
        assert expected in said
    assert "running at" not in said


def test_it_logs_json_where_nobody_is_looking_and_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    from actors.cli import logs

    for stream, begins in ((io.StringIO(), "{"), (Terminal(), "2")):
        root = logging.getLogger()
        monkeypatch.setattr(root, "handlers", [])
        monkeypatch.setattr(root, "level", root.level)
        monkeypatch.setattr("threading.excepthook", None)
        monkeypatch.setattr("sys.unraisablehook", sys.unraisablehook)
        logs.set_up(stream)
        logging.getLogger("actors.app").warning("hello")
        logging.captureWarnings(False)
        assert stream.getvalue().startswith(begins)
        assert stream.getvalue().count("\n") == 1
