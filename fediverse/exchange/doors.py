"""What can be said of a POST to an inbox before anybody is asked anything: pure, and in a fixed order.

    content encoding and type -> header syntax -> strict JSON -> one actor -> coverage -> window -> digest
    -> origin of the key id = origin of the actor, and not ours

The host, the size and the number of headers were judged before, when the request came in (`fediverse.web`). What is
left needs the key: see `keyring` and `inbox`. Nothing is fetched for a request that is refused here (must-survive §5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fediverse.protocol import signatures, vocabulary
from fediverse.protocol.errors import Malformed, Reason, Unauthenticated, UnsupportedMedia
from fediverse.protocol.media_types import is_activity
from fediverse.protocol.messages import Request
from fediverse.protocol.origins import check_url, same_origin
from fediverse.protocol.signatures import Presented, Window
from fediverse.protocol.strict_json import Json, loads_object
from fediverse.protocol.vocabulary import Activity


@dataclass(frozen=True, slots=True)
class Knock:
    """A request that may be what it says; who sent it is not proven yet."""

    request: Request
    presented: Presented
    document: dict[str, Json]
    activity: Activity


def examine(request: Request, *, origin: str, now: datetime, window: Window) -> Knock:
    """Judge a POST by itself. `origin` is ours.

    Raises UnsupportedMedia (415), Unauthenticated (401) with its reason, Malformed (400), TooLarge (413).
    """
    check_media(request)
    presented = signatures.read(request)
    document = loads_object(request.body)
    activity = vocabulary.read(document)
    signatures.check(presented, request, now, window)
    check_key_id(presented.key_id, activity.actor, origin)
    return Knock(request, presented, document, activity)


def check_media(request: Request) -> None:
    """One of the two ActivityStreams types, not encoded. Raises UnsupportedMedia."""
    types = request.all("content-type")
    if len(types) != 1 or not is_activity(types[0]):
        raise UnsupportedMedia
    if any(value.strip().lower() != "identity" for value in request.all("content-encoding")):
        raise UnsupportedMedia("Encoded bodies are not taken")


def check_key_id(key_id: str, actor: str, origin: str) -> None:
    """The key lies at the actor's own origin, at an https URL, and not at ours. Raises Unauthenticated.

    This stands before any fetch: whoever signs for another origin is refused without a question (must-survive B1, B8).
    """
    try:
        check_url(key_id, ports=True)
    except Malformed:
        raise Unauthenticated(Reason.KEY_ID) from None
    if not same_origin(key_id, actor) or same_origin(actor, origin):
        raise Unauthenticated(Reason.KEY_ORIGIN)
