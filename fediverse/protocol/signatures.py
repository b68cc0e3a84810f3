"""Who sent this request: the rules a signature must meet, over whatever dialect it is written in.

Three steps, in this order, so that nothing is fetched for a request that would be refused anyway:

    presented = read(request)            what the headers say
    check(presented, request, now)       does it cover enough, is it fresh, is this the body: no key needed
    verify(presented, request, key)      was it made with this key

One dialect for now, draft-cavage-12. A request signed after RFC 9421 is refused as UNSUPPORTED, upon which senders
that begin with it try again in the other (mastodon-compat §1.6). Signatures inside a document (LD signatures) are never
looked at: they were forged time and again by writing the same document differently (must-survive §1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from fediverse.protocol import cavage, digest
from fediverse.protocol.errors import Reason, Unauthenticated
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.messages import Request

Presented: TypeAlias = cavage.CavageSignature

# What must be covered, besides a time (`date` or `(created)`): without one of these a request signed for another path,
# host or body passes for this one (must-survive A2, A3).
COVER_POST = frozenset({cavage.REQUEST_TARGET, "host", "digest"})
COVER_GET = frozenset({cavage.REQUEST_TARGET, "host"})


@dataclass(frozen=True, slots=True)
class Window:
    """How far the time of a signature may lie in the past and in the future of our clock, both ends included."""

    past: timedelta = timedelta(hours=1)
    future: timedelta = timedelta(minutes=5)


DEFAULT = Window()


@dataclass(frozen=True, slots=True)
class Verified:
    """Who sent a request: the key it was signed with and the actor that key speaks for."""

    key_id: str
    owner: str


def read(request: Request) -> Presented:
    """What the signature headers of `request` claim; syntax only.

    Raises Unauthenticated: UNSIGNED, SYNTAX, AMBIGUOUS (two Signature headers, both dialects at once, anything twice)
    or UNSUPPORTED (RFC 9421, an unknown algorithm).
    """
    if not request.all("signature-input"):
        return cavage.parse(request)
    if len(request.all("signature")) > 1:
        raise Unauthenticated(Reason.AMBIGUOUS)
    try:
        cavage.parse(request)
    except Unauthenticated:
        raise Unauthenticated(Reason.UNSUPPORTED) from None
    raise Unauthenticated(Reason.AMBIGUOUS)


def check(presented: Presented, request: Request, now: datetime, window: Window = DEFAULT) -> None:
    """Everything about a signature that can be judged without its key.

    Raises Unauthenticated: COVERAGE when too little is covered or something covered is absent, AMBIGUOUS when a covered
    header stands twice, WINDOW when a covered time lies outside `window` or cannot be read, or `expires` has passed
    (it may shorten the window, never widen it), DIGEST when the body is another one.
    """
    covered = frozenset(presented.components)
    needed = COVER_GET if request.method in ("GET", "HEAD") else COVER_POST
    if not needed <= covered or covered.isdisjoint(("date", cavage.CREATED)):
        raise Unauthenticated(Reason.COVERAGE)
    cavage.signing_string(presented, request)  # refuses what is absent or stands twice
    _check_window(presented, request, now, window)
    if "digest" in covered:
        digest.check(request.header("digest") or "", request.body)


def verify(presented: Presented, request: Request, key: PublicKey) -> Verified:
    """Say who sent a request that `check` let through.

    The request target is tried as it stands, then without its query, which some senders leave out of the signature.
    Raises Unauthenticated(MISMATCH) when `key` is not the key named by the signature or did not make it.
    """
    if key.key_id == presented.key_id:
        if key.verify(presented.signature, cavage.signing_string(presented, request)):
            return Verified(key.key_id, key.owner)
        if "?" in request.target and key.verify(
            presented.signature, cavage.signing_string(presented, request, with_query=False)
        ):
            return Verified(key.key_id, key.owner)
    raise Unauthenticated(Reason.MISMATCH)


def sign(request: Request, key: KeyPair, now: datetime) -> Request:
    """The request as we send it: with fresh Date, Digest and Signature headers.

    One dialect, the one all versions of all receivers take (mastodon-compat §1.7). The request must have `host`, and
    `content-type` unless it is a GET or HEAD; ValueError otherwise. Sign anew at each attempt.
    """
    return cavage.sign(request, key, now)


def _check_window(presented: Presented, request: Request, now: datetime, window: Window) -> None:
    times: list[datetime | None] = []
    if "date" in presented.components:
        times.append(cavage.read_http_date(request.header("date") or ""))
    if cavage.CREATED in presented.components and presented.created is not None:
        times.append(datetime.fromtimestamp(presented.created, UTC))
    for made in times:
        if made is None or not now - window.past <= made <= now + window.future:
            raise Unauthenticated(Reason.WINDOW)
    if presented.expires is not None and now > datetime.fromtimestamp(presented.expires, UTC):
        raise Unauthenticated(Reason.WINDOW)
