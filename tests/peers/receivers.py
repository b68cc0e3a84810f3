"""What seven kinds of server do with a POST, each written to its row of mastodon-compat §1.7 (Mastodon: §1.1, §1.2).

    refusals(Delivery(request, public_key_pem, now, host="peer.example"))    # {} when all of them take it
    RECEIVERS["misskey"](delivery)                                           # returns, or raises Refused

Written apart from our own signing code on purpose, with `cryptography` only: a fault of ours must not be shared by its
judge. The rules about what stands in the document are in tests/peers/content.py.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fediverse.protocol.messages import Request
from tests.peers import content
from tests.peers.content import Refused

_PARAMETER = re.compile(r'\s*([A-Za-z]+)=(?:"([^"]*)"|(\d+))\s*')
_FIXDATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_LD = re.compile(r'application/ld\+json; *profile="https://www\.w3\.org/ns/activitystreams"')
_ACTIVITY = re.compile(r"application/activity\+json(; *charset=utf-8)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A captured POST, the key in the sender's actor document, the receiver's clock and the host it is known by."""

    request: Request
    public_key_pem: str
    now: datetime
    host: str = "peer.example"


@dataclass(frozen=True, slots=True)
class Signature:
    """The parts of a Signature header; `covered` in order, with the receiver's own default where none is given."""

    key_id: str
    algorithm: str | None
    covered: tuple[str, ...]
    value: str
    created: int | None
    expires: int | None


def refusals(delivery: Delivery) -> dict[str, str]:
    """Which receivers refuse the delivery, and why."""
    reasons = {}
    for name, receiver in RECEIVERS.items():
        try:
            receiver(delivery)
        except Refused as refused:
            reasons[name] = str(refused)
    return reasons


# --- the rows ---------------------------------------------------------------------------------------------------------


def mastodon(delivery: Delivery, *, version: tuple[int, int]) -> None:
    """Mastodon 4.3 to 4.7 (§1.1, §1.2, §1.4; what the job does afterwards: §3, §4)."""
    request = delivery.request
    if len(request.body) > 1024 * 1024:
        raise Refused("413: body over 1 MiB")
    signature = _signature(request, default=None)
    if signature.algorithm not in (None, "rsa-sha256", "hs2019"):
        raise Refused("Unsupported signature algorithm")
    covered = set(signature.covered)
    if not covered & {"date", "(created)"}:
        raise Refused("requires the Date header or (created) to be signed")
    if not covered & {"digest", "(request-target)"} or "digest" not in covered:
        raise Refused("requires the Digest header to be signed when doing a POST request")
    for pseudo, parameter in (("(created)", signature.created), ("(expires)", signature.expires)):
        if pseudo in covered and (signature.algorithm == "rsa-sha256" or parameter is None):
            raise Refused(f"{pseudo} without hs2019 or without its parameter")
    _mastodon_window(signature, delivery)
    values = [value.partition("=") for value in _one(request, "digest").split(",")]
    sha256 = [digest for name, _, digest in values if name.strip().lower() == "sha-256"]
    if sha256 != [_sha256(request.body)]:
        raise Refused("Invalid Digest value")
    _crypto(delivery, signature, targets=(request.target, request.target.partition("?")[0]))
    document = content.parse(request.body)
    if version >= (4, 6) and signature.key_id != f"{content.actor_of(document)}#main-key":
        raise Refused("key not embedded under the actor's id: fetched apart")
    content.mastodon(document, signer=_owner(signature))


def misskey(delivery: Delivery) -> None:
    """Misskey, with @peertube/http-signature 1.7.0 and the demands of its stricter forks."""
    request = delivery.request
    if len(request.body) > 64 * 1024:
        raise Refused("413: body over 64 KiB")
    media = _one(request, "content-type").partition(";")[0].strip().lower()
    if media not in ("application/activity+json", "application/ld+json"):
        raise Refused("415: content type")
    signature = _strict_signature(delivery)
    if not {"(request-target)", "host", "date", "digest"} <= set(signature.covered):
        raise Refused("401: (request-target), host, date and digest must be signed")
    if _one(request, "host") != delivery.host:
        raise Refused("401: Host is another host")
    if _one(request, "digest") != f"SHA-256={_sha256(request.body)}":
        raise Refused("401: digest")
    if signature.key_id.startswith("acct:"):
        raise Refused("acct: key id")
    _crypto(delivery, signature)
    content.misskey(content.parse(request.body), signer=_owner(signature))


