from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.digest import check, digest
from fediverse.protocol.errors import Reason, Unauthenticated
from tests import vectors

STANDARDS = vectors.load("standards")
VALUES = [(v["body"].encode(), v["sha-256"], v["sha-512"]) for v in STANDARDS["digest_values"]]
BODY, RIGHT, LONG = VALUES[0]
OTHER = VALUES[1][1]


@pytest.mark.parametrize(("body", "sha256", "sha512"), VALUES)
def test_published_digests_are_made_and_accepted(body: bytes, sha256: str, sha512: str) -> None:
    assert digest(body) == f"SHA-256={sha256}"
    check(f"SHA-256={sha256}", body)
    check(f"sha-256={sha256}", body)
    check(f"SHA-512={sha512}, SHA-256={sha256}", body)


@pytest.mark.parametrize("message", STANDARDS["message_digests"].values())
def test_digests_of_the_published_messages_agree(message: dict[str, str]) -> None:
    assert digest(message["body"].encode()) == f"SHA-256={message['sha256']}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "SHA-256",
        "SHA-256=",
        f"SHA-256={OTHER}",
        f"SHA-512={LONG}",
        "MD5=90Ibt8ah2agsqLEcb5qjsA==",
        f"SHA-256={RIGHT.rstrip('=')}",
        f"SHA-256={RIGHT}=",
        f"SHA-256=:{RIGHT}:",
        f"SHA-256={RIGHT},",
        f"SHA-256={RIGHT} x",
        f"SHA-256={RIGHT},SHA-256={OTHER}",
        f"SHA-256={OTHER},SHA-256={RIGHT}",
        f"SHA-256={RIGHT},sha-256={RIGHT}",
        f"SHA-256={RIGHT}," + "x=" + "y" * 1024,
    ],
)
def test_a2_a_digest_that_does_not_prove_the_body_is_refused(value: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        check(value, BODY)
    assert refused.value.reason is Reason.DIGEST


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a2_a_digest_accepts_its_own_body_and_no_other(body: bytes, other: bytes) -> None:
    check(digest(body), body)
    if other != body:
        with pytest.raises(Unauthenticated):
            check(digest(body), other)


@given(st.text(max_size=100))
def test_no_header_makes_another_error_than_the_typed_one(value: str) -> None:
    with pytest.raises(Unauthenticated):
        check(value, BODY)
