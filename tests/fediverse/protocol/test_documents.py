"""What we publish, against golden files, and the rules every one of those documents has to keep."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fediverse.protocol import contexts, documents, strict_json, vocabulary
from fediverse.protocol.documents import PUBLIC, ActorProfile, Field, Picture, contextual
from fediverse.protocol.strict_json import Json
from tests import golden

ORIGIN = "https://fund.example"
ACTOR = f"{ORIGIN}/actors/3f2a9c5d7e1b4a68905c1d2e3f4a5b6c"
APPEAL = f"{ORIGIN}/notes/10000000000000000000000000000001"
GOAL = f"{ORIGIN}/notes/10000000000000000000000000000002"
CLOSURE = f"{ORIGIN}/notes/10000000000000000000000000000003"
CONTEXT = f"{ORIGIN}/contexts/20000000000000000000000000000001"
ACTIVITY = f"{ORIGIN}/activities/30000000000000000000000000000001"
FOLLOWER = "https://peer.example/users/alice"
OPENED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLOSED = datetime(2026, 12, 1, 8, 30, 15, 250000, tzinfo=UTC)
# Not a key: nothing here reads it.
PEM = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n"


def announcing_actor() -> dict[str, Json]:
    return documents.actor(
        ActorProfile(
            id=ACTOR,
            type="Service",
            preferred_username="lifeline",
            webfinger="lifeline@fund.example",
            name="Lifeline",
            summary="<p>Appeals by a group of friends. Each post links to a page that says open or closed.</p>",
            url=f"{ORIGIN}/@lifeline",
            shared_inbox=f"{ORIGIN}/inbox",
            published=OPENED,
            public_key_pem=PEM,
            icon=Picture(f"{ORIGIN}/media/a1b2.png", "image/png", "A bell on a plain ground"),
            fields=[
                Field("Campaign", "Open until 24 December 2026"),
                Field("Page", '<a href="https://fund.example/c/winter/en">https://fund.example/c/winter/en</a>'),
            ],
            also_known_as=["https://second.example/actors/00000000000000000000000000000009"],
        )
    )


def instance_actor() -> dict[str, Json]:
    return documents.actor(
        ActorProfile(
            id=f"{ORIGIN}/actor",
            type="Application",
            preferred_username="fund.example",
            webfinger="fund.example@fund.example",
            name="fund.example",
            summary="",
            url=f"{ORIGIN}/about",
            shared_inbox=f"{ORIGIN}/inbox",
            published=OPENED,
            public_key_pem=PEM,
            discoverable=False,
            indexable=False,
        )
    )


def appeal() -> dict[str, Json]:
    to, cc = documents.public_to(ACTOR)
    return documents.note(
        id=APPEAL,
        actor_id=ACTOR,
        to=to,
        cc=cc,
        published=OPENED,
        content='<p>برای زمستان به کمک نیاز است.</p><p><a href="https://fund.example/c/winter/fa">صفحه</a></p>',
        language="fa",
        hashtags=[("#MutualAid", f"{ORIGIN}/tags/mutualaid")],
        context=CONTEXT,
    )


def goal_update() -> dict[str, Json]:
    to, cc = documents.unlisted_to(ACTOR)
    return documents.note(
        id=GOAL,
        actor_id=ACTOR,
        to=to,
        cc=cc,
        published=OPENED + timedelta(days=2),
        content="<p>50 % of €4,000 reached.</p>",
        language="en",
        in_reply_to=APPEAL,
        context=CONTEXT,
    )


def closed_appeal() -> dict[str, Json]:
    to, cc = documents.public_to(ACTOR)
    return documents.note(
        id=APPEAL,
        actor_id=ACTOR,
        to=to,
        cc=cc,
        published=OPENED,
        updated=CLOSED,
        content='<p>Closed: goal reached.</p><p><a href="https://fund.example/c/winter/en/closed">More</a></p>',
        language="en",
        summary="CLOSED – please do not donate",
        sensitive=True,
        context=CONTEXT,
        replies=[GOAL, CLOSURE],
    )


FOLLOW = documents.follow(f"{FOLLOWER}#follows/1", FOLLOWER, ACTOR)
FEATURED = documents.featured_of(ACTOR)
OUTBOX = documents.outbox_of(ACTOR)

PUBLISHED = {
    "actor": announcing_actor(),
    "instance-actor": instance_actor(),
    "note-appeal": appeal(),
    "note-goal-update": goal_update(),
    "note-closed": closed_appeal(),
    "create": documents.create(ACTIVITY, ACTOR, appeal()),
    "update-note": documents.update(ACTIVITY, ACTOR, closed_appeal()),
    "update-actor": documents.update(ACTIVITY, ACTOR, announcing_actor()),
    "delete": documents.delete(ACTIVITY, ACTOR, APPEAL),
    "accept": documents.accept(ACTIVITY, ACTOR, FOLLOW),
    "reject": documents.reject(ACTIVITY, ACTOR, FOLLOW),
    "add": documents.add(ACTIVITY, ACTOR, CLOSURE, FEATURED),
    "remove": documents.remove(ACTIVITY, ACTOR, APPEAL, FEATURED),
    "followers": documents.ordered_collection(documents.followers_of(ACTOR), 412),
    "following": documents.ordered_collection(documents.following_of(ACTOR), 0),
    "featured": documents.ordered_collection(FEATURED, 2, items=[CLOSURE, APPEAL]),
    "outbox": documents.ordered_collection(OUTBOX, 41, first=f"{OUTBOX}?page=1", last=f"{OUTBOX}?page=3"),
    "outbox-page": documents.collection_page(
        f"{OUTBOX}?page=2",
        OUTBOX,
        [documents.create(ACTIVITY, ACTOR, goal_update())],
        next=f"{OUTBOX}?page=3",
        prev=f"{OUTBOX}?page=1",
    ),
    "tombstone": documents.tombstone(APPEAL, deleted=CLOSED),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_outgoing_document_equals_its_golden_file(name: str) -> None:
    golden.check(f"{name}.json", contextual(PUBLISHED[name]))


def depth(value: Any) -> int:
    """Lists and objects inside each other, as PHP's json_decode counts them."""
    if isinstance(value, dict):
        return 1 + max((depth(entry) for entry in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(entry) for entry in value), default=0)
    return 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_outgoing_document_is_deeper_than_8_or_longer_than_64_kib(name: str) -> None:
    document = contextual(PUBLISHED[name])
    assert depth(document) <= 8
    assert len(strict_json.dumps(document)) <= 64 * 1024