def gotosocial(delivery: Delivery) -> None:
    """GoToSocial: the signing string only, neither Digest nor Date are compared (peers.md saw the same)."""
    request = delivery.request
    media = _one(request, "content-type")
    if not _ACTIVITY.fullmatch(media) and not _LD.fullmatch(media):
        raise Refused("406: content type")
    signature = _signature(request, default=("date",))
    if signature.created is not None and signature.created > delivery.now.timestamp() + 10:
        raise Refused("401: (created) more than 10 s in the future")
    bare = request.target.partition("?")[0]
    _crypto(delivery, signature, targets=(request.target, bare))
    content.gotosocial(content.parse(request.body), signer=_owner(signature))


def lemmy(delivery: Delivery) -> None:
    """The Lemmy federation library."""
    request = delivery.request
    signature = _signature(request, default=("date",))
    if re.search(r'keyId="([^"]+)#([^"]+)"', _one(request, "signature")) is None:
        raise Refused("keyId is not an actor with a fragment")
    if not timedelta(hours=-1) < delivery.now - _date(request) < timedelta(hours=1):
        raise Refused("signature expired")
    listed = [value.strip().partition("=")[2] for value in _one(request, "digest").split(",")]
    if any(value != _sha256(request.body) for value in listed):
        raise Refused("a digest is not the body's SHA-256")
    if not delivery.public_key_pem.startswith("-----BEGIN PUBLIC KEY-----"):
        raise Refused("the key is not SPKI")
    _crypto(delivery, signature)
    content.lemmy(content.parse(request.body), signer=_owner(signature))


def pixelfed(delivery: Delivery) -> None:
    """Pixelfed: puts the body's own digest into the signing string, reads JSON 8 deep."""
    request = delivery.request
    if abs(delivery.now - _date(request)) > timedelta(days=1):
        raise Refused("date more than a day off")
    if "headers" not in _parameters(request):
        raise Refused("headers parameter missing")
    signature = _signature(request, default=())
    document = content.parse(request.body)
    if content.depth(document) > 8:
        raise Refused("nested deeper than 8")
    if content.host(signature.key_id) != content.host(document.get("id")):
        raise Refused("host of keyId and id differ")
    _crypto(delivery, signature, values={"digest": f"SHA-256={_sha256(request.body)}"})
    content.pixelfed(document, signer=_owner(signature))


def akkoma(delivery: Delivery) -> None:
    """Akkoma: request target without, then with its query; its own digest of the body in the signing string."""
    request = delivery.request
    signature = _signature(request, default=("date",))
    targets = (request.target.partition("?")[0], request.target)
    _crypto(delivery, signature, targets=targets, values={"digest": f"SHA-256={_sha256(request.body)}"})
    content.akkoma(content.parse(request.body), signer=_owner(signature))


def peertube(delivery: Delivery) -> None:
    """PeerTube: the parser Misskey uses; 403 where that fails, an LD signature where signer and actor differ."""
    request = delivery.request
    signature = _strict_signature(delivery)
    if not {"(request-target)", "host", "date", "digest"} <= set(signature.covered):
        raise Refused("403: (request-target), host, date and digest must be signed")
    if _one(request, "digest") != f"SHA-256={_sha256(request.body)}":
        raise Refused("403: digest")
    _crypto(delivery, signature)
    content.peertube(content.parse(request.body), signer=_owner(signature))


RECEIVERS: Mapping[str, Callable[[Delivery], None]] = {
    **{f"mastodon-4.{minor}": partial(mastodon, version=(4, minor)) for minor in range(3, 8)},
    "misskey": misskey,
    "gotosocial": gotosocial,
    "lemmy": lemmy,
    "pixelfed": pixelfed,
    "akkoma": akkoma,
    "peertube": peertube,
}


