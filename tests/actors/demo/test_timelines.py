"""What a recording server makes of what it is told: the rules of mastodon-compat §3.2, §4.1, §4.3 and §4.5."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actors.demo.timelines import Manners, Taken, Timelines

US = "https://clarion.demo.test/actors/1"
DARA = "https://mastodon.demo.test/users/dara"
MINA = "https://mastodon.demo.test/users/mina"
FEATURED = f"{US}/featured"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_ids = iter(range(10_000))


def server(manners: Manners | None = None, *, accepted: bool = True) -> Timelines:
    """A server with two people, whose Follows were accepted."""
    timelines = Timelines(manners or Manners("mastodon"))
    timelines.profiles[US] = {"id": US, "featured": FEATURED}
    for person in (DARA, MINA):
        timelines.follows[person, US] = False
        if accepted:
            timelines.take(activity("Accept", {"type": "Follow", "actor": person, "object": US}), US)
    return timelines


def activity(kind: str, obj: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": f"https://clarion.demo.test/activities/{next(_ids)}",
        "type": kind,
        "actor": US,
        "object": obj,
        **more,
    }


def note(name: str, text: str = "Please help", **more: Any) -> dict[str, Any]:
    content = f"<p>{text}</p>"
    return {
        "id": f"https://clarion.demo.test/notes/{name}",
        "type": "Note",
        "attributedTo": US,
        "content": content,
        "contentMap": {"en": content},
        "published": NOW.isoformat(),
        **more,
    }


def at(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


def texts(timelines: Timelines, person: str = DARA) -> list[str]:
    return [status.text for status in timelines.home(person)]


def create(timelines: Timelines, what: dict[str, Any], to: str | None = None) -> Taken:
    return timelines.take(activity("Create", what), US, to)


def test_a_note_to_the_shared_inbox_reaches_every_follower() -> None:
    timelines = server()
    assert create(timelines, note("1")).word == "shown"
    assert texts(timelines, DARA) == texts(timelines, MINA) == ["Please help"]


def test_a_note_to_a_personal_inbox_reaches_its_owner_alone() -> None:
    timelines = server(Manners("gotosocial", shared_inbox=False))
    say = activity("Create", note("1"))
    assert timelines.take(say, US, DARA).word == "shown"
    assert (texts(timelines, DARA), texts(timelines, MINA)) == (["Please help"], [])
    assert timelines.take(say, US, MINA).word == "shown"
    assert texts(timelines, MINA) == ["Please help"]


def test_without_a_follower_a_note_is_dropped() -> None:
    timelines = server(accepted=False)
    assert create(timelines, note("1")).word == "ignored"
    assert timelines.statuses == {}


def test_a_rejected_follower_sees_nothing() -> None:
    timelines = server()
    timelines.take(activity("Reject", {"type": "Follow", "actor": DARA, "object": US}), US)
    create(timelines, note("1"))
    assert (texts(timelines, DARA), texts(timelines, MINA)) == ([], ["Please help"])


def test_an_accept_that_nobody_asked_for_changes_nothing() -> None:
    timelines = Timelines(Manners("mastodon"))
    assert timelines.take(activity("Accept", {"actor": DARA}), US).word == "ignored"
    assert timelines.follows == {}


def test_a_repeated_create_is_shown_once() -> None:
    timelines = server()
    first = activity("Create", note("1"))
    timelines.take(first, US)
    assert timelines.take(first, US).word == "ignored"
    assert create(timelines, note("1", "other text")).word == "ignored"
    assert texts(timelines) == ["Please help"]


def test_a_reply_to_an_unknown_note_is_hidden() -> None:
    timelines = server()
    assert "hidden" in create(timelines, note("2", inReplyTo="https://clarion.demo.test/notes/1")).text
    assert texts(timelines) == []


def test_a_reply_to_a_known_note_is_shown() -> None:
    timelines = server()
    create(timelines, note("1", "one"))
    create(timelines, note("2", "two", inReplyTo="https://clarion.demo.test/notes/1"))
    assert texts(timelines) == ["one", "two"]


def test_misskey_refuses_a_reply_it_cannot_resolve() -> None:
    timelines = server(Manners("misskey", takes_edits=False, orphans="refused"))
    assert create(timelines, note("2", inReplyTo="https://clarion.demo.test/notes/1")).word == "refused"
    assert create(timelines, note("3", "three")).word == "shown"


def test_misskey_lets_edits_of_notes_lie_and_takes_deletes() -> None:
    timelines = server(Manners("misskey", takes_edits=False, orphans="refused"))
    create(timelines, note("1"))
    assert timelines.take(activity("Update", note("1", "closed", updated=at(1))), US).word == "ignored"
    assert texts(timelines) == ["Please help"]
    assert timelines.take(activity("Delete", {"id": note("1")["id"], "type": "Tombstone"}), US).word == "deleted"
    assert texts(timelines) == []


def test_an_edit_replaces_text_and_warning() -> None:
    timelines = server()
    create(timelines, note("1"))
    edit = note("1", "It is over", updated=at(1), summary="CLOSED")
    assert timelines.take(activity("Update", edit), US).word == "replaced"
    assert texts(timelines) == ["CLOSED It is over"]


def test_an_older_edit_after_a_newer_one_is_ignored() -> None:
    timelines = server()
    create(timelines, note("1"))
    timelines.take(activity("Update", note("1", "newer", updated=at(2))), US)
    for seconds in (1, 2):
        assert timelines.take(activity("Update", note("1", "older", updated=at(seconds))), US).word == "ignored"
    assert texts(timelines) == ["newer"]


def test_an_edit_of_an_unknown_note_is_as_good_as_a_create_for_a_day() -> None:
    timelines = server()
    assert timelines.take(activity("Update", note("1", "new", updated=at(60))), US).word == "shown"
    assert timelines.take(activity("Update", note("2", "old", updated=at(90_000))), US).word == "ignored"
    assert create(timelines, note("1", "late")).word == "ignored"
    assert texts(timelines) == ["new"]


def test_a_deleted_id_is_never_shown_again() -> None:
    timelines = server()
    timelines.take(activity("Delete", {"id": note("1")["id"], "type": "Tombstone"}), US)
    assert create(timelines, note("1")).word == "ignored"
    assert texts(timelines) == []


def test_pins_come_and_go_and_a_deleted_note_is_not_pinned() -> None:
    timelines = server()
    create(timelines, note("1"))
    create(timelines, note("2"))
    for name in ("1", "2"):
        assert timelines.take(activity("Add", note(name)["id"], target=FEATURED), US).word == "pinned"
    timelines.take(activity("Remove", note("1")["id"], target=FEATURED), US)
    assert [status.id[-1] for status in timelines.pins()] == ["2"]
    timelines.take(activity("Delete", note("2")["id"]), US)
    assert timelines.pins() == []


@pytest.mark.parametrize(("name", "target"), [("9", FEATURED), ("1", "https://clarion.demo.test/elsewhere")])
def test_what_is_unknown_or_aimed_elsewhere_is_not_pinned(name: str, target: str) -> None:
    timelines = server()
    create(timelines, note("1"))
    assert timelines.take(activity("Add", note(name)["id"], target=target), US).word == "ignored"
    assert timelines.pins() == []


def test_an_update_of_the_actor_replaces_the_profile() -> None:
    timelines = server()
    field = {"type": "PropertyValue", "name": "Stoves", "value": 'Open: <a href="https://c.test/x">c.test/x</a>'}
    assert timelines.take(activity("Update", {"id": US, "attachment": [field]}), US).word == "profile"
    assert list(timelines.profile_texts(US)) == [("Stoves: Open: c.test/x", ("https://c.test/x",))]


@pytest.mark.parametrize(
    "wrong",
    [
        {"attributedTo": "https://clarion.demo.test/actors/2"},
        {"id": "https://elsewhere.test/notes/1"},
        {"type": "Article"},
        {"content": ""},
        {"contentMap": {"en": "another text"}},
        {"contentMap": {"en": "<p>Please help</p>", "fa": "<p>Please help</p>"}},
        {"published": "yesterday"},
        {"published": "2026-11-22T12:00:00"},
    ],
)
def test_what_is_not_a_note_of_its_sender_is_refused(wrong: dict[str, Any]) -> None:
    timelines = server()
    assert create(timelines, note("1") | wrong).word == "refused"
    assert timelines.statuses == {}


def test_nobody_edits_or_deletes_what_somebody_else_wrote() -> None:
    other = "https://clarion.demo.test/actors/2"
    timelines = server()
    create(timelines, note("1"))
    edit = note("1", "mine now", updated=at(1), attributedTo=other)
    assert timelines.take(activity("Update", edit), other).word == "refused"
    assert timelines.take(activity("Delete", note("1")["id"]), other).word == "refused"
    assert texts(timelines) == ["Please help"]


def test_nothing_that_steers_a_terminal_survives_in_a_text() -> None:
    timelines = server()
    create(timelines, note("1", "a\x1b[31mb\u202ec"))
    assert texts(timelines) == ["a[31mbc"]


def test_words_of_different_paragraphs_do_not_run_together() -> None:
    timelines = server()
    create(timelines, note("1", "one</p><p>two <a href='https://c.test/'>c.test</a><br>three"))
    assert texts(timelines) == ["one two c.test three"]
    assert timelines.home(DARA)[0].links == ("https://c.test/",)
