"""The JSON-LD context of what we publish: every term beyond ActivityStreams, defined inline.

Most receivers read property names literally and want only the ActivityStreams URL to be there. Those that process
JSON-LD lose every term that is not defined (mastodon-compat §9), and some cannot fetch a context; so only the two
URLs every implementation carries with it are named, and the rest is spelled out. We fetch none ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from fediverse.protocol.strict_json import Json

ACTIVITYSTREAMS = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"

_PREFIXES = {
    "gts": "https://gotosocial.org/ns#",
    "ostatus": "http://ostatus.org#",
    "schema": "http://schema.org#",  # sic: mastodon-compat §2.2
    "toot": "http://joinmastodon.org/ns#",
}


def _link(term: str) -> dict[str, Json]:
    return {"@id": term, "@type": "@id"}


# Every term a document of ours may hold as a key or as a type, beyond those the two URLs define.
TERMS: dict[str, Json] = {
    "Hashtag": "as:Hashtag",
    "PropertyValue": "schema:PropertyValue",
    "value": "schema:value",
    "alsoKnownAs": _link("as:alsoKnownAs"),
    "automaticApproval": _link("gts:automaticApproval"),
    "canFeature": _link("https://w3id.org/fep/7aa9#canFeature"),
    "canQuote": _link("gts:canQuote"),
    "conversation": "ostatus:conversation",
    "discoverable": "toot:discoverable",
    "featured": _link("toot:featured"),
    "hidesCcPublicFromUnauthedWeb": "gts:hidesCcPublicFromUnauthedWeb",
    "indexable": "toot:indexable",
    "interactionPolicy": _link("gts:interactionPolicy"),
    "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
    "sensitive": "as:sensitive",
    "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
}


def contextual(document: Mapping[str, Json]) -> dict[str, Json]:
    """`document` with `@context` in front: ActivityStreams, security/v1 for a key, and one object of inline terms."""
    used = _words(document)
    context: list[Json] = [ACTIVITYSTREAMS]
    if "publicKey" in used:
        context.append(SECURITY)
    terms = {term: definition for term, definition in TERMS.items() if term in used}
    if terms:
        spelled = [entry["@id"] if isinstance(entry, dict) else entry for entry in terms.values()]
        prefixes: dict[str, Json] = {
            prefix: base
            for prefix, base in _PREFIXES.items()
            if any(isinstance(word, str) and word.startswith(f"{prefix}:") for word in spelled)
        }
        context.append(prefixes | terms)
    return {"@context": context, **document}


def _words(value: Json | Mapping[str, Json]) -> set[str]:
    """Every key and every type in a document."""
    if isinstance(value, list):
        return {word for entry in value for word in _words(entry)}
    if not isinstance(value, Mapping):
        return set()
    words = {word for entry in value.values() for word in _words(entry)} | set(value)
    kind = value.get("type")
    return words | {kind} if isinstance(kind, str) else words
