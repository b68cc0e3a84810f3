from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.names import PAYMENT_SCHEMES, SHORTENERS, link_host, named_host, payment_scheme

HOSTS = ("donate.example", "www.pay.example:8443", "xn--bcher-kva.example")


@pytest.mark.parametrize(
    "text",
    [
        "give at donate.example today",
        "https://DONATE.Example/x",
        "https://www.donate.example",
        "Ｄonate．example",
        "donate。example",
        "donate۔example",
        "don\u200bate.exam\u00adple",
        "do\u200dnate.\u2060example",
        "dоnаte.example",
        "dónate.example",
        "donate%2Eexample",
        "donate&period;example",
        "donate&#46;example",
        "donate [dot] example",
        "donate(.)example",
        "donate .example",
        "donate . example",
        "https://donate.example@evil.example/",
        "https://donate.example.evil.example/",
        "(donate.example)",
        "donate.example.",
        "به donate.example کمک کنید",
    ],
)
def test_a_destination_is_found_in_every_disguise(text: str) -> None:
    assert named_host(text, HOSTS) == "donate.example"


@pytest.mark.parametrize(
    "text",
    [
        "mydonate.example",
        "donate. Example follows",
        "donate-example",
        "donate.examples",
        "donate",
        "",
        "3.5 and 1.000.000",
    ],
)
def test_other_words_are_no_destination(text: str) -> None:
    assert named_host(text, HOSTS) is None


def test_port_www_and_the_two_spellings_of_an_international_name_make_no_difference() -> None:
    assert named_host("see pay.example", HOSTS) == "www.pay.example:8443"
    assert named_host("see bücher.example", HOSTS) == "xn--bcher-kva.example"
    assert named_host("see xn--bcher-kva.example", HOSTS) == "xn--bcher-kva.example"


@pytest.mark.parametrize("shortener", sorted(SHORTENERS))
def test_every_link_shortener_of_the_table_is_found(shortener: str) -> None:
    assert named_host(f"more: https://{shortener}/abc", ()) == shortener


@pytest.mark.parametrize("text", ["t.co.uk", "nett.company", "about.comfort", "bit.lyrics"])
def test_a_name_that_only_begins_like_a_shortener_is_let_through(text: str) -> None:
    assert named_host(text, ()) is None


@pytest.mark.parametrize("scheme", PAYMENT_SCHEMES)
def test_every_payment_scheme_of_the_table_is_found(scheme: str) -> None:
    assert payment_scheme(f"pay {scheme.upper()}:abc") == scheme
    assert payment_scheme(f"<{scheme}://abc>") == scheme


def test_a_payment_address_after_a_space_is_found_and_ordinary_prose_is_not() -> None:
    assert payment_scheme("Bitcoin: bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq") == "bitcoin"
    assert payment_scheme("Lightning: it struck the camp at night") is None
    assert payment_scheme("no bitcoin, please") is None


def test_what_a_link_says_it_leads_to_is_read_from_its_text() -> None:
    assert link_host("see https://Fund.example/x") == "fund.example"
    assert link_host("version 1.5") is None
    assert link_host("the report") is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    named_host(text, HOSTS)
    payment_scheme(text)
    link_host(text)


@given(before=st.text(alphabet=" (:/,«", min_size=1), after=st.text(alphabet=" )/:?", min_size=1))
def test_a_destination_among_punctuation_is_found(before: str, after: str) -> None:
    assert named_host(f"{before}donate.example{after}", HOSTS) == "donate.example"


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "piece", ["a", " ", "a.", "xn--", "bitcoin: ", "( ", "&", "%41", "\u0301", "xn--a-", "-.", " . "]
)
def test_hostile_texts_are_read_in_linear_time(piece: str) -> None:
    text = piece * (80_000 // len(piece))
    named_host(text, HOSTS)
    payment_scheme(text)
