"""The story that the demo plays: a valley, a flood and a campaign, all of it invented, in English and Persian.

Nothing here is about anybody. The valley is on no map, and nobody lives at the addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

SLUG: Final = "stoves-for-the-valley"
LANGUAGES: Final = ("en", "fa")
HANDLE: Final = "relief"
NAME: Final = "Valley Relief"
SUMMARY: Final = "Neighbours of the Aram Valley. We ask when there is need, and we say when there is none any more."

BANK: Final = "https://donate.demo.test/valley-relief"
FUEL: Final = "https://wood.demo.test/give"
GOAL: Final = "25000.00"

HALFWAY: Final = (("Bank transfer", "11250.00"), ("Firewood vouchers", "2140.50"))
REACHED: Final = (("Bank transfer", "21980.00"), ("Firewood vouchers", "3215.75"))

DESTINATIONS: Final[tuple[Mapping[str, str], ...]] = (
    {"label": "Bank transfer", "url": BANK, "kind": "money", "currency": "EUR"},
    {"label": "Firewood vouchers", "url": FUEL, "kind": "money", "currency": "EUR"},
)

ASKS: Final[Mapping[str, str]] = {
    "en": "Please help us buy stoves and fuel before the road closes. Small gifts count.",
    "fa": "لطفاً کمک کنید تا پیش از بسته شدن راه، بخاری و سوخت بخریم. کمک‌های کوچک هم مؤثرند.",
}
"""The sentences that ask; whoever still shows one is still asking."""

STOP_WORDS: Final[Mapping[str, str]] = {"en": "please do not donate", "fa": "دیگر کمک مالی نکنید"}
"""What tells readers of each language that it is over."""

_ENGLISH: Final[Mapping[str, Any]] = {
    "title": "Stoves for the Aram Valley",
    "lead": "The October flood took stoves, blankets and winter stores from 62 households. "
    "With the first snow, in about five weeks, the only road closes.",
    "ask": ASKS["en"],
    "full_text": "The river rose on the night of the 14th. Nobody was hurt, because the miller's daughter rang the "
    "school bell at two in the morning; but whatever stood on a ground floor is gone.\n\n"
    "Sixty-two households need a stove, two blankets a head and fuel until April. A stove is 180 EUR, a cubic metre of "
    "wood is 60. We have quotes from two workshops in the town, and a lorry that is lent to us.\n\n"
    "- Stoves first, for the houses with children\n- Then fuel, as much as a lorry takes\n- Then blankets\n\n"
    "When the goal is reached we close this page: what comes later than the snow cannot be delivered.",
    "hashtags": ["MutualAid", "WinterAid", "AramValley"],
    "closed": {
        "outcome": "All 62 households have a stove, and fuel until April. Thank you. "
        "More money would not help any more: the road is closed.",
        "projects": [
            {"name": "Lowland Shelter Network", "url": "https://shelter.demo.test/about"},
            {"name": "River Watch", "url": "https://river.demo.test/"},
        ],
    },
}

_PERSIAN: Final[Mapping[str, Any]] = {
    "title": "بخاری برای درهٔ آرام",
    "lead": "سیل مهرماه بخاری، پتو و آذوقهٔ زمستانی ۶۲ خانوار را با خود برد. "
    "با نخستین برف، حدود پنج هفتهٔ دیگر، تنها راه دره بسته می‌شود.",
    "ask": ASKS["fa"],
    "full_text": "آب رودخانه شب چهاردهم بالا آمد. به کسی آسیبی نرسید، چون دختر آسیابان ساعت دو بامداد زنگ مدرسه را "
    "به صدا درآورد؛ اما هرچه در طبقهٔ همکف بود از میان رفت.\n\n"
    "شصت و دو خانوار به یک بخاری، برای هر نفر دو پتو، و سوخت تا فروردین نیاز دارند. بهای هر بخاری ۱۸۰ یورو و هر متر "
    "مکعب هیزم ۶۰ یورو است.\n\n"
    "وقتی به هدف برسیم این صفحه را می‌بندیم: آنچه پس از برف برسد به دست کسی نمی‌رسد.",
    "hashtags": ["همیاری", "کمک_زمستانی"],
    "closed": {
        "outcome": "هر ۶۲ خانوار بخاری دارند و تا فروردین سوخت. سپاسگزاریم. "
        "پول بیشتر دیگر کمکی نمی‌کند، چون راه بسته شده است.",
        "projects": [
            {"name": "شبکهٔ سرپناه", "url": "https://shelter.demo.test/about"},
            {"name": "دیده‌بان رودخانه", "url": "https://river.demo.test/"},
        ],
    },
}


def campaign(expires: datetime) -> dict[str, Any]:
    """The document an organiser hands in."""
    return {
        "goal_amount": GOAL,
        "currency": "EUR",
        "expires": expires.isoformat(timespec="seconds"),
        "destinations": [BANK, FUEL],
        "languages": {"en": _ENGLISH, "fa": _PERSIAN},
    }
