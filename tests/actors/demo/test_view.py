"""What is printed: plain lines where there is no terminal, and never a meaning in colour alone."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from actors.demo.ground import Ground
from actors.demo.neighbour import Neighbour, Seen
from actors.demo.timelines import Manners, Taken
from actors.demo.verdict import Signs
from actors.demo.view import View, directed

US = "https://clarion.demo.test/actors/1"
SIGNS = Signs(frozenset({"Please help."}), frozenset(), {"en": "do not donate", "fa": "کمک مالی نکنید"})
PERSIAN = "بسته شد – لطفاً دیگر کمک مالی نکنید"


def printed(*, terminal: bool = False, width: int = 80) -> tuple[View, io.StringIO]:
    out = io.StringIO()
    return View(
        Console(file=out, force_terminal=terminal, width=width, color_system="truecolor" if terminal else "auto")
    ), out


def everything(view: View) -> None:
    """All that a view can say."""
    view.chapter("A chapter")
    view.say("A sentence, [bold]with brackets[/bold].")
    view.check("the sky is up", True, "up")
    view.check("the sun shines", False, "rain")
    view.seen(Seen("a.test", "Create{Note}", None, "en", taken=Taken("shown", "now in the feed of dara")))
    view.seen(Seen("b.test", "POST", "https://b.test/users/sol", refusal="the digest is that of another body"))
    with Ground() as ground:
        neighbour = Neighbour(ground, "c.test", Manners("mastodon"), ["mina", "dara"], view.seen)
        person = neighbour.people[0].id
        neighbour.timelines.follows[person, US] = True
        neighbour.timelines.feeds[person] = []
        for name, language, content in (("1", "en", "Please help."), ("2", "fa", PERSIAN)):
            note = {"id": f"https://clarion.demo.test/notes/{name}", "type": "Note", "attributedTo": US}
            note |= {"content": content, "published": "2026-11-22T12:00:00Z"}
            activity = {"id": name, "type": "Create", "object": {**note, "contentMap": {language: content}}}
            assert neighbour.timelines.take(activity, US).word == "shown"
        view.feeds([neighbour], SIGNS)
    view.report({"notes": [{"kind": "appeal", "language": "en", "counts": {"delivered": 3, "waiting": 0}}]})
    view.closing("Closed: 3 of 3.", True)


SAID = (
    "A chapter",
    "A sentence, [bold]with brackets[/bold].",
    "holds  the sky is up: up",
    "DOES NOT HOLD  the sun shines: rain",
    "verified, shown: now in the feed of dara",
    "b.test, inbox of sol",
    "REFUSED the digest is that of another body",
    "c.test (like mastodon, DOWN) shows",
    "to mina",
    "[en, ASKS] Please help.",
    f"[fa, says stop] \u2067{PERSIAN}\u2069",
    "to dara: nothing",
    "Closed: 3 of 3.",
)


def test_without_a_terminal_everything_is_plain_lines_that_never_wrap() -> None:
    view, out = printed()
    everything(view)
    text = out.getvalue()
    for part in (*SAID, "appeal (en): 3 delivered"):
        assert part in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 80


def test_on_a_terminal_the_same_is_said_without_its_colours() -> None:
    view, out = printed(terminal=True, width=120)
    everything(view)
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert text != out.getvalue()
    for part in SAID:
        assert part in text
    assert re.search(r"appeal +en +3 delivered", text)


def test_what_does_not_hold_is_kept_for_the_last_line() -> None:
    view, _ = printed()
    assert view.check("one", True, "")
    assert not view.check("two", False, "")
    assert (view.steps, view.broken) == (2, ["two"])


@pytest.mark.parametrize(
    ("text", "language", "seen"),
    [
        ("short", "en", "short"),
        ("x" * 40, "en", "x" * 29 + "…"),
        ("سلام", "fa", "\u2067سلام\u2069"),
        ("a \u2068" + "b" * 40 + "\u2069", "fa", "\u2067a \u2068" + "b" * 26 + "…\u2069\u2069"),
    ],
)
def test_an_excerpt_keeps_its_direction_to_itself(text: str, language: str, seen: str) -> None:
    assert directed(text, language, 30) == seen


def test_on_a_narrow_terminal_a_note_stays_in_its_line() -> None:
    view, out = printed(terminal=True, width=40)
    everything(view)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.getvalue().splitlines()]
    assert all(len(line) <= 44 for line in lines if line.startswith("    ["))


def test_a_console_that_cannot_write_persian_gets_question_marks() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii", write_through=True) as out:
        everything(View(Console(file=out, width=80)))
        assert "[fa, says stop] ????? ?? ? " in raw.getvalue().decode()
