from __future__ import annotations

import json
import re
import shlex
import sqlite3

import pytest

from tests.actors.cli.typing_in import ROOT, Here
from tests.actors.desks import DONATE, document


@pytest.fixture
def ready(here: Here) -> Here:
    """A server with an actor, a destination and a draft called roads."""
    here.settled()
    assert here.run("campaign", "put", here.write("roads.json")).out == "roads is draft (version 1), new\n"
    return here


def notes(here: Here) -> list[dict[str, str]]:
    """The notes of roads as admin JSON has them, by kind."""
    shown = here.run("campaign", "show", "roads", "--json").json
    return [{"kind": said["kind"], **note} for said in shown["announcements"] for note in said["notes"]]


def test_a_whole_life_is_played_without_any_server(ready: Here) -> None:
    def said(*words: str) -> str:
        return ready.run("campaign", *words).out.strip()

    assert said("open", "roads") == "roads is open (version 2)"
    assert said("raise", "roads", DONATE, "2500.50") == "roads is open (version 3); raised 50 %"
    assert said("goal-update", "roads") == "roads is open (version 4)"
    assert said("pause", "roads") == "roads is paused (version 5)"
    assert said("resume", "roads") == "roads is open (version 6)"
    assert said("close", "roads", "--reason", "goal_met") == "roads is closed (version 7)"
    assert said("close", "roads", "--reason", "goal_met") == "roads is closed (version 7)", "closing again is no error"
    assert {note["kind"] for note in notes(ready)} == {"appeal", "goal_update", "closure"}
    assert said("retract", "roads", "--yes") == "roads is retracted (version 8)"
    assert ready.refused("campaign", "open", "roads")[1] == 1


def test_the_slug_is_the_name_of_the_file_or_what_is_said(ready: Here) -> None:
    path = ready.write("winter-help.json")
    assert ready.run("campaign", "put", path).out.startswith("winter-help is draft")
    assert ready.run("campaign", "put", path, "--slug", "other").out.startswith("other is draft")
    text = json.dumps(document())
    assert ready.run("campaign", "put", "-", "--slug", "piped", stdin=text).out.startswith("piped is draft")
    assert ready.call("campaign", "put", "-", stdin=text).code == 2
    assert ready.refused("campaign", "put", ready.write("Winter.json"))[0].startswith("clarion: slug: ")


def test_with_several_actors_a_new_campaign_says_whose_it_is(ready: Here) -> None:
    ready.run("actor", "create", "second", "--name", "Another group")
    path = ready.write("new.json", document(destinations=[]))
    assert ready.refused("campaign", "put", path) == ("clarion: say whose it is: --actor HANDLE", 1)
    ready.run("campaign", "put", path, "--actor", "@second")
    assert ready.run("campaign", "put", ready.write("roads.json", document("en"))).out.startswith("roads is draft")
    assert [row["actor"] for row in ready.run("campaign", "list").rows] == ["fund", "second"]
    assert [row["slug"] for row in ready.run("campaign", "list", "--actor", "second").rows] == ["new"]
    assert ready.refused("campaign", "put", path, "--actor", "fund") == ("clarion: slug: is taken", 1)


def test_what_is_shown_as_json_can_be_put_again(ready: Here) -> None:
    shown = ready.run("campaign", "show", "roads", "--json").json
    again = ready.write("roads.json", shown["document"])
    assert ready.run("campaign", "put", again).out == "roads is draft (version 1)\n"


def test_a_draft_that_cannot_be_taken_names_every_field_in_one_line(ready: Here) -> None:
    body = document(goal_amount=5000, currency="QQQ", **{"\x1b[2Jfake\nclarion: all is well": 1})
    del body["languages"]["fa"]["lead"]
    line, code = ready.refused("campaign", "put", ready.write("bad.json", body))
    assert code == 1
    for field in ("goal_amount: ", "currency: ", "languages.fa.lead: ", "\\x1b[2Jfake\\nclarion"):
        assert field in line
    assert "\x1b" not in line


def test_what_the_state_forbids_is_one_line_that_says_the_state(ready: Here) -> None:
    assert ready.refused("campaign", "resume", "roads")[0].startswith("clarion: cannot resume a campaign that is draft")
    assert ready.refused("campaign", "pause", "nowhere") == ("clarion: there is no such campaign", 1)
    assert ready.refused("campaign", "withdraw", "0" * 32) == ("clarion: there is no such note", 1)


def test_somebody_elses_newer_version_is_not_overwritten(ready: Here) -> None:
    for words in (["open", "roads"], ["put", ready.write("roads.json")]):
        line, code = ready.refused("campaign", *words, "--if-version", "7")
        assert (line, code) == ("clarion: it has changed since it was read", 1)
    ready.run("campaign", "open", "roads", "--if-version", "1")


