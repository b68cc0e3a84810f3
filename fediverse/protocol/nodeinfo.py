"""NodeInfo 2.1: what software this is and whom to write to.

Misskey, GoToSocial, statistics crawlers and blocklist tools read it; Mastodon does not (mastodon-compat §6.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from fediverse.protocol.strict_json import Json

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/2.1"
NODEINFO_JSON = f'application/json; profile="{SCHEMA}#"'
APPLICATION = "https://www.w3.org/ns/activitystreams#Application"
PATH = "/nodeinfo/2.1"

SOFTWARE = "clarion"  # matches ^[a-z0-9-]+$, as the schema asks


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the operator says about the server. `contact` is an e-mail address or a URL, the others are URLs."""

    name: str
    description: str
    contact: str | None = None
    about_url: str | None = None
    rules_url: str | None = None
    privacy_url: str | None = None


def well_known(origin: str, instance_actor_id: str) -> dict[str, Json]:
    """`/.well-known/nodeinfo` (FEP-f1d5), with the link to the instance actor (FEP-2677)."""
    return {
        "links": [
            {"rel": SCHEMA, "href": f"{origin}{PATH}"},
            {"rel": APPLICATION, "href": instance_actor_id},
        ]
    }


def document(
    *, version: str, about: About, actors: int, local_posts: int, repository: str | None = None
) -> dict[str, Json]:
    """The NodeInfo document. `actors` counts announcing accounts, `local_posts` public notes; nobody can register."""
    software: dict[str, Json] = {"name": SOFTWARE, "version": version}
    if repository is not None:
        software["repository"] = repository
    return {
        "version": "2.1",
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": False,
        "usage": {"users": {"total": actors}, "localPosts": local_posts, "localComments": 0},
        "metadata": _metadata(about),
    }


def _metadata(about: About) -> dict[str, Json]:
    # No common form exists for a contact: Misskey reads `maintainer`, people read the rest.
    metadata: dict[str, Json] = {"nodeName": about.name, "nodeDescription": about.description}
    if about.contact is not None:
        metadata["contact"] = about.contact
        if "@" in about.contact and "/" not in about.contact:
            metadata["maintainer"] = {"name": about.name, "email": about.contact}
    links = {"about": about.about_url, "rules": about.rules_url, "privacyPolicy": about.privacy_url}
    return metadata | {key: url for key, url in links.items() if url is not None}
