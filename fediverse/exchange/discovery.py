"""Who is behind a URL: actors, their keys, and the software of a host, asked at their own origin.

A document is believed for the URL it was fetched from and for nothing else (must-survive B3, B4): its `id` is that
URL, its type is one of the two ActivityStreams types, and what it points to (inbox, key) lies on the same origin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from fediverse.exchange.client import Client
from fediverse.protocol import media_types, strict_json
from fediverse.protocol.errors import FederationError, Gone, Malformed, Reason, Unauthenticated, Unreachable
from fediverse.protocol.keys import KeyPair, PublicKey
from fediverse.protocol.messages import Response
from fediverse.protocol.origins import check_url, same_origin
from fediverse.protocol.strict_json import Json

ACTOR_TYPES = frozenset({"Application", "Group", "Organization", "Person", "Service"})  # mastodon-compat §2.1
MAX_KEYS = 10  # of one actor (mastodon-compat §2.3)

# Answers of a server that may say something else soon; with all others it has said what it has to say.
PASSING = frozenset({408, 425, 429, *range(500, 600)}) - {501}

_NODEINFO = re.compile(r"http://nodeinfo\.diaspora\.software/ns/schema/[12]\.[0-9]")
_SOFTWARE = re.compile(r"[a-z0-9-]{1,64}")  # the schema's own rule (mastodon-compat §6.4), and a limit


@dataclass(frozen=True, slots=True)
class RemoteActor:
    """Somebody elsewhere. `id` as they write it; both inboxes canonical, on the actor's origin."""

    id: str
    inbox: str
    shared_inbox: str | None
    key: PublicKey


async def fetch_actor(client: Client, url: str, key: KeyPair, now: datetime) -> RemoteActor:
    """The actor whose id is `url`, with the first of its keys that we can use.

    Raises Gone for 404 and 410; Unreachable where there is no usable document, `transient` if there may be one later;
    Unauthenticated (KEY_OWNER, KEY_UNKNOWN, KEY_UNSUITABLE) for an actor without a key of its own.
    """
    asked = _document_url(url)
    found, document = await _fetch(client, asked, key, now)
    if found != asked:
        raise _refused("The actor lies elsewhere")
    return _read_actor(document, asked, None)


async def fetch_key(client: Client, key_id: str, key: KeyPair, now: datetime) -> RemoteActor:
    """The actor that owns the key `key_id`, with that key.

    The key id leads to the actor itself, or to a document of its own that names its owner: GoToSocial shows a stub of
    the actor there, others a bare key. That document is believed only for whom to ask; the owner, on the same origin,
    must list the key. At most two documents are fetched. Raises as `fetch_actor`.
    """
    asked = _document_url(key_id)
    found, document = await _fetch(client, asked, key, now)
    if found != asked:
        raise _refused("The key lies elsewhere")
    if _is_actor(document) and _names(document.get("id"), asked):
        return _read_actor(document, asked, key_id)
    owner = _owner(document, key_id)
    if owner is None or not same_origin(owner, asked):
        raise Unauthenticated(Reason.KEY_OWNER)
    asked = _document_url(owner)
    found, document = await _fetch(client, asked, key, now)
    if found != asked:
        raise _refused("The actor lies elsewhere")
    return _read_actor(document, asked, key_id)


async def fetch_software(client: Client, host: str, key: KeyPair, now: datetime) -> str | None:
    """What NodeInfo calls the software of `host` (`host[:port]`), or None where it says nothing that can be used.

    Raises Unreachable only where asking again may help.
    """
    root = f"https://{host}/"
    try:
        index = await _fetch_json(client, f"{root}.well-known/nodeinfo", key, now)
        href = _nodeinfo_link(index)
        if href is None or not same_origin(href, root):
            return None
        software = (await _fetch_json(client, href, key, now)).get("software")
    except Unreachable as failed:
        if failed.transient:
            raise
        return None
    name = software.get("name") if isinstance(software, dict) else None
    return name if isinstance(name, str) and _SOFTWARE.fullmatch(name) else None


async def _fetch(client: Client, url: str, key: KeyPair, now: datetime) -> tuple[str, dict[str, Json]]:
    """An ActivityStreams document and the URL that gave it."""
    fetched = await client.get(url, key=key, now=now)
    _expect_ok(fetched.response)
    content_types = [value for name, value in fetched.response.headers if name == "content-type"]
    if len(content_types) != 1 or not media_types.is_activity(content_types[0]):
        raise _refused("The document is not ActivityStreams")
    return fetched.url, _parse(fetched.response)


