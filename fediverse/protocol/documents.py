"""Building what we publish: plain JSON, property names literal as receivers read them (mastodon-compat §2 to §5).

Builders return dicts without `@context`, so that one can stand inside another; `contextual` puts the context on top
of whatever is about to leave the house, defining exactly the terms the document uses. Key order is part of the result:
the bytes of an Update are signed, stored and never change. Times are aware datetimes.

Held true byte for byte by the files in tests/golden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from fediverse.protocol import contexts
from fediverse.protocol.strict_json import Json

ACTIVITY_JSON = "application/activity+json"
LD_JSON = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'

PUBLIC = f"{contexts.ACTIVITYSTREAMS}#Public"

contextual = contexts.contextual

# --- addresses that follow from an actor's id -----------------------------------------------------------------------


def inbox_of(actor_id: str) -> str:
    """The actor's personal inbox."""
    return f"{actor_id}/inbox"


def outbox_of(actor_id: str) -> str:
    """The actor's outbox."""
    return f"{actor_id}/outbox"


def followers_of(actor_id: str) -> str:
    """The actor's followers collection: a count, and the name of an audience."""
    return f"{actor_id}/followers"


def following_of(actor_id: str) -> str:
    """The actor's following collection, always empty."""
    return f"{actor_id}/following"


def featured_of(actor_id: str) -> str:
    """The collection of the actor's pinned notes."""
    return f"{actor_id}/featured"


def key_id_of(actor_id: str) -> str:
    """The id of the actor's RSA key, in the one form that works everywhere (mastodon-compat §1.4)."""
    return f"{actor_id}#main-key"


def public_to(actor_id: str) -> tuple[list[str], list[str]]:
    """`to` and `cc` of what is shown everywhere (mastodon-compat §3.3)."""
    return [PUBLIC], [followers_of(actor_id)]


def unlisted_to(actor_id: str) -> tuple[list[str], list[str]]:
    """`to` and `cc` of what is in followers' feeds and threads only: "quiet public" (mastodon-compat §3.3)."""
    return [followers_of(actor_id)], [PUBLIC]


