"""How the values of a campaign stand in a column: texts and figures as JSON, amounts as decimal strings.

What is read here was checked when it was handed in; it is not checked again, so that no later rule can make a
campaign unreadable that has to be closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.engine import RowMapping

from actors.model import (
    Announcement,
    AppealText,
    ClosedText,
    Destination,
    Help,
    Kind,
    Note,
    Project,
    Standing,
)
from actors.money import Figures, Money, Rate
from fediverse.protocol.strict_json import Json, dumps, loads_object


def write_appeal(text: AppealText | None) -> str | None:
    """An appeal without its language, which stands beside it."""
    if text is None:
        return None
    parts: dict[str, Json] = {
        "title": text.title,
        "lead": text.lead,
        "ask": text.ask,
        "full_text": text.full_text,
        "hashtags": list(text.hashtags),
    }
    return dumps(parts).decode()


def read_appeal(language: str, stored: str) -> AppealText:
    """Back from `write_appeal`."""
    parts: dict[str, Any] = loads_object(stored.encode())
    return AppealText(language, **{**parts, "hashtags": tuple(parts["hashtags"])})


def write_closing(text: ClosedText | None) -> str | None:
    """A closing text without its language."""
    if text is None:
        return None
    projects: list[Json] = [{"name": project.name, "url": project.url} for project in text.projects]
    return dumps({"outcome": text.outcome, "projects": projects}).decode()


def read_closing(language: str, stored: str) -> ClosedText:
    """Back from `write_closing`."""
    parts: dict[str, Any] = loads_object(stored.encode())
    projects = tuple(Project(project["name"], project["url"]) for project in parts["projects"])
    return ClosedText(language, parts["outcome"], projects)


def write_rates(rates: Iterable[Rate]) -> str:
    """Rates with the day they were true."""
    rows: list[Json] = [
        {"source": rate.source, "target": rate.target, "rate": f"{rate.rate:f}", "on": rate.on.isoformat()}
        for rate in rates
    ]
    return dumps({"rates": rows}).decode()


def read_rates(stored: str) -> tuple[Rate, ...]:
    """Back from `write_rates`."""
    parts: dict[str, Any] = loads_object(stored.encode())
    return tuple(
        Rate(row["source"], row["target"], Decimal(row["rate"]), date.fromisoformat(row["on"]))
        for row in parts["rates"]
    )


def write_figures(figures: Figures) -> str:
    """The figures an announcement says, as they were."""
    parts: dict[str, Json] = {
        "goal": figures.goal.text(),
        "raised": figures.raised.text(),
        "currency": figures.goal.currency,
        "percent": figures.percent,
        "approximate": figures.approximate,
        "as_of": figures.as_of.isoformat() if figures.as_of else None,
    }
    return dumps(parts).decode()


def read_figures(stored: str) -> Figures:
    """Back from `write_figures`."""
    parts: dict[str, Any] = loads_object(stored.encode())
    currency = parts["currency"]
    return Figures(
        read_money(parts["goal"], currency),
        read_money(parts["raised"], currency),
        parts["percent"],
        parts["approximate"],
        datetime.fromisoformat(parts["as_of"]) if parts["as_of"] else None,
    )


def read_money(amount: str, currency: str) -> Money:
    """A stored amount."""
    return Money(Decimal(amount), currency)


def read_destination(row: RowMapping) -> Destination:
    """A destination, from a row of the actor's list; with `raised` and `as_of` where the row has them."""
    raised = row.get("raised")
    return Destination(
        id=row["id"],
        label=row["label"],
        url=row["url"],
        kind=Help(row["kind"]),
        state=Standing(row["state"]),
        currency=row["currency"],
        raised=None if raised is None else read_money(raised, row["currency"]),
        as_of=None if raised is None else row["as_of"],
    )


def read_announcement(row: RowMapping, notes: Iterable[RowMapping]) -> Announcement:
    """An announcement with its notes, which come in their order."""
    return Announcement(
        id=row["id"],
        kind=Kind(row["kind"]),
        published=row["published"],
        notes=tuple(Note(note["id"], note["language"], note["withdrawn"]) for note in notes),
        figures=read_figures(row["figures"]),
    )
