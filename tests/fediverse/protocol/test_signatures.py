"""The three steps together. Whole requests come in here as they would through a door that checks nothing else."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol import signatures
from fediverse.protocol.cavage import http_date
from fediverse.protocol.digest import digest
from fediverse.protocol.errors import Reason, Unauthenticated
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.messages import Headers, Request
from fediverse.protocol.signatures import COVER_GET, COVER_POST, Verified, Window, check, read, sign, verify
from tests import vectors

DOCUMENT = vectors.load("requests")
VECTORS = {vector["id"]: vector for vector in DOCUMENT["vectors"]}
KEYS = {actor["publicKey"]["id"]: actor["publicKey"] for actor in DOCUMENT["actors"].values()}
NOW = datetime.fromisoformat(DOCUMENT["now"])

# What the signature decides; the other vectors are decided by the door, the document, or whose key it was.
ACCEPTED = ("P01", "P03", "P05", "P06", "P07", "P10", "N46")
REFUSED = {
    "N01": Reason.UNSIGNED,
    "N02": Reason.MISMATCH,
    "N04": Reason.MISMATCH,
    "N05": Reason.COVERAGE,
    "N06": Reason.COVERAGE,
    "N07": Reason.COVERAGE,
    "N08": Reason.COVERAGE,
    "N09": Reason.COVERAGE,
    "N10": Reason.MISMATCH,
    "N13": Reason.MISMATCH,
    "N16": Reason.WINDOW,
    "N20": Reason.AMBIGUOUS,
    "N21": Reason.AMBIGUOUS,
    "N22": Reason.AMBIGUOUS,
    "N23": Reason.AMBIGUOUS,
    "N25": Reason.AMBIGUOUS,
    "N26": Reason.AMBIGUOUS,
    "N27": Reason.COVERAGE,
    "N29": Reason.UNSUPPORTED,
    "N30": Reason.DIGEST,
    "N32": Reason.KEY_UNSUITABLE,
    "N47": Reason.UNSUPPORTED,
    "N49": Reason.UNSUPPORTED,
    "N51": Reason.UNSUPPORTED,
    "N53": Reason.AMBIGUOUS,
}
# Signed well, and refused (or answered) for another reason, further on. N38–N40 name a key no fetch may be made for.
SIGNED_WELL = ("N11", "N33", "N43", "N44", "N54", "N55", "N56", "N57", "N58", "N59", "N60")
DECIDED_ELSEWHERE = ("N35", "N37", "N38", "N39", "N40", "N63")

KEY = KeyPair.from_pem(
    vectors.load("standards")["keys"]["test-key-rsa"]["private_pem"],
    "https://peer.example/users/alice#main-key",
    "https://peer.example/users/alice",
)
PUBLIC = KEY.public()
BODY = b'{"type":"Follow"}'
POST = Request("POST", "/inbox", (("host", "fund.example"), ("content-type", "application/activity+json")), BODY)
GET = Request("GET", "/actor", (("host", "fund.example"),))
DATED: Headers = (("host", "fund.example"), ("date", http_date(NOW)), ("digest", digest(BODY)))
CREATED = int(NOW.timestamp())


def request_of(vector: dict[str, Any]) -> Request:
    sent = vector["request"]
    headers = tuple((name.lower(), value) for name, value in sent["headers"])
    return Request(sent["method"], sent["target"], headers, sent["body"].encode())


def judge(request: Request, now: datetime = NOW, window: Window = signatures.DEFAULT) -> Verified:
    """All three steps with the published key of whoever the request says it is."""
    presented = read(request)
    check(presented, request, now, window)
    published = KEYS.get(presented.key_id, KEYS[KEY.key_id])
    return verify(
        presented, request, PublicKey.from_pem(published["publicKeyPem"], published["id"], published["owner"])
    )


def reason(request: Request, now: datetime = NOW, window: Window = signatures.DEFAULT) -> Reason:
    with pytest.raises(Unauthenticated) as refused:
        judge(request, now, window)
    assert refused.value.status == 401
    return refused.value.reason


def signed(
    covered: str, headers: Headers = DATED, *, method: str = "POST", target: str = "/inbox", extra: str = ""
) -> Request:
    """A request signed over `covered` by hand, independently of the code under test."""
    values = {"(request-target)": f"{method.lower()} {target}", "(created)": str(CREATED), **dict(headers)}
    base = "\n".join(f"{name}: {values[name]}" for name in covered.split(" "))
    signature = base64.b64encode(KEY.sign(base.encode())).decode()
    header = f'keyId="{KEY.key_id}",headers="{covered}",signature="{signature}"{extra}'
    return Request(method, target, (*headers, ("signature", header)), BODY if method == "POST" else b"")


def test_every_vector_has_its_place_here() -> None:
    assert {*ACCEPTED, *REFUSED, *SIGNED_WELL, *DECIDED_ELSEWHERE} == set(VECTORS)
    for name in ACCEPTED:
        assert VECTORS[name]["expected"]["accept"]
    for name in REFUSED:
        assert VECTORS[name]["expected"]["status"] == 401


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_request_that_is_to_be_accepted_says_who_sent_it(name: str) -> None:
    assert judge(request_of(VECTORS[name])) == Verified(PUBLIC.key_id, PUBLIC.owner)


@pytest.mark.parametrize("name", REFUSED)
def test_a1_to_a6_a_request_that_is_to_be_refused_says_why(name: str) -> None:
    assert reason(request_of(VECTORS[name])) is REFUSED[name]


@pytest.mark.parametrize("name", SIGNED_WELL)
def test_a_request_refused_for_another_reason_names_its_signer(name: str) -> None:
    verified = judge(request_of(VECTORS[name]))
    signer = KEYS[read(request_of(VECTORS[name])).key_id]
    assert verified == Verified(signer["id"], signer["owner"])


def test_a11_a_signature_inside_the_document_changes_nobody() -> None:
    verified = judge(request_of(VECTORS["N54"]))
    assert verified.owner == "https://evil.example/users/mallory"


@pytest.mark.parametrize("request_", [POST, GET, replace(GET, target="/actor?page=1"), replace(GET, method="HEAD")])
def test_what_we_sign_we_accept(request_: Request) -> None:
    assert judge(sign(request_, KEY, NOW)) == Verified(KEY.key_id, KEY.owner)


def test_what_we_sign_covers_what_we_demand() -> None:
    assert set(read(sign(POST, KEY, NOW)).components) > COVER_POST
    assert set(read(sign(GET, KEY, NOW)).components) > COVER_GET


@pytest.mark.parametrize(
    "covered",
    [
        "host date digest",
        "(request-target) date digest",
        "(request-target) host date",
        "(request-target) host digest",
        "date",
        "(created)",
    ],
)
def test_a2_a3_a4_a_post_that_covers_too_little_is_refused(covered: str) -> None:
    assert reason(signed(covered, extra=f",created={CREATED}")) is Reason.COVERAGE


@pytest.mark.parametrize("covered", ["host date", "(request-target) date", "(request-target) host", "date"])
def test_a3_a4_a_get_that_covers_too_little_is_refused(covered: str) -> None:
    assert reason(signed(covered, method="GET")) is Reason.COVERAGE


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "get", ""])
def test_a2_any_method_but_get_and_head_needs_the_digest(method: str) -> None:
    assert reason(signed("(request-target) host date", method=method)) is Reason.COVERAGE


def test_more_may_be_covered_than_is_demanded() -> None:
    headers = (*DATED, ("user-agent", "Peer/1.0"), ("x-other", ""))
    assert judge(signed("user-agent (request-target) x-other digest host date", headers)).owner == KEY.owner


def test_a2_a_digest_is_compared_also_on_a_get_that_covers_it() -> None:
    covered = "(request-target) host date digest"
    assert reason(signed(covered, method="GET")) is Reason.DIGEST
    assert judge(signed(covered, (*DATED[:2], ("digest", digest(b""))), method="GET"))


@pytest.mark.parametrize(
    ("offset", "accepted"),
    [
        (timedelta(), True),
        (timedelta(hours=-1), True),
        (timedelta(hours=-1, seconds=-1), False),
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
        (timedelta(days=-365), False),
    ],
)
def test_a4_a_time_is_taken_inside_the_window_only(offset: timedelta, accepted: bool) -> None:
    made = NOW + offset
    dated = signed("(request-target) host date digest", (DATED[0], ("date", http_date(made)), DATED[2]))
    created = signed("(request-target) host (created) digest", extra=f",created={CREATED}")
    for request, now in ((dated, NOW), (created, NOW - offset)):
        if accepted:
            assert judge(request, now)
        else:
            assert reason(request, now) is Reason.WINDOW


def test_a4_the_window_is_a_setting() -> None:
    request = sign(POST, KEY, NOW)
    narrow = Window(past=timedelta(seconds=30), future=timedelta())
    assert judge(request, NOW + timedelta(seconds=30), narrow)
    assert reason(request, NOW + timedelta(seconds=31), narrow) is Reason.WINDOW
    assert reason(request, NOW - timedelta(seconds=1), narrow) is Reason.WINDOW


def test_a4_a_date_and_a_creation_time_must_both_be_inside_the_window() -> None:
    covered = "(request-target) host date (created) digest"
    assert judge(signed(covered, extra=f",created={CREATED}"))
    stale = (DATED[0], ("date", http_date(NOW - timedelta(hours=2))), DATED[2])
    assert reason(signed(covered, stale, extra=f",created={CREATED}")) is Reason.WINDOW
    later = NOW + timedelta(hours=2)
    assert reason(
        signed(covered, (DATED[0], ("date", http_date(later)), DATED[2]), extra=f",created={CREATED}"), later
    ) is (Reason.WINDOW)


def test_a4_a_date_that_is_not_covered_does_not_count() -> None:
    stale = (DATED[0], ("date", "yesterday"), DATED[2])
    assert judge(signed("(request-target) host (created) digest", stale, extra=f",created={CREATED}"))


@pytest.mark.parametrize("algorithm", ["", ',algorithm="hs2019"', ',algorithm="rsa-sha256"'])
def test_a4_expires_shortens_the_window_and_never_widens_it(algorithm: str) -> None:
    covered = "(request-target) host date digest"
    request = signed(covered, extra=f",expires={CREATED + 60}{algorithm}")
    assert judge(request, NOW + timedelta(seconds=60))
    assert reason(request, NOW + timedelta(seconds=61)) is Reason.WINDOW
    wide = signed(covered, extra=f",expires={CREATED + 86_400}{algorithm}")
    assert judge(wide, NOW + timedelta(hours=1))
    assert reason(wide, NOW + timedelta(hours=2)) is Reason.WINDOW


def test_the_query_may_be_signed_or_left_out() -> None:
    covered = "(request-target) host date"
    assert judge(signed(covered, method="GET", target="/actor?page=1"))
    bare = signed(covered, method="GET", target="/actor")
    assert judge(replace(bare, target="/actor?page=1"))


def test_a3_a_query_that_was_signed_cannot_be_changed_or_dropped() -> None:
    request = signed("(request-target) host date", method="GET", target="/actor?page=1")
    for target in ("/actor?page=2", "/actor", "/actor?page=1&x", "/actor%3Fpage=1"):
        assert reason(replace(request, target=target)) is Reason.MISMATCH


def test_a3_the_path_is_compared_as_it_was_sent() -> None:
    request = signed("(request-target) host date digest", target="/users/%61/inbox")
    assert judge(request)
    assert reason(replace(request, target="/users/a/inbox")) is Reason.MISMATCH


def test_a_key_of_another_name_verifies_nothing() -> None:
    request = sign(POST, KEY, NOW)
    other = PublicKey("https://peer.example/users/bob#main-key", "https://peer.example/users/bob", PUBLIC.public)
    with pytest.raises(Unauthenticated) as refused:
        verify(read(request), request, other)
    assert refused.value.reason is Reason.MISMATCH


def test_a10_a_request_signed_after_rfc_9421_alone_is_unsupported() -> None:
    modern = ("signature-input", 'sig1=("@method");created=1;keyid="k"')
    for headers in ((modern,), (modern, ("signature", "sig1=:AAAA:")), (modern, modern, ("signature", "sig1=:AA==:"))):
        assert reason(POST.with_headers(*headers)) is Reason.UNSUPPORTED


def test_a10_both_dialects_at_once_are_ambiguous() -> None:
    request = sign(POST, KEY, NOW).with_headers(("signature-input", 'sig1=("@method");created=1;keyid="k"'))
    assert reason(request) is Reason.AMBIGUOUS
    assert reason(request.with_headers(("signature", "sig1=:AAAA:"))) is Reason.AMBIGUOUS


COVERED_PARTS = ("method", "target", "host", "date", "digest", "content-type", "body")


@given(st.sampled_from(COVERED_PARTS), st.integers(0, 200), st.characters(min_codepoint=0x21, max_codepoint=0x7E))
def test_a2_a3_any_changed_byte_of_what_is_covered_is_refused(part: str, at: int, new: str) -> None:
    request = sign(replace(POST, target="/inbox?a=b"), KEY, NOW)

    def changed(text: str) -> str:
        place = at % len(text)
        return text[:place] + new + text[place + 1 :]

    if part == "method":
        forged = replace(request, method=changed(request.method))
    elif part == "target":
        forged = replace(request, target=changed(request.target))
    elif part == "body":
        forged = replace(request, body=changed(request.body.decode()).encode())
    else:
        headers = tuple((name, changed(value) if name == part else value) for name, value in request.headers)
        forged = replace(request, headers=headers)
    # The signing string holds the method in lower case: HTTP has no two methods that differ in case only.
    if replace(forged, method=forged.method.upper()) == request:
        return
    reason(forged)


@given(
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40),
    st.binary(max_size=100),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
)
def test_whatever_is_signed_is_verified(method: str, path: str, body: bytes, moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    request = Request(method, f"/{path}", POST.headers, body if method == "POST" else b"")
    assert judge(sign(request, KEY, now), now) == Verified(KEY.key_id, KEY.owner)


HEADER_LINES = st.tuples(
    st.sampled_from(["signature", "signature-input", "date", "digest", "host", "content-type"]),
    st.text(max_size=30)
    | st.just('keyId="k",headers="(request-target) host digest date",signature="AAAA"')
    | st.sampled_from([value for _, value in DATED]),
)


@given(st.sampled_from(["GET", "POST"]), st.lists(HEADER_LINES, max_size=6))
def test_a1_no_headers_make_another_error_than_the_typed_one(method: str, headers: list[tuple[str, str]]) -> None:
    request = Request(method, "/inbox", tuple(headers), BODY)
    with pytest.raises(Unauthenticated):
        judge(request)