# What the two contexts named by URL define, of which we use something (ActivityStreams 2.0 vocabulary; security/v1).
VOCABULARY = """
    @context id type actor object target to cc attributedTo content contentMap context first last next prev partOf
    totalItems items orderedItems icon inReplyTo mediaType name published replies sharedInbox endpoints summary tag
    updated url href preferredUsername inbox outbox followers following attachment deleted formerType
    publicKey owner publicKeyPem
    Accept Add Application Collection CollectionPage Create Delete Image Note OrderedCollection OrderedCollectionPage
    Reject Remove Service Tombstone Update Follow
"""


def words(value: Any) -> set[str]:
    """Keys and types, leaving out language tags and the context itself."""
    if isinstance(value, list):
        return set().union(*map(words, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    below = set().union(*(words(entry) for key, entry in value.items() if key not in ("@context", "contentMap")), ())
    return below | set(value) | {value["type"]} if "type" in value else below | set(value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_context_defines_every_term_and_no_more(name: str) -> None:
    document: dict[str, Any] = contextual(PUBLISHED[name])
    context = document["@context"]
    assert context[0] == "https://www.w3.org/ns/activitystreams"
    inline: dict[str, Any] = next((entry for entry in context if isinstance(entry, dict)), {})
    used = words(document)
    assert used - set(VOCABULARY.split()) == {term for term in inline if term in contexts.TERMS}
    for definition in inline.values():
        iri = definition["@id"] if isinstance(definition, dict) else definition
        prefix, _, rest = iri.partition(":")
        assert rest.startswith("//") or prefix == "as" or prefix in inline
    assert ("https://w3id.org/security/v1" in context) == ("publicKey" in used)


def test_a_create_carries_published_to_and_cc_of_its_note() -> None:
    created = documents.create(ACTIVITY, ACTOR, appeal())
    assert created["published"] == "2026-11-22T12:00:00Z"
    assert created["to"] == [PUBLIC]
    assert created["cc"] == [f"{ACTOR}/followers"]


def test_an_unlisted_note_names_followers_first_and_the_public_in_copy() -> None:
    assert documents.unlisted_to(ACTOR) == ([f"{ACTOR}/followers"], [PUBLIC])


def test_content_stands_once_in_the_content_map_equal_to_the_byte() -> None:
    written = appeal()
    assert written["contentMap"] == {"fa": written["content"]}


def test_a_note_gives_receivers_nothing_to_fetch_for_its_replies() -> None:
    replies: Any = closed_appeal()["replies"]
    assert "id" not in replies
    assert replies["first"] == {"type": "CollectionPage", "items": [GOAL, CLOSURE]}


def test_an_answer_embeds_four_fields_of_the_follow_and_nothing_else() -> None:
    received: dict[str, Json] = {**FOLLOW, "@context": ["x"], "to": ["y"], "signature": {"type": "RsaSignature2017"}}
    for answer in (documents.accept(ACTIVITY, ACTOR, received), documents.reject(ACTIVITY, ACTOR, received)):
        assert answer["object"] == {
            "id": f"{FOLLOWER}#follows/1",
            "type": "Follow",
            "actor": FOLLOWER,
            "object": ACTOR,
        }
        assert answer["to"] == [FOLLOWER]


def test_a_follow_without_id_is_answered_without_one() -> None:
    accepted = documents.accept(ACTIVITY, ACTOR, documents.follow(None, FOLLOWER, ACTOR))
    assert accepted["object"] == {"type": "Follow", "actor": FOLLOWER, "object": ACTOR}


def test_a_delete_carries_a_tombstone_and_nothing_of_the_text() -> None:
    deleted = documents.delete(ACTIVITY, ACTOR, APPEAL)
    assert deleted["object"] == {"id": APPEAL, "type": "Tombstone", "formerType": "Note"}


def test_an_edit_without_its_time_is_not_built() -> None:
    with pytest.raises(ValueError, match="updated"):
        documents.update(ACTIVITY, ACTOR, appeal())


def test_j2_a_counted_collection_has_no_page_and_no_items() -> None:
    counted = documents.ordered_collection(documents.followers_of(ACTOR), 412)
    assert set(counted) == {"id", "type", "totalItems"}


def test_times_are_utc_and_tell_apart_moments_of_one_second() -> None:
    kabul = timezone(timedelta(hours=4, minutes=30))
    assert documents.timestamp(datetime(2026, 1, 1, 4, 30, tzinfo=kabul)) == "2026-01-01T00:00:00Z"
    assert documents.timestamp(OPENED + timedelta(microseconds=1)) == "2026-11-22T12:00:00.000001Z"
    with pytest.raises(ValueError, match="aware"):
        documents.timestamp(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive datetime is the case


@pytest.mark.parametrize("name", ["create", "update-note", "update-actor", "delete", "accept", "reject"])
def test_our_own_reader_understands_what_we_publish(name: str) -> None:
    assert not isinstance(vocabulary.read(contextual(PUBLISHED[name])), vocabulary.Unknown)


def test_no_id_of_ours_holds_the_word_type() -> None:
    # Mastodon evaluates string['type'] on the object of an Undo (mastodon-compat §4.4).
    for document in PUBLISHED.values():
        assert "type" not in str(document["id"])
