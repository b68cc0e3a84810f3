from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.errors import Malformed
from fediverse.protocol.origins import canonical_host, check_url, host_of, origin_of, same_origin
from tests import vectors

VECTORS = vectors.load("urls")
# What the vector file leaves to words: the canonical forms.
CANONICAL = {
    "https://peer.example/users/a": "https://peer.example/users/a",
    "https://PEER.example/users/a": "https://peer.example/users/a",
    "https://peer\u3002example/": "https://peer.example/",
    "https://peer.example#@127.0.0.1/": "https://peer.example/",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"] or vector["expect"])
def test_b9_every_url_of_the_table_is_judged_as_the_table_says(vector: dict[str, str]) -> None:
    url = vector["url"].replace("{repeat a 5000}", "a" * 5000)
    if vector["expect"].startswith("refuse"):
        assert url not in CANONICAL
        with pytest.raises(Malformed):
            check_url(url)
    else:
        assert check_url(url) == CANONICAL[url]


@pytest.mark.parametrize(
    "host",
    [
        "bücher.example",
        "BÜCHER.Example",
        "bu\u0308cher.example",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.EXAMPLE",
        "bücher\u3002example",
        "bücher\uff0eexample",
        "bücher\uff61example.",
        "xn--bcher-kva.example.",
    ],
)
def test_b9_all_spellings_of_a_host_have_one_canonical_form(host: str) -> None:
    assert canonical_host(host) == "xn--bcher-kva.example"
    assert check_url(f"https://{host}:443/") == "https://xn--bcher-kva.example/"
    assert same_origin(f"https://{host}", "https://xn--bcher-kva.example/x")


def test_b9_a_homograph_is_another_host() -> None:
    latin, cyrillic = "https://apple.example/", "https://\u0430pple.example/"
    assert not same_origin(latin, cyrillic)
    assert host_of(cyrillic) == "xn--pple-43d.example"


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "peer..example",
        ".peer.example",
        "peer.example..",
        "xn--peer-.example",
        "xn--.example",
        "xn---tda.example",  # a second spelling of ü
        "xn--99999999.example",
        "xn--hh7c.example",  # a full-width digit
        "xn--dca.example",  # a capital letter
        "xn--ib9b.example",  # a lone surrogate
        "xn--a.example",  # a control character
        "\uff11\uff12\uff17.0.0.1",
        "\uff50eer.example",
        "\u2460.example",
        "-peer.example",
        "peer-.example",
        "pe er.example",
        "peer_1.example",
        "peer%2eexample.org",
        "peer.example\x00",
        "a" * 64 + ".example",
        "ü" * 64 + ".example",
        "a." * 126 + "example",
        "\ud800.example",
        "ا" * 5000,
        "xn--" + "a" * 5000 + ".example",
    ],
)
def test_b9_a_host_that_is_no_canonical_name_is_refused(host: str) -> None:
    with pytest.raises(Malformed):
        canonical_host(host)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "::1", "1.2.3.4.", "a.0x1"],
)
def test_d1_an_address_in_any_notation_is_not_a_host(host: str) -> None:
    with pytest.raises(Malformed):
        canonical_host(host)
    with pytest.raises(Malformed):
        check_url(f"https://{host}/", ports=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "intranet",
        "x.localhost",
        "printer.local",
        "metadata.google.internal",
        "METADATA.GOOGLE.INTERNAL.",
        "abc.onion",
        "abc\u3002onion",
        "abc.i2p",
    ],
)
def test_d5_names_without_a_public_resolver_are_refused(host: str) -> None:
    with pytest.raises(Malformed):
        canonical_host(host)


@pytest.mark.parametrize("host", ["alice.demo.test", "peer.test", "xn--i-7iq.ws", "a.b-c.example", "1.peer.example"])
def test_ordinary_names_are_their_own_canonical_form(host: str) -> None:
    assert canonical_host(host) == host


@pytest.mark.parametrize("port", ["8443", "22", "25", "6379", "80", "1", "65535"])
def test_d7_another_port_is_taken_only_where_the_operator_allows_ports(port: str) -> None:
    with pytest.raises(Malformed):
        check_url(f"https://peer.test:{port}/inbox")
    assert check_url(f"https://peer.test:{port}/inbox", ports=True) == f"https://peer.test:{port}/inbox"


@pytest.mark.parametrize("port", ["0", "65536", "08443", "-1", "+80", "8 0", "\u0668\u0660", "80:80", "99999999"])
def test_a_malformed_port_is_refused(port: str) -> None:
    with pytest.raises(Malformed):
        check_url(f"https://peer.test:{port}/", ports=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@peer.example/",
        "https://@peer.example/",
        "https://peer.example@127.0.0.1:8080/users/alice#main-key",
        "https:///peer.example/",
        "https:peer.example/",
        "https:/peer.example/",
        " https://peer.example/",
        "https://peer.example/\n",
        "https://peer.example/a b",
        "https://peer.example/\u2028",
        "https://peer.example/\x7f",
        "https://peer.example/\ud800",
        'https://peer.example/"onclick',
        "https://peer.example/<script>",
        "https://peer.example\t/",
        "data:text/html,x",
        "https://peer.example/" + "é" * 1000,
    ],
)
def test_d7_a_url_with_anything_odd_in_it_is_refused(url: str) -> None:
    with pytest.raises(Malformed):
        check_url(url, ports=True)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://peer.example", "https://peer.example/"),
        ("https://peer.example?page=1", "https://peer.example/?page=1"),
        ("https://peer.example:/x", "https://peer.example/x"),
        ("https://peer.example/x?y=/z?#frag?ment", "https://peer.example/x?y=/z?"),
        ("https://peer.example/%2e%2E/a//b", "https://peer.example/%2e%2E/a//b"),
        ("https://peer.example/@héla", "https://peer.example/@h%C3%A9la"),
        (
            "https://peer.example/می\u200cخواهم",
            "https://peer.example/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85",
        ),
    ],
)
def test_path_and_query_stay_as_they_are_in_ascii(url: str, canonical: str) -> None:
    assert check_url(url) == canonical


def test_d7_user_information_is_refused_by_name() -> None:
    with pytest.raises(Malformed, match="user information"):
        check_url("https://user:pw@peer.example/")


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://Peer.example:443/users/a#main-key") == "https://peer.example"
    assert origin_of("https://peer.test:8443?x") == "https://peer.test:8443"
    assert host_of("https://peer.test:8443/x") == "peer.test:8443"
    assert same_origin("https://peer.example/a", "https://peer.example/b#c")
    assert not same_origin("https://peer.test/a", "https://peer.test:8443/a")
    assert not same_origin("https://peer.example/a", "https://sub.peer.example/a")


def test_a_url_that_cannot_be_read_shares_no_origin_even_with_itself() -> None:
    assert not same_origin("http://peer.example/", "http://peer.example/")
    assert not same_origin("", "")


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda rest: f"https://{rest}"))
def test_no_url_makes_another_error_than_the_typed_one(url: str) -> None:
    try:
        canonical = check_url(url, ports=True)
    except Malformed:
        return
    assert canonical.isascii()
    assert check_url(canonical, ports=True) == canonical


@given(st.text(alphabet="abz019-", min_size=1, max_size=20).map(lambda encoded: f"xn--{encoded}.example"))
def test_b9_punycode_has_no_second_spelling(host: str) -> None:
    try:
        canonical = canonical_host(host)
    except Malformed:
        return
    label = canonical.split(".")[0].removeprefix("xn--")
    assert canonical == host
    assert label.encode().decode("punycode").encode("punycode").decode() == label
