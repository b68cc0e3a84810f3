from __future__ import annotations

import io
import json

import pytest

from actors.cli import output
from actors.cli.output import printable, show
from fediverse.protocol.strict_json import Json

ROWS: list[dict[str, Json]] = [
    {"host": "harbour.test", "outcome": "delivered", "next": None, "note": "\x1b[31mred\tand\nmore"},
    {"host": "ferry.test", "outcome": "waiting", "next": "2026-11-22T12:00:00Z", "note": "راه امن"},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_programs_read_tab_separated_lines_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, columns=("host", "outcome", "next", "note"))
    assert capsys.readouterr().out == (
        "host\toutcome\tnext\tnote\n"
        "harbour.test\tdelivered\t-\t\\x1b[31mred\\tand\\nmore\n"
        "ferry.test\twaiting\t2026-11-22T12:00:00Z\tراه امن\n"
    )


def test_people_read_a_table_that_says_all_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    show(ROWS, columns=("host", "outcome", "note"))
    shown = terminal.getvalue()
    assert "waiting" in shown
    assert "راه امن" in shown
    assert "\x1b" not in shown


def test_json_is_whole_and_plain_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, columns=("host",), as_json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == ROWS


def test_joiners_are_spelling_and_everything_else_unseen_is_escaped() -> None:
    assert printable("بلیت\u200cها") == "بلیت\u200cها"
    assert printable("a\u202eb\u2028c\x07\ud800") == "a\\u202eb\\u2028c\\x07\\ud800"


def test_what_a_locale_cannot_write_is_escaped_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    output.never_stumble()
    output.say("né راه")
    stream.flush()
    assert raw.getvalue() == b"n\xe9 \\u0631\\u0627\\u0647\n"
