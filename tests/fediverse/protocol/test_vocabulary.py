"""Reading activities: what real servers send is understood, everything else is refused or ignored, never a crash."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fediverse.protocol import strict_json, vocabulary
from fediverse.protocol.errors import FederationError, Malformed, Reason, Unauthenticated
from fediverse.protocol.vocabulary import (
    Accept,
    Announce,
    Block,
    Create,
    Delete,
    Embedded,
    Flag,
    Follow,
    Like,
    Move,
    Reject,
    Undo,
    Unknown,
    Update,
)
from tests import vectors

ALICE = "https://peer.example/users/alice"
BOB = "https://peer.example/users/bob"
FUND = "https://fund.example/actors/0123456789abcdef0123456789abcdef"
ID = "https://peer.example/activities/1"
NOTE = f"{ALICE}/statuses/7"


def activity(kind: Any, **fields: Any) -> dict[str, Any]:
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": ID,
        "type": kind,
        "actor": ALICE,
        **fields,
    }


def refusal(document: dict[str, Any]) -> Reason:
    with pytest.raises(Unauthenticated) as refused:
        vocabulary.read(document)
    return refused.value.reason


def outcome(document: dict[str, Any]) -> vocabulary.Activity | FederationError:
    """The activity, or what was raised in its place; any other exception is a failure of the test."""
    try:
        return vocabulary.read(document)
    except FederationError as refused:
        return refused


FOLLOW = {"id": f"{ALICE}#follows/3", "type": "Follow", "actor": ALICE, "object": FUND}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (activity("Follow", object=FUND), Follow(ID, ALICE, FUND)),
        (activity("Follow", object={"id": FUND, "type": "Service"}), Follow(ID, ALICE, FUND)),
        (activity("Follow", object=[FUND]), Follow(ID, ALICE, FUND)),
        (
            activity("Undo", object=FOLLOW),
            Undo(ID, ALICE, f"{ALICE}#follows/3", Embedded("Follow", ALICE, FUND)),
        ),
        (
            activity("Undo", object={"type": "Follow", "actor": {"id": ALICE}, "object": {"id": FUND}}),
            Undo(ID, ALICE, None, Embedded("Follow", ALICE, FUND)),
        ),
        (
            activity("Undo", object={"type": "Like", "id": f"{ALICE}#l", "object": {"type": "Note"}}),
            Undo(ID, ALICE, f"{ALICE}#l", Embedded("Like", None, None)),
        ),
        (activity("Undo", object=f"{ALICE}#follows/3"), Undo(ID, ALICE, f"{ALICE}#follows/3", None)),
        (activity("Accept", object=f"{FUND}#f"), Accept(ID, ALICE, f"{FUND}#f")),
        (
            activity("Reject", object={"id": f"{FUND}#f", "type": "Follow", "actor": FUND, "object": ALICE}),
            Reject(ID, ALICE, f"{FUND}#f"),
        ),
        (activity("Accept", object={"type": "Follow", "actor": FUND}), Accept(ID, ALICE, None)),
        (activity("Delete", object=ALICE), Delete(ID, ALICE, ALICE)),
        (activity("Delete", object={"id": NOTE, "type": "Tombstone"}), Delete(ID, ALICE, NOTE)),
        (activity("Delete", object=NOTE), Delete(ID, ALICE, NOTE)),
        (activity("Update", object={"id": ALICE, "type": "Person"}), Update(ID, ALICE, ALICE)),
        (activity("Update", object={"id": NOTE, "type": "Note"}), Update(ID, ALICE, NOTE)),
        (activity("Update", object=NOTE), Update(ID, ALICE, NOTE)),
        (
            activity("Move", object=ALICE, target="https://new.example/users/alice"),
            Move(ID, ALICE, ALICE, "https://new.example/users/alice"),
        ),
        (activity("Like", object="https://fund.example/notes/1"), Like(ID, ALICE, "https://fund.example/notes/1")),
        (activity("Announce", object={"type": "Note"}), Announce(ID, ALICE, None)),
        (activity("Create", object={"id": NOTE, "type": "Note"}), Create(ID, ALICE, NOTE)),
        (activity("Block", object=FUND), Block(ID, ALICE, FUND)),
        (activity("Flag", object=FUND), Flag(ID, ALICE, (FUND,))),
        (activity("Flag", object=[FUND, {"id": NOTE}]), Flag(ID, ALICE, (FUND, NOTE))),
        (activity("EmojiReact", content="🔥"), Unknown(ID, ALICE, "EmojiReact")),
    ],
)
def test_what_servers_send_is_read(document: dict[str, Any], expected: vocabulary.Activity) -> None:
    assert vocabulary.read(document) == expected


def test_an_activity_about_the_actor_itself_says_so() -> None:
    of_self = vocabulary.read(activity("Delete", object=ALICE))
    of_note = vocabulary.read(activity("Update", object=NOTE))
    assert isinstance(of_self, Delete)
    assert of_self.of_actor
    assert isinstance(of_note, Update)
    assert not of_note.of_actor


def test_an_actor_id_ending_in_a_slash_is_kept_as_it_is() -> None:
    takahe = "https://peer.example/@alice@peer.example/"
    assert vocabulary.read(activity("Follow", actor=takahe, object=FUND)) == Follow(ID, takahe, FUND)


def test_of_several_types_the_first_known_one_counts() -> None:
    assert vocabulary.read(activity(["Thing", "Follow", "Block"], object=FUND)) == Follow(ID, ALICE, FUND)
    assert vocabulary.read(activity(["Thing", "Other"])) == Unknown(ID, ALICE, "Thing")


@pytest.mark.parametrize("context", [None, [], 7, "https://evil.example/context", {"@vocab": "https://evil.example/"}])
def test_c4_c5_the_context_is_neither_needed_nor_looked_at(context: Any) -> None:
    document = activity("Follow", object=FUND) | {"@context": context}
    assert vocabulary.read(document) == Follow(ID, ALICE, FUND)
    del document["@context"]
    assert vocabulary.read(document) == Follow(ID, ALICE, FUND)


def test_an_activity_may_lack_an_id() -> None:
    assert vocabulary.read(activity("Follow", object=FUND) | {"id": None}) == Follow(None, ALICE, FUND)


@pytest.mark.parametrize("bad", [7, True, [], {}, [ID], "", "x y", "https://peer.example/\n", "urn:uuid:1", "a" * 2049])
def test_an_id_that_is_no_https_url_is_malformed(bad: Any) -> None:
    with pytest.raises(Malformed):
        vocabulary.read(activity("Follow", object=FUND) | {"id": bad})


@pytest.mark.parametrize(
    "bad", [None, 7, True, "", [], [ALICE], {}, {"id": 7}, {"id": [ALICE]}, "http://peer.example/users/alice", "alice"]
)
def test_b2_an_actor_is_one_https_url_or_one_object_with_an_id(bad: Any) -> None:
    for document in (activity("Follow", actor=bad, object=FUND), activity("Follow", actor=bad, object=FUND, id=None)):
        with pytest.raises(Malformed):
            vocabulary.read(document)


def test_b2_of_an_embedded_actor_only_the_id_is_taken() -> None:
    embedded = {"id": ALICE, "publicKey": {"owner": BOB}, "inbox": "https://evil.example/inbox"}
    assert vocabulary.read(activity("Follow", actor=embedded, object=FUND)) == Follow(ID, ALICE, FUND)


@pytest.mark.parametrize(
    "document",
    [
        activity("Follow", object=FUND) | {"id": "https://evil.example/1"},
        activity("Follow", object=FUND) | {"id": "https://peer.example:8443/1"},
        activity("Follow", actor={"id": "https://evil.example/users/mallory"}, object=FUND),
        activity("Update", object={"id": "https://bank.example/users/bob", "type": "Person"}),
        activity("Update", object={"id": BOB, "type": "Person"}),
        activity("Update", object=BOB),
        activity("Delete", object="https://bank.example/notes/1"),
        activity("Delete", object=BOB),
        activity("Delete", object=f"{BOB}/"),
        activity("Delete", object={"id": BOB, "type": "Person"}),
        activity("Delete", object={"id": f"{ALICE}/bob", "type": "Tombstone", "formerType": "Person"}),
        activity("Delete", actor="https://peer.example/?author=1", object="https://peer.example/?author=2"),
        activity("Undo", object={**FOLLOW, "actor": BOB}),
        activity("Undo", object={**FOLLOW, "id": "https://bank.example/f/1"}),
        activity("Undo", object="https://bank.example/f/1"),
        activity("Accept", object={**FOLLOW, "object": BOB}),
        activity("Reject", object={**FOLLOW, "object": BOB}),
        activity("Move", object=BOB, target="https://new.example/users/bob"),
    ],
)
def test_b6_what_belongs_to_somebody_else_is_refused(document: dict[str, Any]) -> None:
    assert refusal(document) is Reason.NOT_YOURS


@pytest.mark.parametrize(
    ("actor", "thing"),
    [
        (ALICE, f"{ALICE}#likes/1"),
        (ALICE, "https://peer.example/notes/a1b2"),
        (ALICE, f"{ALICE}/statuses/01ABC"),
        ("https://peer.example/?author=1", "https://peer.example/?p=2"),
        ("https://peer.example", "https://peer.example/hello-world"),
    ],
)
def test_a_bare_id_that_is_no_neighbour_of_the_actor_counts_as_a_note(actor: str, thing: str) -> None:
    assert vocabulary.read(activity("Delete", actor=actor, object=thing)) == Delete(ID, actor, thing)


def test_b9_one_host_has_one_name_however_it_is_written() -> None:
    shouted = vocabulary.read(activity("Delete", object="https://PEER.example.:443/statuses/7"))
    assert isinstance(shouted, Delete)
    assert not shouted.of_actor


@pytest.mark.parametrize("kind", ["Follow", "Undo", "Accept", "Reject", "Delete", "Update", "Like", "Announce"])
@pytest.mark.parametrize("bad", [None, 7, False, "", [], [FUND, NOTE], {"id": 7}, {"id": ""}, [[FUND]]])
def test_c2_an_object_of_a_wrong_type_is_malformed(kind: str, bad: Any) -> None:
    with pytest.raises(Malformed):
        vocabulary.read(activity(kind, object=bad))


@pytest.mark.parametrize("bad", [None, 7, {}, [], "", ["Follow", 7], "x" * 257, ["Follow"] * 17])
def test_a_type_is_a_string_or_a_short_list_of_strings(bad: Any) -> None:
    with pytest.raises(Malformed):
        vocabulary.read(activity(bad, object=FUND))


@pytest.mark.parametrize("bad", [None, 7, [], {}, [FUND, NOTE]])
def test_a_move_names_one_target(bad: Any) -> None:
    with pytest.raises(Malformed):
        vocabulary.read(activity("Move", object=ALICE, target=bad))


def test_an_undo_of_nothing_is_malformed() -> None:
    for nothing in ({}, {"type": "Follow"}, {"object": FUND}, {"type": "Follow", "object": 7}):
        with pytest.raises(Malformed):
            vocabulary.read(activity("Undo", object=nothing))


@pytest.mark.parametrize(
    ("field", "cap"),
    [("to", 100), ("cc", 100), ("bto", 100), ("bcc", 100), ("tag", 32), ("attachment", 16)],
)
@pytest.mark.parametrize("kind", ["Create", "Follow", "Nonsense"])
def test_c3_lists_have_a_cap_on_the_activity_and_on_its_object(field: str, cap: int, kind: str) -> None:
    full, over = [NOTE] * cap, [NOTE] * (cap + 1)
    vocabulary.read(activity(kind, object={"id": NOTE, field: full}, **{field: full}))
    for document in (activity(kind, object=NOTE, **{field: over}), activity(kind, object={"id": NOTE, field: over})):
        with pytest.raises(Malformed):
            vocabulary.read(document)


def test_c3_recipients_are_counted_together() -> None:
    with pytest.raises(Malformed):
        vocabulary.read(activity("Create", object=NOTE, to=[NOTE] * 60, cc=[NOTE] * 41))
    vocabulary.read(activity("Create", object=NOTE, to=[NOTE] * 60, cc=[NOTE] * 39, bto=NOTE))


def test_c3_a_report_names_at_most_100_ids() -> None:
    assert vocabulary.read(activity("Flag", object=[FUND] * 100)) == Flag(ID, ALICE, (FUND,) * 100)
    for bad in ([FUND] * 101, [], None, [FUND, 7], [[FUND]]):
        with pytest.raises(Malformed):
            vocabulary.read(activity("Flag", object=bad))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([ALICE, BOB, FUND, NOTE, ID, "https://[", "https://a.example:99999/", "https://xn--/", "Follow"])
)
NAMES = st.sampled_from(
    ["id", "type", "actor", "object", "target", "to", "cc", "tag", "attachment", "formerType", "url"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=8,
)
KINDS = st.sampled_from([*sorted(vocabulary._READERS), "Add", "Nonsense"])


@st.composite
def warped_activities(draw: st.DrawFn) -> dict[str, Any]:
    """A sound activity of some type with up to four of its fields, at either level, replaced by anything."""
    inner: dict[str, Any] = {"id": NOTE, "type": draw(KINDS), "actor": ALICE, "object": FUND}
    whole = draw(st.sampled_from([FUND, NOTE, ALICE, inner, [inner]]))
    document = activity(draw(KINDS), object=whole, target=NOTE)
    for _ in range(draw(st.integers(1, 4))):
        spot = draw(st.sampled_from([document, inner]))
        spot[draw(NAMES)] = draw(VALUES)
    return document


@given(warped_activities())
@example(activity("Delete", object="https://[/"))
@example(activity("Delete", object={"id": BOB, "type": {"type": []}}))
def test_c2_whatever_stands_in_a_field_it_is_read_or_refused_by_type(document: dict[str, Any]) -> None:
    read = outcome(document)
    if isinstance(read, FederationError):
        assert isinstance(read, Malformed) or (isinstance(read, Unauthenticated) and read.reason is Reason.NOT_YOURS)
        return
    assert read.actor in (ALICE, BOB, FUND, NOTE, ID) or read.actor.lower().startswith("https://")
    assert read.id is None or isinstance(read.id, str)
    hash(read)  # nothing of the document that could still change hangs on it


@given(st.dictionaries(st.text(max_size=12) | NAMES, VALUES, max_size=8))
def test_c2_any_object_at_all_is_read_or_refused_by_type(document: dict[str, Any]) -> None:
    read = outcome(document)
    assert not isinstance(read, FederationError) or read.status in (400, 401)


@pytest.mark.parametrize("vector", vectors.load("requests")["vectors"], ids=lambda vector: vector["id"])
def test_b6_c4_no_body_of_the_vectors_is_refused_with_another_status_than_wanted(vector: dict[str, Any]) -> None:
    try:
        document = strict_json.loads_object(vector["request"]["body"].encode())
    except Malformed:
        assert vector["expected"]["status"] == 400
        return
    read = outcome(document)
    if isinstance(read, FederationError):
        assert read.status == vector["expected"]["status"]
    else:
        assert vector["id"] not in ("N43", "N44")
