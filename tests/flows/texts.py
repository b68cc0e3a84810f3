"""Two appeals and two closings of one group, all of it invented, as long and as many-layered as real ones are.

The town, the province and the council are on no map, and nobody lives at the addresses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = Path(__file__).parent / "words"

FUND = "https://give.test/lamp-circle"
SHELTER = "https://rooms.test/offer"
DESTINATION_HOSTS = ("give.test", "rooms.test")

ASKS = {
    "en": "Give towards the journeys, or write an invitation.",
    "fa": "برای هزینهٔ راه کمک کنید یا دعوت‌نامه بفرستید.",
}
SECOND_ASKS = {
    "en": "We ask you once more: help those who wait at the border.",
    "fa": "بار دیگر از شما می‌خواهیم: به آن‌ها که پشت مرز مانده‌اند کمک کنید.",
}
STOPS = {"en": "CLOSED – please do not donate", "fa": "بسته شد – لطفاً دیگر کمک مالی نکنید"}

PLACES = (
    {"label": "Journeys", "url": FUND, "kind": "money", "currency": "EUR"},
    {"label": "A room for a month", "url": SHELTER, "kind": "offer"},
)


def words(name: str) -> str:
    """A long text by its file: `first.en`."""
    return (WORDS / f"{name}.txt").read_text().strip()


HANDED_OVER_TO = (
    {"name": "Second River Kitchen", "url": "https://kitchen.test/about"},
    {"name": "Open Gate Legal Aid", "url": "https://gate.test/"},
)

FIRST: dict[str, Any] = {
    "title": "The printers of Belmara must leave this week",
    "lead": "The Council stands before the upper town, with lists. Eleven people who printed what it forbade "
    "*have to be over a border* before the week ends.",
    "ask": ASKS["en"],
    "full_text": words("first.en"),
    "hashtags": ["MutualAid", "Belmara", "SafePassage"],
    "closed": {"outcome": words("first-closing.en"), "projects": []},
}
FIRST_FA: dict[str, Any] = {
    "title": "چاپخانه‌داران بلمارا باید همین هفته بروند",
    "lead": "شورا با فهرست‌هایش پشت دروازهٔ شهر بالاست. یازده نفر که آنچه را ممنوع بود چاپ کرده‌اند باید پیش از "
    "پایان هفته از مرز بگذرند.",
    "ask": ASKS["fa"],
    "full_text": words("first.fa"),
    "hashtags": ["همیاری", "بلمارا"],
    "closed": {"outcome": words("first-closing.fa"), "projects": []},
}
SECOND: dict[str, Any] = {
    "title": "Those who still wait behind two borders",
    "lead": "A year ago you brought eleven people out of Belmara. Seven have arrived somewhere; four have not.",
    "ask": SECOND_ASKS["en"],
    "full_text": words("second.en"),
    "hashtags": ["MutualAid", "Belmara"],
    "closed": {"outcome": words("second-closing.en"), "projects": list(HANDED_OVER_TO)},
}
SECOND_FA: dict[str, Any] = {
    "title": "آن‌ها که هنوز پشت دو مرز مانده‌اند",
    "lead": "سال گذشته یازده نفر را از بلمارا بیرون آوردید. هفت نفر به جایی رسیده‌اند و چهار نفر هنوز نه.",
    "ask": SECOND_ASKS["fa"],
    "full_text": words("second.fa"),
    "hashtags": ["همیاری", "بلمارا"],
    "closed": {"outcome": words("second-closing.fa"), "projects": list(HANDED_OVER_TO)},
}


def document(expires: str, en: dict[str, Any] = FIRST, fa: dict[str, Any] | None = FIRST_FA) -> dict[str, Any]:
    """A campaign as the organisers hand it in; without `fa` it is in one language."""
    return {
        "goal_amount": "9000.00",
        "currency": "EUR",
        "expires": expires,
        "destinations": [place["url"] for place in PLACES],
        "languages": {"en": en, **({"fa": fa} if fa is not None else {})},
    }
