"""One way to fail.

    FederationError            what went wrong between two servers
    ├── Malformed              400  their document or request cannot be read
    ├── Unauthenticated        401  we cannot tell who speaks; .reason says why
    ├── Forbidden              403  we know who speaks, and they may not
    ├── NotHere                404  we have no such thing
    ├── Withdrawn              410  we had it and it was retracted
    ├── TooLarge               413  more bytes than the door lets in
    ├── UnsupportedMedia       415  not one of the two ActivityStreams types, or an encoded body
    ├── Misdirected            421  asked for a host we do not speak for
    ├── HeadersTooLarge        431  more or longer header lines than the door lets in
    ├── Overloaded             503  ours, for now; .retry_after seconds
    └── Unreachable            503  a server we asked did not give an answer that can be used
        └── Gone               401  the document we asked for is gone for good (404 or 410)

Whose fault it is stands in the type. `safe` is the only text an outsider is ever shown: it never carries an
address, a key, a token or a path of ours.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a signature was refused, as a value that can be counted."""

    UNSIGNED = "unsigned"
    SYNTAX = "syntax"
    AMBIGUOUS = "ambiguous"
    UNSUPPORTED = "unsupported"
    COVERAGE = "coverage"
    WINDOW = "window"
    DIGEST = "digest"
    KEY_ID = "key-id"
    KEY_ORIGIN = "key-origin"
    KEY_OWNER = "key-owner"
    KEY_UNSUITABLE = "key-unsuitable"
    KEY_UNKNOWN = "key-unknown"
    MISMATCH = "mismatch"
    NOT_YOURS = "not-yours"


class FederationError(Exception):
    """Something between two servers failed; see the tree above."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Federation failed"

    def __init__(self, safe: str = "") -> None:
        super().__init__(safe or self.title)
        self.safe = safe or self.title


class Malformed(FederationError):
    """The request or document cannot be read."""

    status = 400
    title = "Malformed request"


class Unauthenticated(FederationError):
    """The sender of a request is not known."""

    status = 401
    title = "Signature refused"

    def __init__(self, reason: Reason, safe: str = "") -> None:
        super().__init__(safe or f"Signature refused: {reason.value}")
        self.reason = reason


class Forbidden(FederationError):
    """The sender is known and may not do this."""

    status = 403
    title = "Forbidden"


class NotHere(FederationError):
    """No such actor, note or collection."""

    status = 404
    title = "Not found"


class Withdrawn(FederationError):
    """It was here and has been retracted."""

    status = 410
    title = "Gone"


class TooLarge(FederationError):
    """The body is larger than this door takes."""

    status = 413
    title = "Body too large"


class UnsupportedMedia(FederationError):
    """Neither application/activity+json nor application/ld+json with the ActivityStreams profile."""

    status = 415
    title = "Unsupported media type"


class Misdirected(FederationError):
    """The Host of the request is not the canonical origin."""

    status = 421
    title = "Misdirected request"


class HeadersTooLarge(FederationError):
    """Too many header lines, or one that is too long."""

    status = 431
    title = "Request header fields too large"


class Overloaded(FederationError):
    """We cannot take this now; ask again after `retry_after` seconds."""

    status = 503
    title = "Try again later"

    def __init__(self, retry_after: int, safe: str = "") -> None:
        super().__init__(safe)
        self.retry_after = retry_after


class Unreachable(FederationError):
    """Another server gave no usable answer. `transient` tells whether asking again may help."""

    status = 503
    title = "The other server could not be asked"

    def __init__(self, safe: str = "", *, transient: bool = True) -> None:
        super().__init__(safe)
        self.transient = transient


class Gone(Unreachable):
    """The other server says that the document does not exist (404) or no longer exists (410)."""

    status = 401
    title = "The document is gone"

    def __init__(self, safe: str = "", *, answer: int = 410) -> None:
        super().__init__(safe, transient=False)
        self.answer = answer
