"""Reading what other servers send us: one activity, as a small frozen value holding ids.

Nothing embedded is believed. Of an embedded actor or object only the id is taken, and the few fields named below; a
reader of these values still has to ask whether the signer owns what the activity speaks about. What can be refused
by looking at the document alone is refused here:

    Malformed                    a field we need is missing or of a type no server sends, or a list is over its cap
    Unauthenticated(NOT_YOURS)   the activity speaks about a thing of another origin or another actor

    Follow   object                             Create, Like, Announce   object_id (may be None)
    Undo     object_id and/or what it undoes    Update, Delete           object_id, same origin as the actor
    Accept   object_id and/or the Follow        Move                     object (is the actor), target
    Reject   the same                           Flag                     objects;  Block: object
    Unknown  every other type: taken note of, ignored

Properties are read by their literal names, as every receiver does that does no JSON-LD processing
(mastodon-compat §3.1); `@context` is not looked at and never fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from fediverse.protocol.errors import Malformed, Reason, Unauthenticated
from fediverse.protocol.origins import origin_of
from fediverse.protocol.strict_json import Json

# Caps: must-survive C3 (Mastodon CVE-2026-23962: an array without one).
MAX_RECIPIENTS = 100
MAX_TAGS = 32
MAX_ATTACHMENTS = 16
MAX_REPORTED = 100
MAX_TYPES = 16
MAX_ID_CHARACTERS = 2048
MAX_TYPE_CHARACTERS = 256

ACTOR_TYPES = frozenset({"Application", "Group", "Organization", "Person", "Service"})

_AUDIENCE = ("to", "cc", "bto", "bcc", "audience")


@dataclass(frozen=True, slots=True)
class _Spoken:
    """Every activity: its id where it has one, and the actor it claims to be of (not yet proven)."""

    id: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class _OfObject(_Spoken):
    object: str


@dataclass(frozen=True, slots=True)
class _OfObjectId(_Spoken):
    """About `object_id`; None where an object without an id is embedded."""

    object_id: str | None


@dataclass(frozen=True, slots=True)
class _OfOwnObject(_Spoken):
    """About `object_id`, a thing of the actor's origin: the actor itself when the two are equal."""

    object_id: str

    @property
    def of_actor(self) -> bool:
        """Whether the actor speaks about itself."""
        return self.object_id == self.actor


@dataclass(frozen=True, slots=True)
class Follow(_OfObject):
    """`actor` wants to follow `object`, which should be an actor of ours."""


@dataclass(frozen=True, slots=True)
class Block(_OfObject):
    """`actor` blocks `object`, which should be an actor of ours."""


@dataclass(frozen=True, slots=True)
class Accept(_OfObjectId):
    """`actor` agrees to the activity `object_id` (we never follow, so never to one of ours)."""


@dataclass(frozen=True, slots=True)
class Reject(_OfObjectId):
    """`actor` declines, or takes back an Accept of, the activity `object_id`."""


@dataclass(frozen=True, slots=True)
class Like(_OfObjectId):
    """`actor` likes `object_id`."""


@dataclass(frozen=True, slots=True)
class Announce(_OfObjectId):
    """`actor` boosts `object_id`."""


@dataclass(frozen=True, slots=True)
class Create(_OfObjectId):
    """`actor` made `object_id`."""


@dataclass(frozen=True, slots=True)
class Delete(_OfOwnObject):
    """`actor` retracts `object_id`."""


@dataclass(frozen=True, slots=True)
class Update(_OfOwnObject):
    """`actor` changed `object_id`."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What an embedded activity says of itself; None where it is silent."""

    kind: str | None
    actor: str | None
    object: str | None


@dataclass(frozen=True, slots=True)
class Undo(_Spoken):
    """`actor` takes back an activity of its own, named by id, by embedding it (`inner`), or both."""

    object_id: str | None
    inner: Embedded | None


@dataclass(frozen=True, slots=True)
class Move(_Spoken):
    """`actor`, which is `object`, moved to `target`."""

    object: str
    target: str


@dataclass(frozen=True, slots=True)
class Flag(_Spoken):
    """`actor` (often a server's instance actor) reports `objects`: an actor and any number of notes."""

    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown(_Spoken):
    """An activity we have no use for; `kind` is its type as sent (≤ 256 characters)."""

    kind: str


