"""The Signature header of draft-cavage-http-signatures-12, as Mastodon speaks it (mastodon-compat §1.2, §1.5).

What is read here is only what the header says. Which components a signature must cover and how old it may be is decided
in `signatures`; whose key it was, by whoever fetched that key.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from fediverse.protocol import digest
from fediverse.protocol.errors import Reason, Unauthenticated
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.messages import Request

REQUEST_TARGET, CREATED, EXPIRES = "(request-target)", "(created)", "(expires)"

# What every receiver known takes (mastodon-compat §1.7): Misskey forks want the first four, Mastodon's own senders
# cover content-type. A GET leaves out `accept`, which a proxy may rewrite; no receiver asks for it.
SIGNED_POST = (REQUEST_TARGET, "host", "date", "digest", "content-type")
SIGNED_GET = (REQUEST_TARGET, "host", "date")

# `hs2019` means "ask the key"; everybody makes it with RSA and SHA-256 (must-survive §1.3).
ALGORITHMS = frozenset({"rsa-sha256", "hs2019"})
ALGORITHM = "rsa-sha256"  # always said: Misskey refuses a signature without it

MAX_HEADER = 8192  # characters; a key id of 2,048 and a signature of 8,192 bits leave half of it free
MAX_PARAMETERS = 16
MAX_COMPONENTS = 32
MAX_KEY_ID = 2048
MAX_SIGNATURE = 1024  # bytes: an RSA key of 8,192 bits
MAX_TIMESTAMP = 11  # digits of Unix time, up to the year 5138

_PREFIX = "signature "
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BLANK = " \t"
_DIGITS = frozenset("0123456789")
_DAYS = ("Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class CavageSignature:
    """What a Signature header claims; nothing of it is proven.

    `components` are lower case, without repetition, never empty. `created` and `expires` are Unix time in seconds.
    `algorithm` is None when the sender left it out.
    """

    key_id: str
    algorithm: str | None
    components: tuple[str, ...]
    signature: bytes
    created: int | None = None
    expires: int | None = None


def parse(request: Request) -> CavageSignature:
    """Read the one Signature header of `request`.

    Raises Unauthenticated: UNSIGNED without the header, AMBIGUOUS when header, parameter or component stands twice,
    UNSUPPORTED for an algorithm other than `rsa-sha256` and `hs2019`, SYNTAX for the rest. Takes time linear in the
    header, of which no more than 8,192 characters are looked at.
    """
    match request.all("signature"):
        case ():
            raise Unauthenticated(Reason.UNSIGNED)
        case (header,):
            said = _parameters(header)
        case _:
            raise Unauthenticated(Reason.AMBIGUOUS)
    key_id = said.get("keyid", "")
    if not key_id or len(key_id) > MAX_KEY_ID:
        raise Unauthenticated(Reason.SYNTAX)
    algorithm = said["algorithm"].lower() if "algorithm" in said else None
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise Unauthenticated(Reason.UNSUPPORTED)
    components = _components(said.get("headers"), algorithm)
    created, expires = _timestamp(said.get("created")), _timestamp(said.get("expires"))
    # The draft's rule (§2.3): algorithms named after a cipher know no pseudo-headers of time.
    timed = CREATED in components or EXPIRES in components
    if timed and algorithm == "rsa-sha256":
        raise Unauthenticated(Reason.SYNTAX)
    return CavageSignature(key_id, algorithm, components, _signature(said.get("signature", "")), created, expires)


def signing_string(presented: CavageSignature, request: Request, *, with_query: bool = True) -> bytes:
    """The bytes a signature is made over (draft §2.3).

    `with_query=False` leaves the query out of `(request-target)`, as some senders do. Raises Unauthenticated: COVERAGE
    when a covered header or parameter is absent, AMBIGUOUS when a covered header stands twice, SYNTAX when one holds a
    line end or characters that no header has.
    """
    target = request.target if with_query else request.target.partition("?")[0]
    lines = []
    for component in presented.components:
        if component == REQUEST_TARGET:
            value = f"{request.method.lower()} {target}"
        elif component == CREATED:
            value = _given(presented.created)
        elif component == EXPIRES:
            value = _given(presented.expires)
        else:
            value = _covered(request, component)
        lines.append(f"{component}: {value}")
    try:
        base = "\n".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        raise Unauthenticated(Reason.SYNTAX) from None
    # A line end inside a value could pass for a line of its own.
    if base.count(b"\n") != len(lines) - 1 or b"\r" in base or b"\0" in base:
        raise Unauthenticated(Reason.SYNTAX)
    return base


def sign(request: Request, key: KeyPair, now: datetime) -> Request:
    """The same request with fresh Date, Digest (not on GET and HEAD) and Signature headers in place of any it had.

    The request must have `host`, and `content-type` unless it is a GET or HEAD; ValueError otherwise. Sign at each
    attempt: a signature is good for minutes (mastodon-compat §1.2).
    """
    plain = request.method in ("GET", "HEAD")
    covered = SIGNED_GET if plain else SIGNED_POST
    kept = tuple(line for line in request.headers if line[0] not in ("date", "digest", "signature"))
    fresh = [("date", http_date(now))]
    if not plain:
        fresh.append(("digest", digest.digest(request.body)))
    unsigned = Request(request.method, request.target, (*kept, *fresh), request.body)
    try:
        base = signing_string(CavageSignature(key.key_id, ALGORITHM, covered, b""), unsigned)
    except Unauthenticated as refusal:
        raise ValueError(f"this request cannot be signed: {refusal.reason.value}") from None
    signature = base64.b64encode(key.sign(base)).decode("ascii")
    header = f'keyId="{key.key_id}",algorithm="{ALGORITHM}",headers="{" ".join(covered)}",signature="{signature}"'
    return unsigned.with_headers(("signature", header))


def http_date(now: datetime) -> str:
    """IMF-fixdate (RFC 9110 §5.6.7) of an aware time."""
    utc = now.astimezone(UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day} {utc.day:02} {month} {utc.year:04} {utc:%H:%M:%S} GMT"


def read_http_date(text: str) -> datetime | None:
    """The time an IMF-fixdate names, aware, in UTC; None for every other text, the two obsolete forms included."""
    words = text.strip(_BLANK).split(" ")
    if len(words) != 6 or words[5] != "GMT" or words[0] not in _DAYS or words[2] not in _MONTHS:
        return None
    clock = words[4].split(":")
    numbers = (words[3], words[1], *clock)
    if [len(number) for number in numbers] != [4, 2, 2, 2, 2] or not _DIGITS.issuperset("".join(numbers)):
        return None
    year, day, hour, minute, second = (int(number) for number in numbers)
    try:
        return datetime(year, _MONTHS.index(words[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _parameters(header: str) -> dict[str, str]:
    """`name=value` pairs, names in lower case. One pass from left to right; each character is looked at once."""
    if len(header) > MAX_HEADER:
        raise Unauthenticated(Reason.SYNTAX)
    at = len(_PREFIX) if header[: len(_PREFIX)].lower() == _PREFIX else 0
    found: dict[str, str] = {}
    while True:
        at = _skip_blank(header, at)
        name, at = _token(header, at)
        at = _skip_blank(header, at)
        if header[at : at + 1] != "=":
            raise Unauthenticated(Reason.SYNTAX)
        at = _skip_blank(header, at + 1)
        value, at = _quoted(header, at + 1) if header[at : at + 1] == '"' else _token(header, at)
        if name.lower() in found:
            raise Unauthenticated(Reason.AMBIGUOUS)
        found[name.lower()] = value
        at = _skip_blank(header, at)
        if at == len(header):
            return found
        if header[at] != "," or len(found) == MAX_PARAMETERS:
            raise Unauthenticated(Reason.SYNTAX)
        at += 1


def _skip_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _token(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] in _TOKEN:
        end += 1
    if end == at:
        raise Unauthenticated(Reason.SYNTAX)
    return text[at:end], end


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The inside of a quoted string, printable ASCII only, from behind its first quote; and where it ends."""
    value: list[str] = []
    while at < len(text):
        character = text[at]
        if character == '"':
            return "".join(value), at + 1
        if character == "\\":
            at += 1
            character = text[at : at + 1]
        if not "\x20" <= character <= "\x7e":
            break
        value.append(character)
        at += 1
    raise Unauthenticated(Reason.SYNTAX)