# --- what they share --------------------------------------------------------------------------------------------------


def _one(request: Request, name: str) -> str:
    values = request.all(name)
    if len(values) != 1:
        raise Refused(f"{len(values)} {name} headers")
    return values[0]


def _parameters(request: Request) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in _one(request, "signature").split(","):
        read = _PARAMETER.fullmatch(part)
        if read is None:
            raise Refused("signature parameters cannot be parsed")
        if read[1] in parameters:
            raise Refused(f"duplicate signature parameter {read[1]}")
        parameters[read[1]] = read[2] if read[2] is not None else read[3]
    return parameters


def _signature(request: Request, *, default: tuple[str, ...] | None) -> Signature:
    parameters = _parameters(request)
    if not parameters.get("keyId") or not parameters.get("signature"):
        raise Refused("Incompatible request signature: keyId and signature are required")
    algorithm = parameters.get("algorithm")
    if default is None:
        default = ("date",) if algorithm == "rsa-sha256" else ("(created)",)
    created, expires = parameters.get("created"), parameters.get("expires")
    try:
        return Signature(
            key_id=parameters["keyId"],
            algorithm=algorithm,
            covered=tuple(parameters["headers"].lower().split()) if "headers" in parameters else default,
            value=parameters["signature"],
            created=None if created is None else int(created),
            expires=None if expires is None else int(expires),
        )
    except ValueError:
        raise Refused("created or expires is no number") from None


def _strict_signature(delivery: Delivery) -> Signature:
    """The rules of @peertube/http-signature 1.7.0."""
    signature = _signature(delivery.request, default=("date",))
    if signature.algorithm is None:
        raise Refused("algorithm was not specified")
    if abs(delivery.now - _date(delivery.request)) > timedelta(seconds=300):
        raise Refused("clock skew of more than 300 s")
    if signature.created is not None and signature.created > delivery.now.timestamp() + 300:
        raise Refused("(created) more than 300 s in the future")
    return signature


def _owner(signature: Signature) -> str:
    return signature.key_id.partition("#")[0]


def _date(request: Request) -> datetime:
    text = _one(request, "date")
    if _FIXDATE.fullmatch(text) is None:
        raise Refused("Date cannot be parsed")
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        raise Refused("Date cannot be parsed") from None


def _mastodon_window(signature: Signature, delivery: Delivery) -> None:
    if signature.algorithm != "rsa-sha256" and signature.created is not None:
        made = datetime.fromtimestamp(signature.created, UTC)
    else:
        made = _date(delivery.request)
    ends = made + timedelta(minutes=5)
    if signature.expires is not None:
        ends = min(datetime.fromtimestamp(signature.expires, UTC), made + timedelta(hours=12))
    hour = timedelta(hours=1)
    if made > delivery.now + hour or delivery.now > ends + hour:
        raise Refused("Signed request date outside acceptable time window")


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _crypto(
    delivery: Delivery,
    signature: Signature,
    *,
    targets: tuple[str, ...] = (),
    values: Mapping[str, str] | None = None,
) -> None:
    if urlsplit(signature.key_id).scheme != "https":
        raise Refused("the key cannot be fetched")
    key: Any = serialization.load_pem_public_key(delivery.public_key_pem.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise Refused("no RSA key of 2048 bits")
    try:
        made = base64.b64decode(signature.value, validate=True)
    except binascii.Error:
        raise Refused("signature is not base64") from None
    for target in targets or (delivery.request.target,):
        try:
            signed = _signing_string(delivery.request, signature, target, values or {})
            key.verify(made, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            continue
        return
    raise Refused("Verification failed")


def _signing_string(request: Request, signature: Signature, target: str, values: Mapping[str, str]) -> bytes:
    own = {
        "(request-target)": f"{request.method.lower()} {target}",
        "(created)": str(signature.created),
        "(expires)": str(signature.expires),
    }
    lines = []
    for name in signature.covered:
        value = own.get(name) or values.get(name)
        lines.append(f"{name}: {value if value is not None else _one(request, name)}")
    return "\n".join(lines).encode()