Activity: TypeAlias = (
    Follow | Undo | Accept | Reject | Delete | Update | Move | Like | Announce | Create | Flag | Block | Unknown
)


def read(document: Mapping[str, Json]) -> Activity:
    """The activity a parsed JSON object stands for.

    Raises Malformed, or Unauthenticated(NOT_YOURS) for an activity whose id, object or embedded activity belongs to
    somebody other than its actor; no other exception, whatever the document holds (must-survive C2, B6).
    """
    kind = _kind(document)
    actor = _reference(document.get("actor"), "actor")
    origin_of(actor)  # an actor that is not an https URL is nobody
    activity_id = _activity_id(document.get("id"), actor)
    _check_caps(document)
    embedded = document.get("object")
    if isinstance(embedded, dict):
        _check_caps(embedded)
    reader = _READERS.get(kind)
    return Unknown(activity_id, actor, kind) if reader is None else reader(activity_id, actor, document)


# --- one reader per type ------------------------------------------------------------------------------------------


def _read_object(kind: type[Follow] | type[Block]) -> _Reader:
    def reader(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Follow | Block:
        return kind(activity_id, actor, _reference(_object(document), "object"))

    return reader


def _read_undo(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Undo:
    value = _object(document)
    if not isinstance(value, dict):
        named = _reference(value, "object")
        _own(named, actor)
        return Undo(activity_id, actor, named, None)
    object_id = _optional_reference(value.get("id"), "object.id")
    if object_id is not None:
        _own(object_id, actor)
    inner = _embedded(value)
    if inner.actor not in (None, actor):
        _not_yours("an activity of another actor cannot be undone")
    if object_id is None and (inner.kind is None or inner.object is None):
        raise Malformed("object: neither an id nor an activity")
    return Undo(activity_id, actor, object_id, inner)


def _read_answer(kind: type[Accept] | type[Reject]) -> _Reader:
    def reader(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Accept | Reject:
        value = _object(document)
        if not isinstance(value, dict):
            return kind(activity_id, actor, _reference(value, "object"))
        inner = _embedded(value)
        if inner.kind == "Follow" and inner.object not in (None, actor):
            _not_yours("a Follow of another actor cannot be answered")
        return kind(activity_id, actor, _optional_reference(value.get("id"), "object.id"))

    return reader


def _read_own(kind: type[Delete] | type[Update]) -> _Reader:
    def reader(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Delete | Update:
        return kind(activity_id, actor, _owned_object(document, actor))

    return reader


def _read_move(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Move:
    moved = _reference(_object(document), "object")
    if moved != actor:
        _not_yours("an actor can only move itself")
    return Move(activity_id, actor, moved, _reference(_single(document.get("target")), "target"))


def _read_mention(kind: type[Like] | type[Announce] | type[Create]) -> _Reader:
    def reader(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Like | Announce | Create:
        value = _object(document)
        if isinstance(value, dict):
            return kind(activity_id, actor, _optional_reference(value.get("id"), "object.id"))
        return kind(activity_id, actor, _reference(value, "object"))

    return reader


def _read_flag(activity_id: str | None, actor: str, document: Mapping[str, Json]) -> Flag:
    value = document.get("object")
    reported = value if isinstance(value, list) else [value]
    if not 0 < len(reported) <= MAX_REPORTED:
        raise Malformed(f"object: between 1 and {MAX_REPORTED} reported ids")
    return Flag(activity_id, actor, tuple(_reference(entry, "object") for entry in reported))


_Reader: TypeAlias = Callable[[str | None, str, Mapping[str, Json]], Activity]

_READERS: dict[str, _Reader] = {
    "Follow": _read_object(Follow),
    "Undo": _read_undo,
    "Accept": _read_answer(Accept),
    "Reject": _read_answer(Reject),
    "Delete": _read_own(Delete),
    "Update": _read_own(Update),
    "Move": _read_move,
    "Like": _read_mention(Like),
    "Announce": _read_mention(Announce),
    "Create": _read_mention(Create),
    "Flag": _read_flag,
    "Block": _read_object(Block),
}


# --- fields -------------------------------------------------------------------------------------------------------


def _kind(document: Mapping[str, Json]) -> str:
    """The first type we know, else the first type."""
    kinds = _types(document.get("type"))
    if not kinds:
        raise Malformed("type: missing or not a string")
    return next((kind for kind in kinds if kind in _READERS), kinds[0])


def _types(value: Json) -> list[str]:
    """Types as a list; empty where there is none to be had."""
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MAX_TYPES:
        raise Malformed("type: too many")
    kinds = [entry for entry in entries if isinstance(entry, str) and 0 < len(entry) <= MAX_TYPE_CHARACTERS]
    return kinds if len(kinds) == len(entries) else []


def _activity_id(value: Json, actor: str) -> str | None:
    activity_id = _optional_reference(value, "id")
    if activity_id is not None:
        _own(activity_id, actor)
    return activity_id


def _single(value: Json) -> Json:
    """The value, out of a list of one: AS2 lets every property be a list, some servers write one."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _object(document: Mapping[str, Json]) -> Json:
    return _single(document.get("object"))


def _reference(value: Json, field: str) -> str:
    """The id a string or an embedded object with an id stands for; a list is refused."""
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS:
        raise Malformed(f"{field}: expected an id of 1 to {MAX_ID_CHARACTERS} characters")
    if any(character <= " " or character == "\x7f" for character in value):
        raise Malformed(f"{field}: an id holds no blanks and no control characters")
    return value


def _optional_reference(value: Json, field: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed(f"{field}: expected a string")
    return _reference(value, field)


def _embedded(value: Mapping[str, Json]) -> Embedded:
    kinds = _types(value.get("type"))
    actor, target = value.get("actor"), _single(value.get("object"))
    return Embedded(
        kind=kinds[0] if kinds else None,
        actor=None if actor is None else _reference(actor, "object.actor"),
        object=None if target is None else _embedded_target(target),
    )


def _embedded_target(value: Json) -> str | None:
    # An undone Like or Announce may embed an object without an id; only a Follow's object matters to us.
    if isinstance(value, dict) and value.get("id") is None:
        return None
    return _reference(value, "object.object")


def _check_caps(document: Mapping[str, Json]) -> None:
    if sum(_length(document.get(name)) for name in _AUDIENCE) > MAX_RECIPIENTS:
        raise Malformed(f"more than {MAX_RECIPIENTS} recipients")
    if _length(document.get("tag")) > MAX_TAGS:
        raise Malformed(f"more than {MAX_TAGS} tags")
    if _length(document.get("attachment")) > MAX_ATTACHMENTS:
        raise Malformed(f"more than {MAX_ATTACHMENTS} attachments")


def _length(value: Json) -> int:
    if value is None:
        return 0
    return len(value) if isinstance(value, list) else 1


# --- whose ----------------------------------------------------------------------------------------------------------


def _owned_object(document: Mapping[str, Json], actor: str) -> str:
    """The id an Update or Delete speaks about: on the actor's origin, and no other actor's."""
    value = _object(document)
    object_id = _reference(value, "object")
    _own(object_id, actor)
    if object_id != actor and _is_an_actor(value, object_id, actor):
        _not_yours("another actor cannot be changed or deleted")
    return object_id


def _is_an_actor(value: Json, object_id: str, actor: str) -> bool:
    """Whether an object of the actor's server, not being the actor, looks like another actor of it.

    Typed objects tell (a Tombstone by its formerType). A bare id looks like one when it differs from the actor's only
    in the last part of its path: `/users/bob` beside `/users/alice`. Where that is wrong, a note we do not hold is
    answered with 401 instead of 202, and nothing else differs.
    """
    if isinstance(value, dict):
        return not ACTOR_TYPES.isdisjoint(_types(value.get("type")) + _types(value.get("formerType")))
    return _shape(object_id) == _shape(actor)


def _shape(url: str) -> tuple[str, frozenset[str], bool]:
    address, _, fragment = url.partition("#")
    path, _, query = address.partition("?")
    names = frozenset(pair.partition("=")[0] for pair in query.split("&"))
    return path.rstrip("/").rpartition("/")[0], names, bool(fragment)


def _own(thing: str, actor: str) -> None:
    if origin_of(thing) != origin_of(actor):
        _not_yours("an actor speaks only about things of its own origin")


def _not_yours(safe: str) -> NoReturn:
    raise Unauthenticated(Reason.NOT_YOURS, safe)