def timestamp(moment: datetime) -> str:
    """xsd:dateTime in UTC, ending in Z; six decimals where the moment has any, so that no later one looks equal."""
    if moment.tzinfo is None:
        raise ValueError("an aware datetime is needed")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- actors -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of ours: png, jpeg, gif or webp. Its URL changes with its content (mastodon-compat §2.2)."""

    url: str
    media_type: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the profile. `value` is HTML; for a rel=me link nothing but the link (mastodon-compat §6.2)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorProfile:
    """What an actor says about itself. `summary` is HTML; `webfinger` is `user@domain`."""

    id: str
    type: Literal["Service", "Application"]
    preferred_username: str
    webfinger: str
    name: str
    summary: str
    url: str
    shared_inbox: str
    published: datetime
    public_key_pem: str
    icon: Picture | None = None
    fields: Sequence[Field] = ()
    also_known_as: Sequence[str] = ()
    discoverable: bool = True
    indexable: bool = True


def actor(profile: ActorProfile) -> dict[str, Json]:
    """The actor document (mastodon-compat §2.2, §2.3).

    `publicKey` is a single object, since servers before Mastodon 4.6 read no list. Quiet public posts are left visible
    on GoToSocial's pages: goal updates are unlisted, and a closed one must be found as easily as an open one.
    """
    document: dict[str, Json] = {
        "id": profile.id,
        "type": profile.type,
        "preferredUsername": profile.preferred_username,
        "webfinger": profile.webfinger,
        "name": profile.name,
        "summary": profile.summary,
        "url": profile.url,
        "published": timestamp(profile.published),
        "inbox": inbox_of(profile.id),
        "outbox": outbox_of(profile.id),
        "followers": followers_of(profile.id),
        "following": following_of(profile.id),
        "featured": featured_of(profile.id),
        "endpoints": {"sharedInbox": profile.shared_inbox},
        "manuallyApprovesFollowers": False,
        "discoverable": profile.discoverable,
        "indexable": profile.indexable,
        "hidesCcPublicFromUnauthedWeb": False,
        "interactionPolicy": {"canFeature": {"automaticApproval": [PUBLIC]}},
        "alsoKnownAs": list(profile.also_known_as),
        "attachment": [{"type": "PropertyValue", "name": field.name, "value": field.value} for field in profile.fields],
        "publicKey": {
            "id": key_id_of(profile.id),
            "owner": profile.id,
            "publicKeyPem": profile.public_key_pem,
        },
    }
    if profile.icon is not None:
        document["icon"] = _image(profile.icon)
    return document


def _image(picture: Picture) -> dict[str, Json]:
    image: dict[str, Json] = {"type": "Image", "mediaType": picture.media_type, "url": picture.url}
    if picture.name is not None:
        image["name"] = picture.name
    return image


# --- notes ------------------------------------------------------------------------------------------------------------


def note(
    *,
    id: str,  # the property's own name
    actor_id: str,
    to: Sequence[str],
    cc: Sequence[str],
    published: datetime,
    updated: datetime | None = None,
    content: str,
    language: str,
    summary: str | None = None,
    sensitive: bool = False,
    hashtags: Sequence[tuple[str, str]] = (),
    in_reply_to: str | None = None,
    context: str | None = None,
    replies: Sequence[str] = (),
) -> dict[str, Json]:
    """One note in one language (mastodon-compat §3.4).

    `content` is HTML, `summary` plain text shown as a content warning, `language` a BCP 47 tag, a hashtag is its name
    with the # and the page it leads to. `contentMap` has one
    entry, byte-equal to `content`: GoToSocial finds the language that way. `replies` are ids of our own notes, inline:
    as a link every receiver would fetch them, and listed they heal threads that missed one (§4.1). Nobody may quote,
    since a quote shows an ask on pages we cannot reach; what is left out of the policy stays open to all (§3.6).
    """
    document: dict[str, Json] = {
        "id": id,
        "type": "Note",
        "attributedTo": actor_id,
        "to": list(to),
        "cc": list(cc),
        "published": timestamp(published),
    }
    if updated is not None:
        document["updated"] = timestamp(updated)
    document["url"] = id
    if in_reply_to is not None:
        document["inReplyTo"] = in_reply_to
    if context is not None:
        document["context"] = context
        document["conversation"] = context
    if summary is not None:
        document["summary"] = summary
    document["sensitive"] = sensitive
    document["content"] = content
    document["contentMap"] = {language: content}
    document["attachment"] = []
    document["tag"] = [{"type": "Hashtag", "name": name, "href": href} for name, href in hashtags]
    document["interactionPolicy"] = {"canQuote": {"automaticApproval": [actor_id]}}
    document["replies"] = {"type": "Collection", "first": {"type": "CollectionPage", "items": list(replies)}}
    return document


def tombstone(object_id: str, *, former_type: str = "Note", deleted: datetime | None = None) -> dict[str, Json]:
    """What stands in a retracted object's place, answered with 410: nothing of the old text."""
    document: dict[str, Json] = {"id": object_id, "type": "Tombstone", "formerType": former_type}
    if deleted is not None:
        document["deleted"] = timestamp(deleted)
    return document


# --- activities -------------------------------------------------------------------------------------------------------


def create(activity_id: str, actor_id: str, obj: Mapping[str, Json]) -> dict[str, Json]:
    """Publish a note. `published`, `to` and `cc` stand on the activity too, for Pixelfed (mastodon-compat §1.7)."""
    return {
        "id": activity_id,
        "type": "Create",
        "actor": actor_id,
        "published": obj["published"],
        "to": obj["to"],
        "cc": obj["cc"],
        "object": dict(obj),
    }


