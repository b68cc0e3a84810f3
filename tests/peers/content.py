"""What receivers demand of the document in a POST: mastodon-compat §1.7, §2, §3.2 to §3.4 and §4.

One function per kind of server, raising Refused; for what a server drops silently that is the same to us. The signer
is the actor behind the key the request was signed with.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ACTORS = ("Application", "Group", "Organization", "Person", "Service")
_USERNAME = re.compile(r"[a-z0-9_]+([.-]+[a-z0-9_]+)*", re.IGNORECASE)
_MISSKEY_USERNAME = re.compile(r"\w([\w.-]*\w)?")
_HASHTAG = re.compile(r"#(?=\w*[^\W\d])\w+")


class Refused(Exception):
    """The receiver answers with an error, or drops the activity; the text says why."""


def parse(body: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    try:
        document = json.loads(body)
    except ValueError:
        raise Refused("400: not JSON") from None
    if not isinstance(document, dict):
        raise Refused("400: not an object")
    return document


def depth(value: Any) -> int:
    """Lists and objects inside each other, as PHP's json_decode counts them."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def host(url: Any) -> str:
    """The host of an https URL."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme != "https" or not parts.hostname:
        raise Refused("no https URL where one is needed")
    return parts.hostname


def actor_of(document: dict[str, Any]) -> str:
    """The activity's actor."""
    actor = document.get("actor")
    if not isinstance(actor, str):
        raise Refused("actor is not a string")
    return actor


# --- one function per server ------------------------------------------------------------------------------------------


def mastodon(document: dict[str, Any], *, signer: str) -> None:
    """§3.1, §3.2, §3.4, §4; ids without "type" because of the Undo quirk in §4.4."""
    context = document.get("@context")
    if "https://www.w3.org/ns/activitystreams" not in (context if isinstance(context, list) else [context]):
        raise Refused("@context does not contain ActivityStreams")
    _speaks_for_itself(document, signer)
    if "type" in str(document.get("id")):
        raise Refused("an id holding the word type")
    obj = document.get("object")
    match document.get("type"):
        case "Create":
            _note(document, _embedded(obj), signer)
        case "Update":
            changed = _embedded(obj)
            if changed.get("id") == signer:
                _actor(changed)
            else:
                _note(document, changed, signer)
                _later(changed)
        case "Delete":
            if host(obj if isinstance(obj, str) else _embedded(obj).get("id")) != host(signer):
                raise Refused("Delete of a foreign object")
        case "Accept" | "Reject":
            _answer(_embedded(obj), signer)
        case "Add" | "Remove":
            if host(document.get("target")) != host(signer) or host(obj) != host(signer):
                raise Refused("a collection or note of another host")
        case other:
            raise Refused(f"unsupported activity {other}")


def misskey(document: dict[str, Any], *, signer: str) -> None:
    """§1.7: ids on the signer's host, a note's url https, an actor's addresses on one host."""
    _speaks_for_itself(document, signer)
    if not isinstance(document.get("id"), str) or host(document["id"]) != host(signer):
        raise Refused("activity id missing or on another host")
    obj = document.get("object")
    if not isinstance(obj, dict):
        return
    if document.get("type") == "Create":  # an Update of a note is skipped unread (§4.1)
        if host(obj.get("attributedTo")) != host(obj.get("id")):
            raise Refused("attributedTo on another host")
        host(obj.get("url"))
    if obj.get("type") in ACTORS:
        key = obj.get("publicKey")
        places = (obj.get("id"), obj.get("inbox"), key.get("id") if isinstance(key, dict) else None)
        if len({host(place) for place in places}) != 1:
            raise Refused("id, inbox and key on different hosts")
        name = obj.get("preferredUsername")
        if not isinstance(name, str) or len(name) > 128 or _MISSKEY_USERNAME.fullmatch(name) is None:
            raise Refused("preferredUsername")


def gotosocial(document: dict[str, Any], *, signer: str) -> None:
    """Embedded objects by their author only; a language it can find (§3.4); peers.md: an IRI in a Create is dropped."""
    _speaks_for_itself(document, signer)
    if document.get("type") in ("Create", "Update"):
        obj = _embedded(document.get("object"))
        if obj.get("id") != signer:
            if obj.get("attributedTo") != signer:
                raise Refused("attributedTo somebody else")
            if list(obj.get("contentMap", {}).values()) != [obj.get("content")]:
                raise Refused("language unknown: contentMap does not hold content alone")


def lemmy(document: dict[str, Any], *, signer: str) -> None:
    """The activity's id on its actor's domain."""
    _speaks_for_itself(document, signer)
    if host(document.get("id")) != host(signer):
        raise Refused("id on another domain")


