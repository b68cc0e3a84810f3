"""WebFinger (RFC 7033) and host-meta: which actor stands behind a handle or an address of ours.

Asked for a handle, for the URL of an actor or its profile, or for the server itself (FEP-d556). Handles may live on
another domain than the ids (mastodon-compat §6.1): then both domains are answered for, always with the handle's own
domain in the subject. Serve everything here with `Access-Control-Allow-Origin: *` (RFC 7033 §5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from fediverse.protocol.documents import ACTIVITY_JSON
from fediverse.protocol.errors import Malformed, NotHere
from fediverse.protocol.origins import MAX_URL, check_url, host_of
from fediverse.protocol.strict_json import Json

JRD_JSON = "application/jrd+json"
XRD_XML = "application/xrd+xml"
WELL_KNOWN = "/.well-known/webfinger"
HOST_META = "/.well-known/host-meta"

PROFILE_PAGE = "http://webfinger.net/rel/profile-page"
AVATAR = "http://webfinger.net/rel/avatar"
SERVICE = "https://www.w3.org/ns/activitystreams#Service"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Handle:
    """Asked for `acct:name@domain` on a domain of ours; `name` in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """Asked for an https URL on our origin, canonical, without fragment."""

    url: str


@dataclass(frozen=True, slots=True)
class Server:
    """Asked for the server: `https://host/`."""


Resource: TypeAlias = Handle | Address | Server


def parse_resource(text: str | None, *, origin: str, handle_domain: str) -> Resource:
    """What the `resource` parameter asks for; percent-encoded or not, for both are sent (mastodon-compat §6.1).

    `origin` is ours, `handle_domain` is `host[:port]` of our handles. Raises Malformed (400) when it is missing or is
    no URI, and NotHere (404) for a well-formed one that cannot be ours: another domain, another scheme.
    """
    if not text or len(text) > MAX_URL:
        raise Malformed("resource: expected acct:user@domain or an https URL")
    uri = _decoded(text)
    scheme = _SCHEME.match(uri)
    if scheme is None or any(character <= " " or character == "\x7f" for character in uri):
        raise Malformed("resource: not a URI")
    home, handles = host_of(origin), host_of(f"https://{handle_domain}")
    match scheme.group().lower():
        case "acct:":
            return _handle(uri[scheme.end() :], {home, handles})
        case "https:":
            return _address(uri, home, handles)
    raise NotHere


def account_jrd(
    *,
    name: str,
    handle_domain: str,
    actor_id: str,
    profile_url: str,
    avatar: tuple[str, str] | None = None,
) -> dict[str, Json]:
    """The answer for an actor. `avatar` is (media type, URL).

    One `self` link of exactly one of the two ActivityStreams types: Mastodon uses the first (mastodon-compat §6.1).
    """
    links: list[Json] = [
        {"rel": PROFILE_PAGE, "type": "text/html", "href": profile_url},
        {"rel": "self", "type": ACTIVITY_JSON, "href": actor_id},
    ]
    if avatar is not None:
        links.append({"rel": AVATAR, "type": avatar[0], "href": avatar[1]})
    return jrd(f"acct:{name}@{handle_domain}", aliases=(profile_url, actor_id), links=links)


def server_jrd(origin: str, instance_actor_id: str) -> dict[str, Json]:
    """The answer for the server itself: its instance actor (FEP-d556)."""
    link: Mapping[str, Json] = {"rel": SERVICE, "type": ACTIVITY_JSON, "href": instance_actor_id}
    return jrd(f"{origin}/", aliases=(), links=[dict(link)])


def jrd(subject: str, *, aliases: tuple[str, ...], links: list[Json]) -> dict[str, Json]:
    """A JSON resource descriptor (RFC 7033 §4.4)."""
    document: dict[str, Json] = {"subject": subject}
    if aliases:
        document["aliases"] = list(dict.fromkeys(aliases))
    return document | {"links": links}


def host_meta_xml(origin: str) -> str:
    """The XRD document naming our WebFinger address, asked for after a 404 there (RFC 6415; mastodon-compat §6.1)."""
    template = quoteattr(f"{origin}{WELL_KNOWN}?resource={{uri}}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n'
        f'  <Link rel="lrdd" type="{JRD_JSON}" template={template}/>\n'
        "</XRD>\n"
    )


def _decoded(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise Malformed("resource: a broken percent-encoding")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("resource: a percent-encoding that is not UTF-8") from None


def _handle(account: str, domains: set[str]) -> Handle:
    name, at, domain = account.rpartition("@")
    if not at or not name or "@" in name or "/" in account:
        raise Malformed("resource: expected acct:user@domain")
    host = host_of(f"https://{domain}")
    if host not in domains or _NAME.fullmatch(name) is None:
        raise NotHere
    return Handle(name.lower())


def _address(uri: str, home: str, handles: str) -> Address | Server:
    url = check_url(uri, ports=True)
    host, _, path = url.removeprefix("https://").partition("/")
    if host == home and path:
        return Address(url)
    if host in (home, handles) and not path:
        return Server()
    raise NotHere
