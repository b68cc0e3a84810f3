"""Whose handle it is: `@name@domain` -> the id of that actor, asked by WebFinger (RFC 7033; mastodon-compat §6.1)."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote

from fediverse.exchange.client import Client
from fediverse.protocol import media_types, strict_json
from fediverse.protocol.errors import FederationError, Gone, Malformed, Unreachable
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.origins import check_url, host_of
from fediverse.protocol.strict_json import Json
from fediverse.protocol.webfinger import JRD_JSON, WELL_KNOWN

MAX_NAME = 255  # characters; nobody we know of allows more
_NAME = re.compile(r"[\w.+-]+")


async def find_actor(client: Client, handle: str, key: KeyPair, now: datetime) -> str:
    """The id of the actor behind `@name@domain[:port]`, as its own server writes it; the first @ may be left out.

    Where the id lies on another host than the handle, that host is asked as well: else any domain could claim that its
    handle is somebody else. Raises Malformed for what is no handle, Gone where there is nobody of that name,
    Unreachable where the answer cannot be used.
    """
    name, _, domain = handle.strip().removeprefix("@").rpartition("@")
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None or set(domain) & set("/?#"):
        raise Malformed("expected a handle like @name@server.example")
    host = host_of(f"https://{domain}")
    account = f"acct:{name}@{host}"
    found = await _ask(client, host, account, key, now)
    home = host_of(found)
    if home != host and await _ask(client, home, account, key, now) != found:
        raise Unreachable("The two servers of this handle do not agree whose it is", transient=False)
    return found


async def _ask(client: Client, host: str, account: str, key: KeyPair, now: datetime) -> str:
    url = f"https://{host}{WELL_KNOWN}?resource={quote(account, safe='')}"
    answer = (await client.get(url, key=key, now=now, accept=f"{JRD_JSON}, application/json")).response
    if answer.status in (404, 410):
        raise Gone("That server knows nobody of this name", answer=answer.status)
    if answer.status != 200:
        raise Unreachable(f"That server answered {answer.status}")
    try:
        document = strict_json.loads_object(answer.body)
        found = _self_link(document)
        asked = account.rpartition("@")[2]
        if found is not None and not _about_one_of(document.get("subject"), {asked, host, host_of(found)}):
            found = None
    except FederationError:
        found = None
    if found is None:
        raise Unreachable("That server's answer names no actor", transient=False)
    return found


def _about_one_of(subject: Json, hosts: set[str]) -> bool:
    """Whether an answer is about an account of these hosts; one without a subject is about what was asked."""
    if subject is None:
        return True
    if not isinstance(subject, str) or not subject.startswith("acct:"):
        return False
    return host_of(f"https://{subject.rpartition('@')[2]}") in hosts


def _self_link(document: dict[str, Json]) -> str | None:
    """The first `self` link of an ActivityStreams type, as written, if it is a URL that can be asked."""
    links = document.get("links")
    for link in links if isinstance(links, list) else []:
        if not isinstance(link, dict) or link.get("rel") != "self":
            continue
        kind, href = link.get("type"), link.get("href")
        if isinstance(kind, str) and isinstance(href, str) and media_types.is_activity(kind):
            check_url(href, ports=True)
            return href
    return None
