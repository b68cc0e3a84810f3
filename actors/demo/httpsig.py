"""draft-cavage signatures as the recording servers make and check them.

Written apart from the ones the service signs with, and importing nothing of them: what a demo proves by the code it
wants to prove is no proof. It wants what the strictest receivers want together (mastodon-compat §1.7).

    headers = sign(private, key_id, "POST", url, body=body, now=now)
    claim = read(message); check(claim, message, now); prove(claim, message, public_pem)      # or NotProven
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TOLERANCE: Final = timedelta(seconds=300)
"""How far a Date may be off: Misskey's rule, the narrowest there is."""

_ALGORITHMS = frozenset({"rsa-sha256", "hs2019"})
_ALWAYS = frozenset({"(request-target)", "host", "date"})
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class NotProven(Exception):
    """The request does not prove who sent it; the text says why, for whoever reads the demo."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came in: the raw target, and header lines with lower-case names, repeated ones kept."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def one(self, name: str) -> str:
        """The value of a header that must be there exactly once. Raises NotProven."""
        values = [value for key, value in self.headers if key == name]
        if len(values) != 1:
            raise NotProven(f"the {name} header stands there {len(values)} times")
        return values[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a Signature header says of itself."""

    key_id: str
    covered: tuple[str, ...]
    signature: bytes


def sign(
    private: rsa.RSAPrivateKey, key_id: str, method: str, url: str, *, body: bytes = b"", now: datetime
) -> dict[str, str]:
    """The headers of a request as Mastodon signs it (mastodon-compat §1.5)."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {"host": parts.netloc, "date": format_datetime(now.astimezone(UTC), usegmt=True)}
    if method == "POST":
        headers["content-type"] = "application/activity+json"
        headers["digest"] = f"SHA-256={_sha256(body)}"
    else:
        headers["accept"] = "application/activity+json, application/ld+json"
    covered = (*headers, "(request-target)")
    text = _signed_text(covered, {**headers, "(request-target)": f"{method.lower()} {target}"})
    signature = base64.b64encode(private.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    headers["signature"] = (
        f'keyId="{key_id}",algorithm="rsa-sha256",headers="{" ".join(covered)}",signature="{signature}"'
    )
    return headers


def read(message: Message) -> Claim:
    """The one Signature header of a request. Raises NotProven."""
    pairs = _PARAMETER.findall(message.one("signature"))
    given = dict(pairs)
    if len(pairs) != len(given):
        raise NotProven("a parameter of the signature stands there twice")
    missing = {"keyId", "algorithm", "headers", "signature"} - set(given)
    if missing:
        raise NotProven(f"the signature says nothing of {', '.join(sorted(missing))}")
    if given["algorithm"] not in _ALGORITHMS:
        raise NotProven("the algorithm is not one of draft-cavage with RSA")
    try:
        signature = base64.b64decode(given["signature"], validate=True)
    except binascii.Error:
        raise NotProven("the signature is not base64") from None
    return Claim(given["keyId"], tuple(given["headers"].lower().split(" ")), signature)


def check(claim: Claim, message: Message, host: str, now: datetime) -> None:
    """Everything that needs no key: coverage, our own Host, Date, and Digest against the body. Raises NotProven."""
    required = _ALWAYS | ({"digest"} if message.method == "POST" else set())
    left_out = required - set(claim.covered)
    if left_out:
        raise NotProven(f"not signed: {', '.join(sorted(left_out))}")
    if message.one("host") != host:
        raise NotProven("it is meant for another host")
    try:
        date = parsedate_to_datetime(message.one("date"))
    except ValueError:
        raise NotProven("its date cannot be read") from None
    if date.tzinfo is None or abs(now - date) > TOLERANCE:
        raise NotProven("its date is more than 300 seconds off")
    if message.method == "POST" and message.one("digest") != f"SHA-256={_sha256(message.body)}":
        raise NotProven("the digest is that of another body")


def prove(claim: Claim, message: Message, public_pem: str) -> None:
    """The signature itself, over the covered headers in their order. Raises NotProven."""
    values = {name: message.one(name) for name in claim.covered if name != "(request-target)"}
    values["(request-target)"] = f"{message.method.lower()} {message.target}"
    try:
        public = serialization.load_pem_public_key(public_pem.encode())
    except ValueError:
        raise NotProven("the key cannot be read") from None
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < 2048:
        raise NotProven("the key is not RSA of 2048 bit or more")
    try:
        public.verify(claim.signature, _signed_text(claim.covered, values), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise NotProven("the signature was not made over this request with this key") from None


def _signed_text(covered: tuple[str, ...], values: dict[str, str]) -> bytes:
    return "\n".join(f"{name}: {values[name]}" for name in covered).encode()


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
