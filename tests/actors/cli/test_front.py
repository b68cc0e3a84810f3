from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from actors.cli.front import ended_by
from actors.refusals import Problem, Refused
from tests.actors.cli.typing_in import Here


def test_k1_a_missing_setting_is_exit_code_2_and_one_line(here: Here) -> None:
    del here.settings["CLARION_ORIGIN"]
    done = here.process("serve")
    assert (done.code, done.out) == (2, "")
    assert done.err == "clarion: CLARION_ORIGIN is missing: https://host[:port]\n"


def test_k1_every_setting_at_fault_is_named_in_one_line_and_nothing_is_written(here: Here) -> None:
    line, code = here.refused("serve", bind="nowhere", sendres="3", senders="many", tls_key="/nowhere")
    assert code == 2
    for name in ("CLARION_BIND", "CLARION_SENDRES", "CLARION_SENDERS", "CLARION_TLS_KEY"):
        assert name in line
    assert not (here.folder / "data").exists()


def test_k1_a_weak_secret_is_named_and_not_repeated(here: Here) -> None:
    line, code = here.refused("migrate", secret="passwordpasswordpasswordpassword")
    assert code == 2
    assert "CLARION_SECRET" in line
    assert "password" not in line


def test_k1_a_key_file_open_to_others_stops_every_command(here: Here) -> None:
    here.run("migrate")
    (here.folder / "data" / "sealing.key").chmod(0o644)
    for words in (["serve"], ["deliver"], ["actor", "list"], ["doctor"]):
        line, code = here.refused(*words)
        assert code == 2
        assert "sealing.key is open to others (mode 0644; chmod 600)" in line


def test_k1_a_config_file_works_like_the_environment_and_its_faults_are_named(here: Here) -> None:
    path = here.folder / "clarion.toml"
    path.write_text('origin = "https://elsewhere.test"\nsenders = 4\n')
    del here.settings["CLARION_ORIGIN"]
    here.run("--config", str(path), "migrate")
    assert "https://elsewhere.test" in here.run("--config", str(path), "doctor").out
    path.write_text('origin = "http://elsewhere.test"\nsenders = 4\npasswort = "x"\n')
    line, code = here.refused("--config", str(path), "doctor")
    assert code == 2
    assert "CLARION_ORIGIN" in line
    assert "CLARION_PASSWORT is not a setting" in line
    line, code = here.refused("--config", str(here.folder / "nowhere"), "doctor")
    assert (code, line[:18]) == (2, "clarion: --config ")


def test_a_command_on_a_server_that_was_never_started_says_how_to_start_it(here: Here) -> None:
    line, code = here.refused("actor", "list")
    assert code == 2
    assert "run clarion migrate first" in line
    assert not (here.folder / "data").exists(), "a mistyped CLARION_DATA leaves no key behind"


def test_f4_a_newer_or_foreign_or_damaged_database_is_exit_code_2_and_one_line(here: Here) -> None:
    here.run("migrate")
    file = here.folder / "data" / "clarion.db"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for words in (["migrate"], ["serve"], ["deliver"], ["campaign", "list"]):
        assert here.refused(*words) == (
            "clarion: the database is newer than this version of clarion: install the one that wrote it, or newer",
            2,
        )
    file.with_name("clarion.db-wal").unlink(missing_ok=True)
    file.write_bytes(b"not a database at all " * 500)
    line, code = here.refused("campaign", "list")
    assert code == 2
    assert "the database cannot be used" in line


def test_a_postgresql_that_is_not_there_is_one_line(here: Here) -> None:
    key = "00112233445566778899aabbccddeeff0123456789abcdef0f1e2d3c4b5a6978"
    line, code = here.refused("campaign", "list", database="postgresql://127.0.0.1:1/none", secret=key)
    assert code == 2
    assert line.startswith("clarion: the database cannot be reached: ")


def test_a_refusal_names_the_field_and_cannot_draw_on_the_terminal() -> None:
    told = ended_by(Refused([Problem("languages.en.\x1b[31mlead", "is missing\nclarion: all is well")]))
    assert told.exit_code == 1
    assert told.format_message().startswith("languages.en.")


def test_what_a_driver_says_is_told_without_the_values_of_the_statement() -> None:
    broken = OperationalError("INSERT …", {"token": "secret"}, sqlite3.OperationalError("disk is full"))
    assert ended_by(broken).message == "the database could not be used: disk is full"
    other = DBAPIError("INSERT …", {}, RuntimeError("Key (handle)=(alice) exists"))
    assert "alice" not in ended_by(other).message


def test_a_fault_of_our_own_is_one_line_that_names_the_place_and_no_value() -> None:
    try:
        raise KeyError("alice@mastodon.test")
    except KeyError as problem:
        told = ended_by(problem)
    assert told.exit_code == 1
    assert told.message.startswith("this is a fault of clarion's own: KeyError in test_a_fault_of")
    assert "alice" not in told.message


def test_a_document_that_cannot_be_read_is_told_with_the_name_of_its_file(here: Here) -> None:
    here.settled()
    path = here.folder / "winter.json"
    for data, why in ((b'{"a": 1, "a": 2}', "winter.json: "), (b"[]", "is not a JSON object"), (b"\xff", ": ")):
        path.write_bytes(data)
        line, code = here.refused("campaign", "put", str(path))
        assert code == 1
        assert why in line
    assert here.refused("campaign", "put", str(here.folder / "none.json"))[0].endswith("No such file or directory")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_the_command_is_called_clarion_also_as_a_module(here: Here, word: str) -> None:
    done = here.process(word)
    assert done.code == 0
    assert done.out.startswith("Usage: clarion " if word == "--help" else "0.")


def test_a_database_nobody_can_write_to_is_one_line(here: Here, tmp_path: Path) -> None:
    line, code = here.refused("migrate", data="/proc/nowhere")
    assert code == 2
    assert "CLARION_DATA" in line
