"""What only the pages say, beside the phrases of the posts (actors.wording): the same languages, a table each.

No phrase here says that a campaign is closed or asks for anything; those are banners and have been weighed there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from actors.money import isolate
from actors.wording import wording

FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one language, all plain text. Those that end in a colon are followed by what they name."""

    skip: str
    # A campaign
    open_state: str
    figures: str
    money: str
    offer: str
    leads_to: str
    story: str
    printed: str
    neutral: str  # for previews, which live for weeks: true in every state
    # Who speaks
    announced_by: str
    verify_title: str
    verify_compare: str
    verify_limits: str
    follow: str
    campaigns: str
    campaign_page: str
    about: str
    # Where something is missing
    gone: str
    not_here: str
    trouble: str
    unknown: str
    unknown_text: str


_EN = Phrases(
    skip="Skip to the content",
    open_state="This campaign is open.",
    figures="How far we are",
    money="Money",
    offer="Help other than money",
    leads_to="This link leads to:",
    story="The whole story",
    printed="A printed page cannot close. Before you give, look here whether the campaign is still open:",
    neutral="This page always says where the campaign stands, and how to help or whom to support instead.",
    announced_by="Announced by:",
    verify_title="Is this really us?",
    verify_compare="The profile you find there must link to this site. Compare the name letter by letter:",
    verify_limits="This shows that an announcement is ours. It cannot show that a story is true.",
    follow="To follow, search for this address in your own app:",
    campaigns="Campaigns",
    campaign_page="Page of the campaign:",
    about="About this server",
    gone="This text has been withdrawn.",
    not_here="There is no such page here.",
    trouble="Something went wrong here. Please try again later.",
    unknown="STATE UNKNOWN – please do not donate for now",
    unknown_text="We cannot tell at the moment whether this campaign is open. Please look again in a few minutes.",
)
_DE = Phrases(
    skip="Zum Inhalt",
    open_state="Diese Kampagne ist offen.",
    figures="Wie weit wir sind",
    money="Geld",
    offer="Andere Hilfe als Geld",
    leads_to="Dieser Link führt zu:",
    story="Die ganze Geschichte",
    printed="Eine gedruckte Seite kann nicht schließen. Seht vor dem Spenden hier nach, ob noch etwas gebraucht wird:",
    neutral="Diese Seite sagt immer, wie es um die Kampagne steht und wie ihr helfen oder wen ihr unterstützen könnt.",
    announced_by="Bekannt gemacht von:",
    verify_title="Sind das wirklich wir?",
    verify_compare="Das Profil dort muss auf diese Seiten verlinken. Vergleicht den Namen Buchstabe für Buchstabe:",
    verify_limits="Das zeigt, dass eine Nachricht von uns ist. Dass eine Geschichte wahr ist, kann es nicht zeigen.",
    follow="Zum Folgen sucht diese Adresse in eurer eigenen App:",
    campaigns="Kampagnen",
    campaign_page="Seite der Kampagne:",
    about="Über diesen Server",
    gone="Dieser Text wurde zurückgezogen.",
    not_here="Diese Seite gibt es hier nicht.",
    trouble="Hier ist etwas schiefgegangen. Bitte versucht es später noch einmal.",
    unknown="STAND UNBEKANNT – bitte vorerst nicht spenden",
    unknown_text="Wir wissen gerade nicht, ob diese Kampagne offen ist. Bitte seht in ein paar Minuten wieder nach.",
)
_FA = Phrases(
    skip="رفتن به متن",
    open_state="این کارزار باز است.",
    figures="تا کجا رسیده‌ایم",
    money="کمک مالی",
    offer="کمک غیرمالی",
    leads_to="این پیوند می‌رسد به:",
    story="شرح کامل",
    printed="صفحهٔ چاپ‌شده بسته نمی‌شود. پیش از کمک، اینجا ببینید که کارزار هنوز باز است یا نه:",
    neutral="این صفحه همیشه می‌گوید که کارزار در چه وضعی است و چگونه یا از چه کسانی می‌توان حمایت کرد.",
    announced_by="منتشرکننده:",
    verify_title="آیا این واقعاً ما هستیم؟",
    verify_compare="نمایه‌ای که آنجا پیدا می‌کنید باید به همین سایت پیوند داشته باشد. نام را حرف به حرف مقایسه کنید:",
    verify_limits="این نشان می‌دهد که پیام از ماست. درستیِ یک روایت را نشان نمی‌دهد.",
    follow="برای دنبال کردن، این نشانی را در برنامهٔ خودتان جستجو کنید:",
    campaigns="کارزارها",
    campaign_page="صفحهٔ کارزار:",
    about="دربارهٔ این سرور",
    gone="این متن پس گرفته شده است.",
    not_here="چنین صفحه‌ای اینجا نیست.",
    trouble="مشکلی پیش آمد. لطفاً بعداً دوباره تلاش کنید.",
    unknown="وضعیت نامعلوم – لطفاً فعلاً کمک مالی نکنید",
    unknown_text="اکنون نمی‌توانیم بگوییم که این کارزار باز است یا نه. لطفاً چند دقیقهٔ دیگر دوباره نگاه کنید.",
)
_AR = Phrases(
    skip="الانتقال إلى المحتوى",
    open_state="هذه الحملة مفتوحة.",
    figures="إلى أين وصلنا",
    money="مساهمة مالية",
    offer="مساعدة غير مالية",
    leads_to="يقود هذا الرابط إلى:",
    story="النص الكامل",
    printed="الصفحة المطبوعة لا تُغلق. قبل التبرع، انظروا هنا إن كانت الحملة لا تزال مفتوحة:",
    neutral="تُبيّن هذه الصفحة دائمًا حالة الحملة، وكيف يمكن المساعدة أو من يمكن دعمه بدلًا منها.",
    announced_by="الناشر:",
    verify_title="هل هذا منا حقًا؟",
    verify_compare="يجب أن يحتوي الحساب الذي تجدونه على رابط إلى هذا الموقع. قارنوا الاسم حرفًا بحرف:",
    verify_limits="هذا يُظهر أن الرسالة صادرة عنا، ولا يُظهر أن الرواية صحيحة.",
    follow="للمتابعة، ابحثوا عن هذا العنوان في تطبيقكم:",
    campaigns="الحملات",
    campaign_page="صفحة الحملة:",
    about="عن هذا الخادم",
    gone="سُحب هذا النص.",
    not_here="لا توجد صفحة كهذه هنا.",
    trouble="حدث خطأ هنا. يُرجى المحاولة لاحقًا.",
    unknown="الحالة غير معروفة – يُرجى عدم التبرع حاليًا",
    unknown_text="لا يمكننا الآن معرفة ما إذا كانت هذه الحملة مفتوحة. يُرجى العودة بعد بضع دقائق.",
)

PHRASES: Final[Mapping[str, Phrases]] = MappingProxyType({"en": _EN, "de": _DE, "fa": _FA, "ar": _AR})


def phrases(language: str) -> Phrases:
    """The phrases of a language. Raises KeyError: every language of `wording` has them."""
    return PHRASES[language]


def unknown(language: str) -> str:
    """The banner of a page whose state cannot be read; beside English where nobody has reviewed it."""
    own = phrases(language).unknown
    return own if wording(language).reviewed else f"{own} / {isolate(_EN.unknown, language)}"
