"""Which actor stands behind a handle: every way to ask, and the status for every way to ask wrongly."""

from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol import webfinger
from fediverse.protocol.errors import Malformed, NotHere
from fediverse.protocol.webfinger import Address, Handle, Server
from tests import golden

ORIGIN = "https://fund.example"
ACTOR = f"{ORIGIN}/actors/3f2a9c5d7e1b4a68905c1d2e3f4a5b6c"


def asked(text: str | None, *, handle_domain: str = "fund.example") -> webfinger.Resource:
    return webfinger.parse_resource(text, origin=ORIGIN, handle_domain=handle_domain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acct:lifeline@fund.example", Handle("lifeline")),
        ("ACCT:LifeLine@FUND.example", Handle("lifeline")),
        ("acct:lifeline@fund.example.", Handle("lifeline")),
        ("acct:fund.example@fund.example", Handle("fund.example")),
        (f"{ORIGIN}/@lifeline", Address(f"{ORIGIN}/@lifeline")),
        (ACTOR, Address(ACTOR)),
        (f"{ACTOR}#main-key", Address(ACTOR)),
        ("https://FUND.example:443/@lifeline", Address(f"{ORIGIN}/@lifeline")),
        (f"{ORIGIN}/?page", Address(f"{ORIGIN}/?page")),
        (f"{ORIGIN}/", Server()),
        (ORIGIN, Server()),
    ],
)
def test_a_resource_is_understood_encoded_or_not(text: str, expected: webfinger.Resource) -> None:
    assert asked(text) == expected
    assert asked(quote(text, safe="")) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "lifeline",
        "@lifeline@fund.example",
        "lifeline@fund.example",
        "acct:",
        "acct:lifeline",
        "acct:@fund.example",
        "acct:lifeline@",
        "acct:@lifeline@fund.example",
        "acct:life line@fund.example",
        "acct:lifeline@fund.example/x",
        "acct:lifeline@127.0.0.1",
        "acct:lifeline@[::1]",
        "acct:lifeline%ff@fund.example",
        "acct:lifeline%@fund.example",
        "acct%3",
        "https://",
        "https://user:pw@fund.example/",
        "https://fund.example/\x00",
        "acct:" + "a" * 2048 + "@fund.example",
    ],
)
def test_a_missing_or_broken_resource_is_malformed(text: str | None) -> None:
    with pytest.raises(Malformed):
        asked(text)


@pytest.mark.parametrize(
    "text",
    [
        "acct:lifeline@other.example",
        "acct:life+line@fund.example",
        "acct:жизнь@fund.example",
        "acct:lifeline@fund.example:8443",
        "https://other.example/@lifeline",
        "http://fund.example/@lifeline",
        "mailto:lifeline@fund.example",
        "did:key:z6Mk",
    ],
)
def test_a_well_formed_resource_that_cannot_be_ours_is_not_here(text: str) -> None:
    with pytest.raises(NotHere):
        asked(text)


def test_handles_on_a_domain_of_their_own_are_answered_for_on_both() -> None:
    for domain in ("friends.example", "fund.example"):
        assert asked(f"acct:lifeline@{domain}", handle_domain="friends.example") == Handle("lifeline")
    assert asked("https://friends.example/", handle_domain="friends.example") == Server()
    with pytest.raises(NotHere):
        asked("https://friends.example/@lifeline", handle_domain="friends.example")


def test_an_origin_with_a_port_has_it_in_its_handles() -> None:
    asked_there = webfinger.parse_resource(
        "acct:lifeline@fund.demo.test:8443",
        origin="https://fund.demo.test:8443",
        handle_domain="fund.demo.test:8443",
    )
    assert asked_there == Handle("lifeline")


@given(st.text(max_size=60) | st.text(alphabet="acthps:/@.%41fund exmpl", max_size=40))
def test_any_text_is_understood_or_refused_by_type(text: str) -> None:
    try:
        asked(text)
    except (Malformed, NotHere):
        return


def test_the_answer_for_an_actor_has_one_self_link_and_its_handle_as_subject() -> None:
    answer = webfinger.account_jrd(
        name="lifeline",
        handle_domain="friends.example",
        actor_id=ACTOR,
        profile_url=f"{ORIGIN}/@lifeline",
        avatar=("image/png", f"{ORIGIN}/media/a1b2.png"),
    )
    golden.check("webfinger-account.json", answer)


def test_an_alias_is_named_once() -> None:
    answer = webfinger.account_jrd(name="a", handle_domain="fund.example", actor_id=ACTOR, profile_url=ACTOR)
    assert answer["aliases"] == [ACTOR]


def test_the_answer_for_the_server_points_to_its_instance_actor() -> None:
    golden.check("webfinger-server.json", webfinger.server_jrd(ORIGIN, f"{ORIGIN}/actor"))


def test_host_meta_names_the_webfinger_template() -> None:
    written = webfinger.host_meta_xml(ORIGIN)
    golden.check("host-meta.xml", written)
    link = ElementTree.fromstring(written.encode())[0]  # noqa: S314 - our own output
    assert link.attrib["rel"] == "lrdd"
    assert link.attrib["template"] == "https://fund.example/.well-known/webfinger?resource={uri}"