async def _fetch_json(client: Client, url: str, key: KeyPair, now: datetime) -> dict[str, Json]:
    """A JSON document of the origin of `url`, whatever it is called."""
    fetched = await client.get(url, key=key, now=now, accept="application/json")
    _expect_ok(fetched.response)
    if not same_origin(fetched.url, url):
        raise _refused("The document lies elsewhere")
    return _parse(fetched.response)


def _expect_ok(response: Response) -> None:
    if response.status in (404, 410):
        raise Gone(answer=response.status)
    if response.status != 200:
        raise Unreachable("The other server did not give the document", transient=response.status in PASSING)


def _parse(response: Response) -> dict[str, Json]:
    try:
        return strict_json.loads_object(response.body)
    except FederationError:
        raise _refused("The document cannot be read") from None


def _read_actor(document: dict[str, Json], url: str, key_id: str | None) -> RemoteActor:
    actor_id = document.get("id")
    if not isinstance(actor_id, str) or not _names(actor_id, url):
        raise _refused("The document is somebody else's")
    if not _is_actor(document):
        raise _refused("The document is not an actor")
    inbox = _own_url(document.get("inbox"), url)
    if inbox is None:
        raise _refused("The actor has no inbox of its own")
    endpoints = document.get("endpoints")
    shared = _own_url(endpoints.get("sharedInbox"), url) if isinstance(endpoints, dict) else None
    return RemoteActor(actor_id, inbox, shared, _read_key(document, actor_id, key_id))


def _read_key(document: dict[str, Json], actor_id: str, key_id: str | None) -> PublicKey:
    """The key `key_id` of an actor, or the first it has that we can use; embedded, its own, on its origin."""
    problem = Unauthenticated(Reason.KEY_UNKNOWN)
    for listed in _listed_keys(document):
        if key_id is not None and listed.get("id") != key_id:
            continue
        try:
            return _own_key(listed, actor_id)
        except Unauthenticated as found:
            problem = found
    raise problem


def _own_key(listed: dict[str, Json], actor_id: str) -> PublicKey:
    key_id, pem = listed.get("id"), listed.get("publicKeyPem")
    if not isinstance(key_id, str) or not same_origin(key_id, actor_id) or listed.get("owner") != actor_id:
        raise Unauthenticated(Reason.KEY_OWNER)
    if not isinstance(pem, str):
        raise Unauthenticated(Reason.KEY_UNSUITABLE)
    return PublicKey.from_pem(pem, key_id, actor_id)


def _listed_keys(document: dict[str, Json]) -> list[dict[str, Json]]:
    listed = document.get("publicKey")
    return [one for one in (listed if isinstance(listed, list) else [listed])[:MAX_KEYS] if isinstance(one, dict)]


def _owner(document: dict[str, Json], key_id: str) -> str | None:
    """Whom a document at a key id names as the owner of that key."""
    for one in (document, *_listed_keys(document)):
        owner = one.get("owner", one.get("controller"))
        if one.get("id") == key_id and isinstance(owner, str):
            return owner
    return None


def _is_actor(document: dict[str, Json]) -> bool:
    kinds = document.get("type")
    return any(isinstance(one, str) and one in ACTOR_TYPES for one in (kinds if isinstance(kinds, list) else [kinds]))


def _own_url(value: Json, url: str) -> str | None:
    """`value` in canonical form if it is a URL on the origin of `url`."""
    if not isinstance(value, str) or not same_origin(value, url):
        return None
    return check_url(value, ports=True)


def _names(value: Json, url: str) -> bool:
    """Whether `value` is the canonical `url`, however spelled; a fragment makes it another thing."""
    return isinstance(value, str) and "#" not in value and _own_url(value, url) == url


def _document_url(url: str) -> str:
    try:
        return check_url(url, ports=True)
    except Malformed:
        raise _refused("The id is not a URL") from None


def _nodeinfo_link(index: dict[str, Json]) -> str | None:
    links = index.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict):
            rel, href = link.get("rel"), link.get("href")
            if isinstance(rel, str) and isinstance(href, str) and _NODEINFO.fullmatch(rel):
                return href
    return None


def _refused(why: str) -> Unreachable:
    return Unreachable(why, transient=False)
