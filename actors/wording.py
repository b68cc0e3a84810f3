"""The phrases Clarion writes itself, one table per language.

A language without a table here cannot be used in a campaign: its followers could not be told, in their language, to
stop giving. Each table says whether a native reader has reviewed it; the banner of one that was not is shown together
with the English one (product.md, rule 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from actors.money import RIGHT_TO_LEFT, isolate
from actors.refusals import Refused


@dataclass(frozen=True, slots=True)
class Wording:
    """Every generated phrase in one language. Names in braces are filled in; nothing here is Markdown or HTML."""

    name: str
    reviewed: bool
    # Banners: the first thing read, and the content warning of the note.
    closed: str
    paused: str
    expired: str
    # Sentences
    paused_text: str
    expired_text: str
    goal_met: str
    by_hand: str
    being_checked: str
    withdrawn: str  # {date}
    raised_of: str  # {raised}, {goal}, {percent}
    # Labels, each followed by what it names
    goal: str
    more: str
    current: str
    other_languages: str
    support_instead: str
    expires: str
    as_of: str
    destinations: str
    verify: str
    # One word for the profile
    open_word: str


_EN = Wording(
    name="English",
    reviewed=True,
    closed="CLOSED – please do not donate",
    paused="PAUSED – please do not donate for now",
    expired="EXPIRED – please check before you donate",
    paused_text="The organisers have paused this campaign. Its page says whether it is open again.",
    expired_text="This campaign has reached its end date and nobody has renewed it. Do not rely on older copies of it.",
    goal_met="The goal has been reached.",
    by_hand="The organisers have closed this campaign.",
    being_checked="Goal reached, being checked by the organisers.",
    withdrawn="Withdrawn on {date}.",
    raised_of="{raised} of {goal} raised ({percent})",
    goal="Goal:",
    more="More and how to help:",
    current="Current state:",
    other_languages="In other languages:",
    support_instead="Please support instead:",
    expires="Open until:",
    as_of="As of:",
    destinations="How to help",
    verify="Check that this is ours: search for this address in your own app",
    open_word="Open",
)
_DE = Wording(
    name="Deutsch",
    reviewed=False,
    closed="BEENDET – bitte nicht mehr spenden",
    paused="PAUSIERT – bitte vorerst nicht spenden",
    expired="ABGELAUFEN – bitte vor dem Spenden nachsehen",
    paused_text="Die Organisierenden haben diese Kampagne angehalten. Auf ihrer Seite steht, ob sie wieder offen ist.",
    expired_text="Diese Kampagne ist abgelaufen und wurde nicht verlängert. Verlasst euch nicht auf ältere Kopien.",
    goal_met="Das Ziel ist erreicht.",
    by_hand="Die Organisierenden haben diese Kampagne beendet.",
    being_checked="Ziel erreicht, wird von den Organisierenden geprüft.",
    withdrawn="Zurückgezogen am {date}.",
    raised_of="{raised} von {goal} gesammelt ({percent})",
    goal="Ziel:",
    more="Mehr und wie ihr helfen könnt:",
    current="Aktueller Stand:",
    other_languages="In anderen Sprachen:",
    support_instead="Bitte unterstützt stattdessen:",
    expires="Offen bis:",
    as_of="Stand:",
    destinations="So könnt ihr helfen",
    verify="Prüft, ob das von uns ist: sucht diese Adresse in eurer eigenen App",
    open_word="Offen",
)
_FA = Wording(
    name="فارسی",
    reviewed=False,
    closed="بسته شد – لطفاً دیگر کمک مالی نکنید",
    paused="متوقف شده – لطفاً فعلاً کمک مالی نکنید",
    expired="مهلت تمام شده – لطفاً پیش از کمک بررسی کنید",
    paused_text="برگزارکنندگان این کارزار را موقتاً متوقف کرده‌اند. در صفحهٔ آن نوشته می‌شود که آیا دوباره باز شده است.",
    expired_text="مهلت این کارزار به پایان رسیده و تمدید نشده است. به نسخه‌های قدیمی آن تکیه نکنید.",
    goal_met="هدف کارزار برآورده شد.",
    by_hand="برگزارکنندگان این کارزار را بسته‌اند.",
    being_checked="به هدف رسیده و در حال بررسی برگزارکنندگان است.",
    withdrawn="در تاریخ {date} پس گرفته شد.",
    raised_of="{raised} از {goal} گردآوری شده ({percent})",
    goal="هدف:",
    more="اطلاعات بیشتر و راه‌های کمک:",
    current="وضعیت کنونی:",
    other_languages="به زبان‌های دیگر:",
    support_instead="لطفاً به جای آن حمایت کنید از:",
    expires="باز تا:",
    as_of="تا تاریخ:",
    destinations="راه‌های کمک",
    verify="برای اطمینان از اینکه این پیام از ماست، این نشانی را در برنامهٔ خودتان جستجو کنید",
    open_word="باز",
)
_AR = Wording(
    name="العربية",
    reviewed=False,
    closed="أُغلقت – يُرجى عدم التبرع",
    paused="متوقفة مؤقتًا – يُرجى عدم التبرع حاليًا",
    expired="انتهت المدة – يُرجى التحقق قبل التبرع",
    paused_text="أوقف المنظمون هذه الحملة مؤقتًا. تُبيّن صفحتها ما إذا كانت قد فُتحت من جديد.",
    expired_text="انتهت مدة هذه الحملة ولم تُمدَّد. يُرجى عدم الاعتماد على نسخ قديمة منها.",
    goal_met="تحقق هدف الحملة.",
    by_hand="أغلق المنظمون هذه الحملة.",
    being_checked="تحقق الهدف، والمنظمون يراجعون ذلك.",
    withdrawn="سُحبت بتاريخ {date}.",
    raised_of="جُمع {raised} من أصل {goal} ({percent})",
    goal="الهدف:",
    more="المزيد وطرق المساعدة:",
    current="الحالة الراهنة:",
    other_languages="بلغات أخرى:",
    support_instead="يُرجى دعم هذه المشاريع بدلًا منها:",
    expires="مفتوحة حتى:",
    as_of="بتاريخ:",
    destinations="طرق المساعدة",
    verify="للتأكد من أن هذا صادر عنا، ابحثوا عن هذا العنوان في تطبيقكم",
    open_word="مفتوحة",
)

WORDINGS: Final[Mapping[str, Wording]] = MappingProxyType({"en": _EN, "fa": _FA, "ar": _AR, "de": _DE})


def wording(language: str) -> Wording:
    """The phrases of a language. Raises KeyError: a campaign's languages were checked when it was drafted."""
    return WORDINGS[language]


def check_language(language: object, field: str = "languages") -> str:
    """A language Clarion has words for. Raises Refused naming `field`."""
    if not isinstance(language, str) or language not in WORDINGS:
        raise Refused.field(field, f"no phrases for this language; there are: {', '.join(sorted(WORDINGS))}")
    return language


def banner(phrase: str, language: str) -> str:
    """A banner (`closed`, `paused` or `expired`) in a language; together with English where it was not reviewed."""
    words = wording(language)
    own = str(getattr(words, phrase))
    return own if words.reviewed else f"{own} / {isolate(str(getattr(_EN, phrase)), language)}"


def direction(language: str) -> str:
    """`rtl` or `ltr`, for pages of ours (posts carry no direction, mastodon-compat §3.4)."""
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"
