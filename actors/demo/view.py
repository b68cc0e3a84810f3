"""What is seen of a demo: lines as things happen, and after each chapter what the followers see.

On a terminal with colour and rules, elsewhere as plain lines that a log or a screen reader takes. Nothing is said by
colour alone: every line says in words what it means. Right-to-left text gets a line of its own between U+2067 and
U+2069, with nothing to its right that a terminal could put in the wrong place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from actors.demo.neighbour import Neighbour, Seen
from actors.demo.timelines import Status
from actors.demo.verdict import Signs
from actors.money import RIGHT_TO_LEFT

EXCERPT: Final = 120
"""Characters of a note that are enough to recognise it; on a terminal, as many as are left in its line."""


class View:
    """Writes to a console; `steps` counts what was checked, `broken` lists what did not hold."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self.steps = 0
        self.broken: list[str] = []

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        self._line("")
        if self._console.is_terminal:
            self._console.rule(Text(title, "bold"), align="left", characters="─")
        else:
            self._line(f"== {title}")

    def say(self, text: str) -> None:
        """A sentence of the story."""
        self._line(text)

    def check(self, what: str, holds: bool, saw: str) -> bool:
        """One step: what should be, whether it is, and what was seen."""
        self.steps += 1
        if not holds:
            self.broken.append(what)
        line = Text("  ").append("holds" if holds else "DOES NOT HOLD", "bold green" if holds else "bold reverse red")
        self._print(line.append(f"  {what}: {saw}"))
        return holds

    def seen(self, seen: Seen) -> None:
        """One POST that a recording server received."""
        where = seen.server if seen.person is None else f"{seen.server}, inbox of {seen.person.rpartition('/')[2]}"
        what = seen.kind if seen.language is None else f"{seen.kind} {seen.language}"
        line = Text(f"{self.seconds:6.1f} s  ").append(f"{where:<36}  ", "cyan").append(f"{what:<17}  ", "bold")
        if seen.refusal is not None:
            line.append("REFUSED", "bold reverse red").append(f" {seen.refusal}")
        elif seen.taken is not None:
            line.append("verified", "green").append(f", {seen.taken.word}: {seen.taken.text}")
        self._print(line)

    def feeds(self, neighbours: Iterable[Neighbour], signs: Signs) -> None:
        """What every server now shows to its people."""
        for neighbour in neighbours:
            manners = neighbour.manners
            kind = f"like {manners.software}" + ("" if manners.shared_inbox else ", no shared inbox")
            state = "" if neighbour.is_up else ", DOWN"
            self._line(f"{neighbour.name} ({kind}{state}) shows", "bold cyan")
            feeds: dict[tuple[str, ...], list[str]] = {}
            for person in neighbour.people:
                ids = tuple(status.id for status in neighbour.timelines.home(person.id))
                feeds.setdefault(ids, []).append(person.name)
            for ids, names in feeds.items():
                self._line(f"  to {' and '.join(names)}{'' if ids else ': nothing'}")
                for each in ids:
                    self._status(neighbour.timelines.statuses[each], each in neighbour.timelines.pinned, signs)

    def _status(self, status: Status, pinned: bool, signs: Signs) -> None:
        marks = [status.language]
        marks += ["ASKS"] if signs.asking(status) else []
        marks += ["says stop"] if signs.ending(status) else []
        marks += ["edited"] if status.updated is not None else []
        marks += ["pinned"] if pinned else []
        style = "yellow" if signs.asking(status) else "green" if signs.ending(status) else "default"
        line = Text("    ").append(f"[{', '.join(marks)}] ", style)
        room = self._console.width - len(line) if self._console.is_terminal else EXCERPT
        text = " · ".join(status.paragraphs)
        if status.summary:
            text = f"(warning: {status.summary}) {text}"
        self._print(line.append(directed(text, status.language, room)))

    def report(self, report: Mapping[str, Any]) -> None:
        """The delivery report, as the admin endpoint gives it."""
        rows = [
            (str(note.get("kind")), str(note.get("language")), _counts(note.get("counts"))) for note in report["notes"]
        ]
        if not self._console.is_terminal:
            for row in rows:
                self._line(f"  {row[0]} ({row[1]}): {row[2]}")
            return
        table = Table("note", "language", "at how many inboxes", box=None, padding=(0, 3, 0, 2))
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def addresses(self, lines: Sequence[str]) -> None:
        """What a person may want to copy: as it is, never wrapped."""
        for line in lines:
            self._line(line)

    def closing(self, line: str, good: bool) -> None:
        """The last line."""
        self._line("")
        self._line(line, "bold green" if good else "bold reverse red")

    def _line(self, text: str, style: str = "") -> None:
        self._print(Text(text, style))

    def _print(self, line: Text) -> None:
        if not self._console.encoding.startswith("utf"):  # better a question mark than no demo
            line.plain = line.plain.encode(self._console.encoding, "replace").decode(self._console.encoding)
        self._console.print(line, soft_wrap=True, highlight=False)


def directed(text: str, language: str, room: int = EXCERPT) -> str:
    """The beginning of a text, `room` characters long, isolated where its language runs from right to left."""
    room = max(room, 20)
    short = text if len(text) <= room else f"{text[: room - 1].rstrip()}…"
    short += "\u2069" * (short.count("\u2068") - short.count("\u2069"))  # what was cut off inside an isolate
    return f"\u2067{short}\u2069" if language in RIGHT_TO_LEFT else short


def _counts(counts: Any) -> str:
    if not isinstance(counts, Mapping):
        return "nothing"
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number) or "nothing"
