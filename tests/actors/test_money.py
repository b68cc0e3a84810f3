from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.money import CAP, CURRENCIES, Money, Rate, check_currency, figures, say, say_date, say_percent
from actors.refusals import Refused

NOW = datetime(2026, 11, 22, tzinfo=UTC)


PLAINLY_WRONG = (
    *("-1", "+1", "0", "0.00", "1e9", "NaN", "Infinity", "1.005", "1,000", "1 000", "1_000"),
    *("", " 1", "1\n", ".5", "5."),
)


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.mark.parametrize(
    "value",
    [*PLAINLY_WRONG, "１２٣", "١٢٣", "9" * 21, "1000000000000.01", 1000, 1000.1, True, None, ["1"], Decimal(1)],
)
def test_h5_an_amount_that_is_not_a_plain_decimal_string_is_refused_naming_its_field(value: object) -> None:
    with pytest.raises(Refused) as refusal:
        Money.parse(value, "EUR")
    assert [problem.field for problem in refusal.value.problems] == ["goal_amount"]


@pytest.mark.parametrize("value", ["0.1", "1", "5000", "5000.00", "1000000000000", "0.01"])
def test_an_amount_is_kept_exactly_as_it_was_written(value: str) -> None:
    assert Money.parse(value, "EUR").text() == value


def test_an_amount_raised_may_be_nothing_but_a_goal_may_not() -> None:
    assert Money.parse("0", "EUR", zero=True).amount == 0


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XTS", "XAU", "BGN", "HRK", "€", None, 978])
def test_h5_a_currency_that_is_not_an_active_code_is_refused(code: object) -> None:
    with pytest.raises(Refused) as refusal:
        check_currency(code)
    assert refusal.value.problems[0].field == "currency"


@pytest.mark.parametrize(
    ("code", "good", "bad"), [("JPY", "5", "5.0"), ("EUR", "5.25", "5.255"), ("KWD", "5.255", "5.2555")]
)
def test_an_amount_has_no_more_decimals_than_its_currency(code: str, good: str, bad: str) -> None:
    assert Money.parse(good, code).text() == good
    with pytest.raises(Refused, match="decimals"):
        Money.parse(bad, code)


def test_money_that_bypasses_the_parser_is_still_checked() -> None:
    for amount in (Decimal("NaN"), Decimal("-1"), Decimal("0.001"), Decimal("Infinity")):
        with pytest.raises(Refused):
            Money(amount, "EUR")


def test_public_sums_are_rounded_down_to_one_per_cent_of_the_goal() -> None:
    found = figures(euros("5000"), [(euros("2649.99"), NOW)])
    assert (found.raised.text(), found.percent, found.approximate) == ("2600.00", 52, False)


@given(
    goal=st.integers(1, 10**14),
    gifts=st.lists(st.integers(0, 10**12), max_size=5),
    code=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_a_public_sum_never_says_more_than_was_raised_and_hides_less_than_one_per_cent(
    goal: int, gifts: list[int], code: str
) -> None:
    unit = Decimal(1).scaleb(-CURRENCIES[code])
    target = Money(goal * unit, code)
    found = figures(target, [(Money(gift * unit, code), NOW) for gift in gifts])
    total = sum(gifts) * unit
    assert found.raised.amount <= total
    assert total - found.raised.amount < target.amount / 100 + unit
    assert found.reached == (total >= target.amount)


def test_another_currency_counts_by_its_dated_rate_and_the_sum_says_so() -> None:
    rate = Rate.parse("USD", "EUR", "0.9", date(2026, 11, 1))
    found = figures(
        euros("1000"), [(euros("100"), NOW), (Money(Decimal("100"), "USD"), NOW - timedelta(days=2))], [rate]
    )
    assert (found.raised.text(), found.percent, found.approximate) == ("190.00", 19, True)
    assert found.as_of == NOW - timedelta(days=2)
    assert say(found.raised, "en", approximate=found.approximate) == "≈\u00a0€190"


def test_an_amount_without_a_rate_is_left_out_and_the_sum_is_approximate() -> None:
    found = figures(euros("1000"), [(euros("100"), NOW), (Money(Decimal("100"), "USD"), NOW)])
    assert (found.percent, found.approximate) == (10, True)


@pytest.mark.parametrize(("source", "rate"), [("EUR", "1"), ("usd", "1"), ("USD", "0"), ("USD", "1e2"), ("USD", 1.5)])
def test_a_rate_is_a_decimal_string_from_another_currency(source: str, rate: object) -> None:
    with pytest.raises(Refused) as refusal:
        Rate.parse(source, "EUR", rate, date(2026, 11, 1))
    assert refusal.value.problems[0].field == "rates"


def test_a_rate_converts_only_its_own_currency_and_never_rounds_up() -> None:
    rate = Rate.parse("USD", "EUR", "0.999999", date(2026, 11, 1))
    assert rate.convert(Money(Decimal("1"), "USD")).text() == "0.99"
    with pytest.raises(ValueError, match="USD"):
        rate.convert(euros("1"))


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "€12,345.50"),
        ("de", "12.345,50\u00a0€"),
        ("fa", "\u2068\u200e€\u00a0۱۲٬۳۴۵٫۵۰\u2069"),
        ("ps", "\u2068€\u00a0۱۲٬۳۴۵٫۵۰\u2069"),
        ("ur", "\u2068€۱۲٬۳۴۵٫۵۰\u2069"),
        ("ckb", "\u2068€\u00a0١٢٬٣٤٥٫٥٠\u2069"),
        ("ar", "\u2068\u200f١٢٬٣٤٥٫٥٠\u00a0€\u2069"),
    ],
)
def test_amounts_are_written_in_the_digits_of_the_language(language: str, written: str) -> None:
    assert say(euros("12345.50"), language) == written


def test_whole_amounts_lose_their_empty_decimals_and_codes_stand_apart() -> None:
    assert say(euros("5000.00"), "en") == "€5,000"
    assert say(Money(Decimal("1200.50"), "AFN"), "en") == "AFN\u00a01,200.50"


@given(amount=st.integers(0, int(CAP) * 100), language=st.sampled_from(["en", "de", "fa", "ar", "ps", "ur", "ckb"]))
def test_no_digit_is_lost_when_an_amount_is_written(amount: int, language: str) -> None:
    money = euros(str(Decimal(amount).scaleb(-2)))
    digits = "".join(str(unicodedata.digit(c)) for c in say(money, language) if c.isdecimal())
    exact = f"{money.amount:.2f}" if amount % 100 else f"{money.amount:.0f}"
    assert digits == re.sub(r"\D", "", exact)


def test_percentages_and_days_use_the_same_digits() -> None:
    assert say_percent(53, "en") == "53%"
    assert say_percent(53, "fa") == "\u2068۵۳٪\u2069"
    assert say_date(date(2026, 11, 2), "ar") == "\u2068٢٠٢٦-١١-٠٢\u2069"