def pixelfed(document: dict[str, Any], *, signer: str) -> None:
    """§1.7: what validateObject asks of a Create, and the object form of a Delete."""
    _speaks_for_itself(document, signer)
    obj = document.get("object")
    if document.get("type") == "Create":
        note = _embedded(obj)
        if host(note.get("attributedTo")) != host(document.get("id")):
            raise Refused("host of attributedTo and id differ")
        if not document.get("published"):
            raise Refused("published missing on the activity")
    if document.get("type") == "Delete" and obj != signer:
        tombstone = _embedded(obj)
        if tombstone.get("type") != "Tombstone":
            raise Refused("Delete without a Tombstone object")
        host(tombstone.get("id"))


def akkoma(document: dict[str, Any], *, signer: str) -> None:
    """An actor that is the signer, an embedded note by the actor."""
    _speaks_for_itself(document, signer)
    if document.get("type") == "Create" and _embedded(document.get("object")).get("attributedTo") != signer:
        raise Refused("attributedTo somebody else")


def peertube(document: dict[str, Any], *, signer: str) -> None:
    """A forwarded activity would need an LD signature, which we never make."""
    _speaks_for_itself(document, signer)


# --- what they share --------------------------------------------------------------------------------------------------


def _speaks_for_itself(document: dict[str, Any], signer: str) -> None:
    if actor_of(document) != signer:
        raise Refused("actor is not the signer")
    if not isinstance(document.get("id"), str):
        raise Refused("activity without id")


def _embedded(obj: Any) -> dict[str, Any]:
    if not isinstance(obj, dict):
        raise Refused("object is not embedded")
    return obj


def _note(activity: dict[str, Any], note: dict[str, Any], signer: str) -> None:
    if note.get("type") not in ("Note", "Question"):
        raise Refused("unsupported object type")
    if host(note.get("id")) != host(signer):
        raise Refused("object id on another host")
    if note.get("attributedTo") != signer:
        raise Refused("attributedTo is not the actor")
    audience = [*_strings(note.get("to") or activity.get("to")), *_strings(note.get("cc") or activity.get("cc"))]
    if PUBLIC not in audience:
        raise Refused("neither public nor unlisted: a direct message")
    if not isinstance(note.get("content"), str) or not note["content"]:
        raise Refused("no text")
    if list(note.get("contentMap", {}).values()) != [note["content"]]:
        raise Refused("contentMap is not one entry equal to content")
    if not isinstance(note.get("summary"), str | None):
        raise Refused("summary is not text")
    for tag in note.get("tag", ()):
        if tag.get("type") != "Hashtag" or _HASHTAG.fullmatch(tag.get("name", "")) is None:
            raise Refused("a tag that is no hashtag")
    replies = note.get("replies")
    if replies is not None and not (isinstance(replies, dict) and isinstance(replies.get("first"), dict)):
        raise Refused("replies would be fetched by every receiver")
    _moment(note.get("published"))


def _later(note: dict[str, Any]) -> None:
    if "updated" not in note:
        raise Refused("edit without updated")
    if _moment(note["updated"]) <= _moment(note.get("published")):
        raise Refused("updated is not after published")


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Refused("no date where one is needed") from None
    if moment.tzinfo is None:
        raise Refused("a date without zone")
    return moment


def _actor(actor: dict[str, Any]) -> None:
    if actor.get("type") not in ACTORS:
        raise Refused("actor type")
    name = actor.get("preferredUsername")
    if not isinstance(name, str) or _USERNAME.fullmatch(name) is None:
        raise Refused("preferredUsername")
    for place in ("inbox", "outbox", "followers", "following", "featured"):
        host(actor.get(place))
    if host(actor.get("url")) != host(actor["id"]):
        raise Refused("url on another host")
    key = actor.get("publicKey")
    if not isinstance(key, dict) or key.get("owner") != actor["id"] or key.get("id") != f"{actor['id']}#main-key":
        raise Refused("publicKey is not one key of the actor")
    if not str(key.get("publicKeyPem")).startswith("-----BEGIN PUBLIC KEY-----"):
        raise Refused("the key is not SPKI")
    if not isinstance(actor.get("attachment"), list):
        raise Refused("attachment is not a list")


def _answer(follow: dict[str, Any], signer: str) -> None:
    if follow.get("type") != "Follow" or not isinstance(follow.get("actor"), str):
        raise Refused("the Follow cannot be matched")
    if follow.get("object") != signer:
        raise Refused("the Follow is of somebody else")


def _strings(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, str)]
