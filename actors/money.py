"""Exact money: a decimal amount and an ISO 4217 currency, never a float.

Amounts come in as decimal strings and stay exact; what the public sees is rounded down to whole per cents of the
goal, so that no single gift can be read off (product.md, rule 8).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from types import MappingProxyType
from typing import Final

from babel import Locale

from actors.refusals import Refused

CAP: Final = Decimal(10) ** 12
"""The largest amount taken. No mutual-aid campaign is near it; a slip of the hand is."""

RATE_DECIMALS: Final = 12
RATE_CAP: Final = Decimal(10) ** 9

_TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE
CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY
TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
# The decimals are ISO 4217's, not CLDR's: Babel says 0 for AFN and IRR, where the standard, and receipts, have 2.
CURRENCIES: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3)
)
"""Active national currencies and how many decimals each has (ISO 4217; funds, metals and test codes left out)."""

_AMOUNT = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_EXACT = Context(prec=80)

# Babel leaves Latin digits in place for these languages; CLDR's separators of the numbering system are right.
_ARAB, _ARABEXT = "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"
_DIGITS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "ar": ("arab", _ARAB),
        "ckb": ("arab", _ARAB),
        "fa": ("arabext", _ARABEXT),
        "ps": ("arabext", _ARABEXT),
        "ur": ("arabext", _ARABEXT),
    }
)
RIGHT_TO_LEFT: Final = frozenset(_DIGITS)
"""Languages written from right to left, among those Clarion has words for."""


def isolate(text: str, language: str) -> str:
    """The text between U+2068 and U+2069 where the language runs from right to left, else as it is.

    Mastodon strips `dir` (mastodon-compat §3.4), so direction has to travel in the characters themselves.
    """
    return f"\u2068{text}\u2069" if language in RIGHT_TO_LEFT else text


def check_currency(value: object, field: str = "currency") -> str:
    """An active ISO 4217 code in capitals. Raises Refused naming `field`."""
    if not isinstance(value, str) or value not in CURRENCIES:
        raise Refused.field(field, "must be an ISO 4217 currency code in capitals, such as EUR")
    return value


def _decimal(value: object, field: str, decimals: int, cap: Decimal) -> Decimal:
    if not isinstance(value, str):
        raise Refused.field(field, 'must be a decimal string, such as "1250.50"')
    if _AMOUNT.fullmatch(value) is None:
        raise Refused.field(field, 'must be plain ASCII digits with an optional decimal point, such as "1250.50"')
    if len(value.partition(".")[2]) > decimals:
        raise Refused.field(field, f"has more than {decimals} decimals")
    amount = Decimal(value)
    if amount > cap:
        raise Refused.field(field, f"is over {cap:,f}")
    return amount


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount, at least 0, with at most the decimals its currency has."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        check_currency(self.currency)
        if not isinstance(self.amount, Decimal) or not self.amount.is_finite() or self.amount.is_signed():
            raise Refused.field("amount", "must be a finite decimal, not below 0")
        exponent = self.amount.as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > CURRENCIES[self.currency]:
            raise Refused.field("amount", f"has more than {CURRENCIES[self.currency]} decimals")

    @classmethod
    def parse(cls, amount: object, currency: object, field: str = "goal_amount", *, zero: bool = False) -> Money:
        """Reads a decimal string in a known currency.

        `zero` allows 0 (an amount raised may be 0, a goal may not). Raises Refused naming `field`, or `currency`.
        """
        code = check_currency(currency)
        exact = _decimal(amount, field, CURRENCIES[code], CAP)
        if exact == 0 and not zero:
            raise Refused.field(field, "must be more than 0")
        return cls(exact, code)

    def text(self) -> str:
        """The amount as the decimal string it is stored and sent as, without exponent."""
        return f"{self.amount:f}"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of `source` was worth in `target` on a day, as the organisers say."""

    source: str
    target: str
    rate: Decimal
    on: date

    @classmethod
    def parse(cls, source: object, target: str, rate: object, on: date, field: str = "rates") -> Rate:
        """Reads a rate from a decimal string with at most 12 decimals. Raises Refused naming `field`."""
        code = check_currency(source, field)
        if code == target:
            raise Refused.field(field, "a rate leads from another currency to the goal's")
        exact = _decimal(rate, field, RATE_DECIMALS, RATE_CAP)
        if exact == 0:
            raise Refused.field(field, "must be more than 0")
        return cls(code, target, exact, on)

    def convert(self, money: Money) -> Money:
        """The amount in the target currency, cut (never rounded up) to its decimals."""
        if money.currency != self.source:
            raise ValueError(f"this rate converts {self.source}")
        with localcontext(_EXACT):
            return Money(_cut(money.amount * self.rate, self.target), self.target)


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a campaign is, as its public pages and posts may say it.

    `raised` is rounded down to whole per cents of the goal; `percent` is that whole number; `approximate` tells that
    a rate was needed (the sum then shows "≈"); `as_of` is the time of the oldest amount in it.
    """

    goal: Money
    raised: Money
    percent: int
    approximate: bool
    as_of: datetime | None

    @property
    def reached(self) -> bool:
        """Whether the goal is covered."""
        return self.percent >= 100


def figures(goal: Money, raised: Iterable[tuple[Money, datetime]], rates: Iterable[Rate] = ()) -> Figures:
    """The public figures of what was raised, per destination, at the times given.

    An amount in another currency counts by its rate; one without a rate is left out, so that a sum is never
    overstated, and the sum is marked as approximate.
    """
    by_currency = {rate.source: rate for rate in rates if rate.target == goal.currency}
    total = Decimal(0)
    approximate = False
    times = []
    with localcontext(_EXACT):
        for money, as_of in raised:
            times.append(as_of)
            if money.currency == goal.currency:
                total += money.amount
                continue
            approximate = True
            if money.currency in by_currency:
                total += by_currency[money.currency].convert(money).amount
        percent = int(total * 100 // goal.amount)
        public = Money(_cut(goal.amount * percent / 100, goal.currency), goal.currency)
    return Figures(goal, public, percent, approximate, min(times, default=None))


def _cut(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-CURRENCIES[currency]), rounding=ROUND_DOWN, context=_EXACT)


def say(money: Money, language: str, *, approximate: bool = False) -> str:
    """The amount as readers of a language write it, in their digits; isolated in right-to-left text.

    Whole amounts lose their empty decimals; any other keeps every decimal of its currency.
    """
    locale = Locale.parse(language)
    system, digits = _DIGITS.get(language, ("latn", ""))
    pattern = copy.copy(locale.currency_formats["standard"])
    whole = money.amount == money.amount.to_integral_value()
    decimals = 0 if whole else CURRENCIES[money.currency]
    pattern.frac_prec = (decimals, decimals)
    with localcontext(_EXACT):
        written = str(
            pattern.apply(money.amount, locale, currency=money.currency, currency_digits=False, numbering_system=system)
        )
    # CLDR puts a space between a code of letters and a number; Babel forgets it ("AFN1,200").
    written = re.sub(r"(?<=[A-Za-z])(?=[0-9])", "\u00a0", written)
    # The pattern's own direction mark stays: it is what gives the isolate its direction.
    return isolate(("≈\u00a0" if approximate else "") + _own_digits(written, digits), language)


def say_percent(percent: int, language: str) -> str:
    """A whole percentage in the digits of a language; isolated in right-to-left text."""
    locale = Locale.parse(language)
    system, digits = _DIGITS.get(language, ("latn", ""))
    pattern = locale.percent_formats[None]
    written = str(pattern.apply(Decimal(percent) / 100, locale, numbering_system=system))
    return isolate(_own_digits(written, digits).replace("%", "٪" if digits else "%"), language)


def say_date(day: date, language: str) -> str:
    """A day (Gregorian) in the digits of a language; isolated in right-to-left text."""
    # ISO order is the one form nobody reads as another day, and it needs no calendar of month names.
    return isolate(_own_digits(day.isoformat(), _DIGITS.get(language, ("latn", ""))[1]), language)


def _own_digits(written: str, digits: str) -> str:
    return written.translate(str.maketrans("0123456789", digits)) if digits else written