def test_amounts_name_their_destination_and_their_field(ready: Here) -> None:
    def refused(*words: str) -> str:
        return ready.refused("campaign", "raise", "roads", *words)[0]

    assert refused("https://elsewhere.example/", "5") == "clarion: this campaign has no such destination"
    assert refused(DONATE, "5,50").startswith("clarion: amount: ")
    assert refused(DONATE, "5.50", "--as-of", "yesterday").startswith("clarion: as_of: ")
    ready.run("campaign", "raise", "roads", DONATE, "5.50", "--as-of", "2026-01-02T03:04:05Z")
    assert "5.50 EUR\t2026-01-02T03:04:05Z" in ready.run("campaign", "show", "roads").out


def test_a_note_is_withdrawn_by_its_id_or_its_url(ready: Here) -> None:
    ready.run("campaign", "open", "roads")
    first, second = notes(ready)
    assert ready.run("campaign", "withdraw", first["id"]).out == "roads is open (version 3)\n"
    assert ready.run("campaign", "withdraw", second["url"]).out == "roads is open (version 4)\n"
    assert all(note["withdrawn"] for note in notes(ready))


def test_closing_texts_can_be_said_at_the_closing(ready: Here) -> None:
    ready.run("campaign", "open", "roads")
    wrong = ready.write("texts.json", {"de": {"outcome": "Alle sind da."}})
    assert ready.refused("campaign", "close", "roads", "--texts", wrong)[0].startswith("clarion: closed.de: ")
    texts = ready.write("texts.json", {"en": {"outcome": "All of them are safe now.", "projects": []}})
    ready.run("campaign", "close", "roads", "--texts", texts)
    shown = ready.run("campaign", "show", "roads", "--json").json
    assert shown["document"]["languages"]["en"]["closed"]["outcome"] == "All of them are safe now."
    assert shown["reason"] == "by_hand"


def test_nobody_closes_with_a_reason_that_only_time_has(ready: Here) -> None:
    assert ready.call("campaign", "close", "roads", "--reason", "expired").code == 2


def test_what_is_retracted_leaves_no_text_and_its_slug_stays_taken(ready: Here) -> None:
    ready.run("campaign", "open", "roads")
    ready.run("campaign", "retract", "roads", "--erase")
    shown = ready.run("campaign", "show", "roads")
    assert "state: retracted" in shown.out
    assert "Safe roads" not in shown.out
    assert ready.refused("campaign", "put", ready.write("roads.json"))[1] == 1


def test_a_report_says_that_nobody_was_told_while_nobody_follows(ready: Here) -> None:
    ready.run("campaign", "open", "roads")
    assert ready.run("campaign", "report", "roads").out == "roads is open\nNo server was owed anything.\n"
    assert ready.run("campaign", "report", "roads", "--json").json["settled"] is True
    assert ready.refused("campaign", "report", "nowhere") == ("clarion: there is no such campaign", 1)


def test_persian_is_shown_as_written_and_where_the_locale_has_no_such_letters_as_escapes(ready: Here) -> None:
    done = ready.process("campaign", "show", "roads")
    assert "title (fa): راه امن" in done.out, "the C locale carries UTF-8"
    ready.settings["PYTHONIOENCODING"] = "latin-1"
    done = ready.process("campaign", "show", "roads")
    assert done.code == 0
    assert "title (fa): \\u0631\\u0627\\u0647 \\u0627\\u0645\\u0646" in done.out


def test_the_audit_of_what_operators_do_names_no_organiser(ready: Here) -> None:
    ready.run("campaign", "open", "roads")
    with sqlite3.connect(ready.folder / "data" / "clarion.db") as database:
        rows = database.execute("SELECT act, organiser FROM audit ORDER BY number").fetchall()
    database.close()
    assert rows == [(act, None) for act in ("create_actor", "add_destination", "put_draft", "open")]


def test_the_commands_of_the_readme_work_in_their_order(here: Here) -> None:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("clarion ")]
    commands = [shlex.split(line)[1:] for line in lines]
    played = [words for words in commands if words[0] in ("actor", "organiser", "campaign", "queue", "doctor")]
    assert len(played) > 10
    here.run("migrate")
    for words in played:
        here.run(*(str(ROOT / word) if word.startswith("docs/") else word for word in words))
    assert here.run("campaign", "list").rows[0]["state"] == "closed"


def test_it_is_the_same_on_postgresql(here: Here, postgresql_url: str) -> None:
    here.settings["CLARION_DATABASE"] = postgresql_url
    assert here.refused("campaign", "list")[1] == 2
    here.settled()
    here.run("campaign", "put", here.write("roads.json"))
    here.run("campaign", "open", "roads")
    assert here.run("campaign", "close", "roads").out == "roads is closed (version 3)\n"
    assert here.run("queue", "status").out == "Nothing is waiting.\n"
    assert "fault" not in here.run("doctor").out