def _components(listed: str | None, algorithm: str | None) -> tuple[str, ...]:
    if listed is None:  # Mastodon's reading of the default (mastodon-compat §1.2)
        return ("date",) if algorithm == "rsa-sha256" else (CREATED,)
    components = tuple(listed.lower().split(" "))
    if len(components) > MAX_COMPONENTS:
        raise Unauthenticated(Reason.SYNTAX)
    for component in components:
        pseudo = component in (REQUEST_TARGET, CREATED, EXPIRES)
        if not component or not (pseudo or _TOKEN.issuperset(component)):
            raise Unauthenticated(Reason.SYNTAX)
    if len(set(components)) != len(components):
        raise Unauthenticated(Reason.AMBIGUOUS)
    return components


def _timestamp(text: str | None) -> int | None:
    if text is None:
        return None
    if not text or len(text) > MAX_TIMESTAMP or not _DIGITS.issuperset(text) or str(int(text)) != text:
        raise Unauthenticated(Reason.SYNTAX)
    return int(text)


def _signature(encoded: str) -> bytes:
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Unauthenticated(Reason.SYNTAX) from None
    if not 0 < len(signature) <= MAX_SIGNATURE:
        raise Unauthenticated(Reason.SYNTAX)
    return signature


def _given(parameter: int | None) -> str:
    if parameter is None:
        raise Unauthenticated(Reason.COVERAGE)
    return str(parameter)


def _covered(request: Request, name: str) -> str:
    match request.all(name):
        case ():
            raise Unauthenticated(Reason.COVERAGE)
        case (value,):
            return value.strip(_BLANK)
        case _:
            # The draft would join them; then the signer and the next reader may each see another one.
            raise Unauthenticated(Reason.AMBIGUOUS)
