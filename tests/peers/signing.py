"""draft-cavage signatures as other servers make and check them, written apart from ours on purpose.

headers = sign(private, key_id, "POST", url, body, now)     # a dict to send
verify(request, public_pem, now)                            # AssertionError says what is wrong
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fediverse.protocol.messages import Request

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def sign(
    private: rsa.RSAPrivateKey,
    key_id: str,
    *,
    method: str,
    url: str,
    body: bytes,
    now: datetime,
    content_type: str = "application/activity+json",
) -> dict[str, str]:
    """The headers of a request as Mastodon signs it (mastodon-compat §1.5)."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc, "Date": format_datetime(now.astimezone(UTC), usegmt=True)}
    if method == "POST":
        headers["Content-Type"] = content_type
        headers["Digest"] = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
    else:
        headers["Accept"] = "application/activity+json, application/ld+json"
    target = f"{method.lower()} {parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    lines = [f"{name.lower()}: {value}" for name, value in headers.items()]
    covered = " ".join([*(name.lower() for name in headers), "(request-target)"])
    text = "\n".join([*lines, f"(request-target): {target}"])
    signature = base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    headers["Signature"] = f'keyId="{key_id}",algorithm="rsa-sha256",headers="{covered}",signature="{signature}"'
    return headers


def key_id_of(request: Request) -> str:
    """The key a request says it is signed with."""
    key_id: str = dict(_PARAMETER.findall(request.header("signature") or ""))["keyId"]
    return key_id


def verify(request: Request, public_pem: str, now: datetime | None = None) -> None:
    """Hold a request to the strictest receivers' rules (mastodon-compat §1.7).

    Everything that names the request is covered, the algorithm is stated, the digest is that of the body, and where
    `now` is given the date is within 300 s of it.
    """
    assert len(request.all("signature")) == 1, "not exactly one Signature header"
    pairs = _PARAMETER.findall(request.header("signature") or "")
    parameters = dict(pairs)
    assert len(pairs) == len(parameters), "a parameter stands twice"
    assert parameters["algorithm"] in ("rsa-sha256", "hs2019"), parameters["algorithm"]
    covered = parameters["headers"].split(" ")
    required = {"(request-target)", "host", "date"} | ({"digest"} if request.method == "POST" else set())
    assert required <= set(covered), f"not covered: {required - set(covered)}"
    lines = []
    for name in covered:
        if name == "(request-target)":
            lines.append(f"(request-target): {request.method.lower()} {request.target}")
            continue
        values = request.all(name)
        assert len(values) == 1, f"{name} stands {len(values)} times"
        lines.append(f"{name}: {values[0]}")
    if request.method == "POST":
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        assert request.header("digest") == f"SHA-256={digest}", "the digest is that of another body"
    if now is not None:
        date = parsedate_to_datetime(request.header("date") or "")
        assert abs(now - date) <= timedelta(seconds=300), f"the date is {now - date} away"
    public = serialization.load_pem_public_key(public_pem.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    signature = base64.b64decode(parameters["signature"], validate=True)
    try:
        public.verify(signature, "\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise AssertionError("the signature was not made over this request") from None
