"""What the command line prints: rows as a table for people, as tab-separated lines for programs, or as JSON.

Nothing is said by colour alone, and nothing that is stored can move the cursor or break a line.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fediverse.protocol.strict_json import Json

Row = Mapping[str, Json]

_SPELLING: Final = "\u200c\u200d"  # joiners are ordinary letters of Persian and others
_NEVER: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with every character escaped that is none to be seen: controls, directions, line ends."""
    if text.isprintable():
        return text
    return "".join(
        each if each in _SPELLING or unicodedata.category(each) not in _NEVER else repr(each)[1:-1] for each in text
    )


def say(text: str) -> None:
    """One line on standard output."""
    click.echo(printable(text))


def remark(text: str) -> None:
    """One line for people, on standard error, beside what programs read."""
    click.echo(printable(text), err=True)


def show_json(value: Json) -> None:
    """JSON, ASCII only, for programs."""
    click.echo(json.dumps(value, indent=2))


def show(rows: Sequence[Row], *, columns: Sequence[str], as_json: bool = False) -> None:
    """Rows: as JSON whole, else these columns of them; a table on a terminal, tab-separated lines elsewhere."""
    if as_json:
        show_json([dict(row) for row in rows])
    elif sys.stdout.isatty():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(row[column])) for column in columns))
        Console(highlight=False).print(table)
    else:
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(_cell(row[column]) for column in columns))


def moment(at: datetime | None) -> str | None:
    """A moment as text, to the second, in UTC."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def never_stumble() -> None:
    """Let output go out in any locale: what an encoding does not have is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _cell(value: Json) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return " ".join(_cell(each) for each in value)
        case _:
            return printable(str(value))
