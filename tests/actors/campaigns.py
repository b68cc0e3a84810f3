"""Campaigns to test with: small builders, every value of them fixed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from actors import campaign as life
from actors.model import AppealText, Campaign, ClosedText, Destination, Help, Project, Standing
from actors.money import Money

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORIGIN = "https://fund.example"
DESTINATION = Destination("d1", "Solidarity fund", "https://donate.example/x", Help.MONEY, Standing.ACTIVE, "EUR")
OFFER = Destination("d2", "Rooms", "https://rooms.example/", Help.OFFER, Standing.ACTIVE)

ASKS = {
    "en": "Please chip in for the bus tickets.",
    "fa": "برای بلیت‌ها کمک کنید.",
    "de": "Bitte gebt etwas für die Fahrkarten.",
    "ar": "ساهموا في ثمن التذاكر.",
}
TITLES = {"en": "Safe roads north", "fa": "راه امن", "de": "Sichere Wege", "ar": "طرق آمنة"}
OUTCOMES = {
    "en": "Everyone has arrived.",
    "fa": "همه رسیده‌اند.",
    "de": "Alle sind angekommen.",
    "ar": "وصل الجميع.",
}


def counter(prefix: str = "") -> Callable[[], str]:
    """Ids in order, 32 hex digits each."""
    taken = 0

    def new_id() -> str:
        nonlocal taken
        taken += 1
        return f"{prefix}{taken:0{32 - len(prefix)}x}"

    return new_id


def appeal_text(language: str) -> AppealText:
    return AppealText(
        language,
        TITLES[language],
        f"Lead of {language}: people on the road, *now*.",
        ASKS[language],
        f"The whole story in {language}.",
        ("MutualAid", "SafeRoads"),
    )


def closed_text(language: str) -> ClosedText:
    return ClosedText(language, OUTCOMES[language], (Project("Winter kitchen", "https://kitchen.example/about"),))


def draft(*languages: str, slug: str = "roads", raised: str | None = None, goal: str = "5000") -> Campaign:
    chosen = languages or ("en", "fa")
    place = DESTINATION
    if raised is not None:
        place = Destination(
            "d1",
            place.label,
            place.url,
            place.kind,
            place.state,
            "EUR",
            Money(Decimal(raised), "EUR"),
            NOW - timedelta(hours=1),
        )
    return Campaign(
        id="c" * 32,
        slug=slug,
        languages=chosen,
        texts=tuple(appeal_text(language) for language in chosen),
        closings=tuple(closed_text(language) for language in chosen),
        goal=Money(Decimal(goal), "EUR"),
        expires=NOW + timedelta(days=60),
        destinations=(place, OFFER),
    )


def opened(*languages: str, prefix: str = "", raised: str | None = None, goal: str = "5000") -> Campaign:
    before = draft(*languages, raised=raised, goal=goal)
    return life.open(before, (DESTINATION, OFFER), NOW, counter(prefix))[0]