def update(activity_id: str, actor_id: str, obj: Mapping[str, Json]) -> dict[str, Json]:
    """Replace a note by a newer version, or the actor document, whole (mastodon-compat §4.1, §4.2).

    A note goes to those it is addressed to, the actor document to everybody. A note must carry `updated`: ValueError.
    """
    document: dict[str, Json] = {"id": activity_id, "type": "Update", "actor": actor_id}
    if obj["id"] == actor_id:
        to, cc = public_to(actor_id)
        return {**document, "to": list(to), "cc": list(cc), "object": dict(obj)}
    if "updated" not in obj:
        raise ValueError("an edit without updated is ignored by its receivers")
    return {
        **document,
        "published": obj["updated"],
        "to": obj["to"],
        "cc": obj["cc"],
        "object": dict(obj),
    }


def delete(activity_id: str, actor_id: str, object_id: str, former_type: str = "Note") -> dict[str, Json]:
    """Retract an object. Always the Tombstone form: Pixelfed takes no bare id for a post (mastodon-compat §1.7)."""
    return _public(activity_id, "Delete", actor_id, tombstone(object_id, former_type=former_type))


def add(activity_id: str, actor_id: str, object_id: str, target: str) -> dict[str, Json]:
    """Put an object into one of the actor's collections: pin a note, with the `featured` collection as target."""
    return _public(activity_id, "Add", actor_id, object_id) | {"target": target}


def remove(activity_id: str, actor_id: str, object_id: str, target: str) -> dict[str, Json]:
    """Take an object out of one of the actor's collections."""
    return _public(activity_id, "Remove", actor_id, object_id) | {"target": target}


def accept(activity_id: str, actor_id: str, follow: Mapping[str, Json]) -> dict[str, Json]:
    """Accept a Follow. Of the Follow only id, type, actor and object go back: its sender knows the rest."""
    return _answer(activity_id, "Accept", actor_id, follow)


def reject(activity_id: str, actor_id: str, follow: Mapping[str, Json]) -> dict[str, Json]:
    """Refuse a Follow, or remove a follower accepted earlier (mastodon-compat §4.4)."""
    return _answer(activity_id, "Reject", actor_id, follow)


def follow(follow_id: str | None, follower: str, followed: str) -> dict[str, Json]:
    """A Follow somebody sent us, as our answer embeds it; without id where it came without."""
    document: dict[str, Json] = {} if follow_id is None else {"id": follow_id}
    return document | {"type": "Follow", "actor": follower, "object": followed}


def _answer(activity_id: str, kind: str, actor_id: str, asked: Mapping[str, Json]) -> dict[str, Json]:
    echoed: dict[str, Json] = {key: asked[key] for key in ("id", "type", "actor", "object") if key in asked}
    return {
        "id": activity_id,
        "type": kind,
        "actor": actor_id,
        "to": [echoed["actor"]],
        "object": echoed,
    }


def _public(activity_id: str, kind: str, actor_id: str, obj: Json) -> dict[str, Json]:
    to, cc = public_to(actor_id)
    return {
        "id": activity_id,
        "type": kind,
        "actor": actor_id,
        "to": list(to),
        "cc": list(cc),
        "object": obj,
    }


# --- collections ------------------------------------------------------------------------------------------------------


def ordered_collection(
    collection_id: str,
    total: int,
    *,
    first: str | None = None,
    last: str | None = None,
    items: Sequence[Json] | None = None,
) -> dict[str, Json]:
    """A collection in one of three forms.

    Only `total`: how many and never who, for followers and following (mastodon-compat §5.2). With `first` and `last`:
    paged, for the outbox. With `items`, ids or embedded documents: inline, for `featured`, of at most 5 (§1.7, §5.1).
    """
    document: dict[str, Json] = {"id": collection_id, "type": "OrderedCollection", "totalItems": total}
    if first is not None:
        document["first"] = first
    if last is not None:
        document["last"] = last
    if items is not None:
        document["orderedItems"] = list(items)
    return document


def collection_page(
    page_id: str, part_of: str, items: Sequence[Json], *, next: str | None = None, prev: str | None = None
) -> dict[str, Json]:
    """One page of a paged collection, newest first; items are ids or embedded documents."""
    document: dict[str, Json] = {"id": page_id, "type": "OrderedCollectionPage", "partOf": part_of}
    if next is not None:
        document["next"] = next
    if prev is not None:
        document["prev"] = prev
    document["orderedItems"] = list(items)
    return document
