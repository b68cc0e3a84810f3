"""The Digest header (RFC 3230) in the one form the fediverse speaks: SHA-256, standard base64."""

from __future__ import annotations

import base64
import hashlib

from fediverse.protocol.errors import Reason, Unauthenticated

MAX_HEADER = 1024  # characters; SHA-256 and SHA-512 together need 160


def digest(body: bytes) -> str:
    """The value of the Digest header for `body`, spelt as every receiver takes it (mastodon-compat §1.2)."""
    return f"SHA-256={_sha256(body)}"


def check(value: str, body: bytes) -> None:
    """Compare a received Digest header with the raw body.

    The header may list several algorithms, their names in any case; only SHA-256 counts (mastodon-compat §1.2). Raises
    Unauthenticated(DIGEST) when it is absent, twice there, spelt otherwise than in standard base64, or another one.
    """
    if len(value) > MAX_HEADER:
        raise Unauthenticated(Reason.DIGEST)
    found = []
    for entry in value.split(","):
        algorithm, equals, encoded = entry.strip(" \t").partition("=")
        if not equals:
            raise Unauthenticated(Reason.DIGEST)
        if algorithm.lower() == "sha-256":
            found.append(encoded)
    # Compared as text: one body has one spelling, so nothing has to be decoded.
    if found != [_sha256(body)]:
        raise Unauthenticated(Reason.DIGEST)


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
