"""Migrations on both databases: all or nothing, once, one at a time, and never backwards."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection, Engine

from actors.migrations import InUse, Missing, Newer, Older, SchemaError, Unusable, check, hold, migrate
from actors.migrations.moving import VERSIONS
from actors.store.schema import metadata as of_actors
from fediverse.store.database import Database
from fediverse.store.schema import metadata as of_fediverse
from fediverse.store.sealed import Sealer
from tests.actors.desks import group, settle_in

MIGRATE = "import asyncio, sys; from actors.migrations import migrate; asyncio.run(migrate(sys.argv[1]))"
DIE_AT = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from actors.migrations import migrate

left = int(sys.argv[2])

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(migrate(sys.argv[1]))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("campaigns") as table:
        table.add_column(sa.Column("colour", sa.Text()))
        table.alter_column("reason", type_=sa.String(32))
    op.execute("DELETE FROM organisers WHERE label = 'nobody'")
"""


def database(url: str) -> Database:
    return Database(url, Sealer(bytes(32)))


async def asked(url: str, question: Any) -> Any:
    """What a synchronous question about the schema answers."""
    async with database(url) as opened, opened.engine.connect() as connection:
        return await connection.run_sync(question)


async def tables(url: str) -> set[str]:
    return set(await asked(url, lambda connection: inspect(connection).get_table_names()))


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The revisions of a later release: ours and one more."""
    folder = tmp_path / "versions"
    folder.mkdir()
    for each in VERSIONS.glob("*.py"):
        (folder / each.name).write_text(each.read_text())
    (folder / "0002_colour.py").write_text(SECOND)
    return folder


async def test_an_empty_database_gets_exactly_the_tables_the_code_has(database_url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, [of_fediverse, of_actors]))  # type: ignore[arg-type]

    done = await migrate(database_url)
    assert (done.before, done.after, done.copy) == (None, "0001", None)
    assert await asked(database_url, differences) == []
    assert await asked(database_url, partial_indexes) == {
        "deliveries_line",
        "deliveries_parked",
        "deliveries_spoken",
    }


def partial_indexes(connection: Connection) -> set[str]:
    """Comparing tells nothing about the condition of an index."""
    catalogue = (
        "SELECT name FROM sqlite_master WHERE sql LIKE '%WHERE%' AND type = 'index'"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE%' AND schemaname = 'public'"
    )
    return set(connection.execute(text(catalogue)).scalars())


async def test_a_group_can_work_in_a_migrated_database(database_url: str) -> None:
    await migrate(database_url)
    async with group(database_url, create=False) as us:
        async with us.database.write() as tx:
            await settle_in(tx, us)
        await us.follow("far.example")
        await us.open()
        await us.do("close")
        assert len(await us.deliver()) > 4


async def test_f5_migrating_twice_changes_nothing(database_url: str) -> None:
    await migrate(database_url)
    again = await migrate(database_url)
    assert (again.before, again.after, again.copy) == ("0001", "0001", None)
    await check(database_url)


async def test_f5_a_fault_at_whatever_statement_leaves_the_database_as_it_was(database_url: str) -> None:
    """A fault at every fifth statement, from the first to the one behind the last."""
    seen, failing_at = 0, 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == failing_at:
            raise OSError("pulled the plug")

    event.listen(Engine, "before_cursor_execute", count)
    try:
        for failing_at in range(1, 80, 5):  # noqa: B007 - read by count()
            seen = 0
            try:
                await migrate(database_url)
            except SchemaError:
                failing, seen = seen, -1000
                assert await tables(database_url) == set(), failing
            else:
                break
        else:
            pytest.fail("the migration never came to its end")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert failing_at > 40
    await check(database_url)


@pytest.mark.slow
@pytest.mark.parametrize("statement", [5, 25, 45])
async def test_f5_a_migration_killed_half_way_is_done_by_the_next_one(database_url: str, statement: int) -> None:
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DIE_AT, database_url, str(statement)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(Missing):
        await check(database_url)
    await migrate(database_url)
    await check(database_url)


@pytest.mark.slow
async def test_f5_of_two_migrations_at_once_one_migrates_and_neither_breaks_it(database_url: str) -> None:
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    ends = [(each.returncode, errors) for each in both for _, errors in [await each.communicate()]]
    assert 0 in [code for code, _ in ends]
    assert all(code == 0 or b"InUse" in errors for code, errors in ends), ends
    await check(database_url)


async def test_a_newer_schema_than_the_code_is_refused(database_url: str) -> None:
    await migrate(database_url)
    async with database(database_url) as opened, opened.write() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (migrate, check):
        with pytest.raises(Newer, match="newer than this version"):
            await act(database_url)


async def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(database_url: str, later: Path) -> None:
    await migrate(database_url)
    async with group(database_url, create=False) as us:
        async with us.database.write() as tx:
            await settle_in(tx, us)
        await us.open()
    with pytest.raises(Older):
        await check(database_url, versions=later)
    done = await migrate(database_url, versions=later)
    assert (done.before, done.after) == ("0001", "0002")
    columns = await asked(database_url, lambda connection: inspect(connection).get_columns("campaigns"))
    assert "colour" in {column["name"] for column in columns}
    async with database(database_url) as opened, opened.read() as tx:
        assert await tx.value(text("SELECT count(*) FROM notes")) == 2
    await check(database_url, versions=later)


async def test_before_an_upgrade_a_sqlite_database_is_copied_whole(sqlite_url: str, later: Path) -> None:
    await migrate(sqlite_url)
    async with group(sqlite_url, create=False) as us:
        async with us.database.write() as tx:
            await settle_in(tx, us)
        # Still open: what was written last stands in the write-ahead log only.
        done = await migrate(sqlite_url, versions=later)
    assert done.copy is not None
    assert done.copy.stat().st_mode & 0o077 == 0
    copy = sqlite3.connect(done.copy)
    assert copy.execute("SELECT label FROM organisers").fetchall() == [("night shift",)]
    assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    copy.close()


async def test_a_failing_upgrade_leaves_the_older_schema(database_url: str, later: Path) -> None:
    await migrate(database_url)
    (later / "0002_colour.py").write_text(SECOND + "    op.execute('SELECT no_such_thing')\n")
    with pytest.raises(Unusable):
        await migrate(database_url, versions=later)
    await check(database_url)
    columns = await asked(database_url, lambda connection: inspect(connection).get_columns("campaigns"))
    assert "colour" not in {column["name"] for column in columns}


async def test_tables_of_somebody_else_are_left_alone(database_url: str) -> None:
    async with database(database_url) as opened, opened.write() as tx:
        await tx.execute(text("CREATE TABLE hosts (name TEXT)"))
    with pytest.raises(Unusable, match="not made"):
        await migrate(database_url)


async def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "clarion.db"
    path.write_bytes(b"this is no database, but it is long enough to be looked at" * 100)
    for act in (migrate, check):
        with pytest.raises(Unusable, match="cannot be used: file is not a database"):
            await act(f"sqlite:///{path}")


async def test_a_database_that_cannot_be_reached_is_refused_in_one_sentence(tmp_path: Path) -> None:
    nowhere = f"sqlite:///{tmp_path / 'missing' / 'clarion.db'}"
    with pytest.raises(SchemaError, match="cannot be used: No such file"):
        await migrate(nowhere)
    with pytest.raises(Missing):
        await check(nowhere)
    with pytest.raises(Unusable, match="cannot be reached"):
        await check("postgresql://nobody@127.0.0.1:1/nothing")


async def test_what_is_made_can_be_read_by_nobody_else(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    assert {each.name for each in folder.iterdir()} == {"clarion.sqlite3", "clarion.sqlite3.lock"}
    assert all(each.stat().st_mode & 0o077 == 0 for each in folder.iterdir())


def test_f6_a_second_holder_of_the_lock_is_refused_at_once(sqlite_url: str) -> None:
    with hold(sqlite_url), pytest.raises(InUse, match="in use: another clarion"), hold(sqlite_url):
        pass
    with hold(sqlite_url):
        pass


async def test_f6_migrating_needs_the_lock_and_opening_does_not(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    with hold(sqlite_url):
        with pytest.raises(InUse):
            await migrate(sqlite_url)
        await migrate(sqlite_url, held=True)
        async with group(sqlite_url, create=False) as us, us.database.write() as tx:
            await settle_in(tx, us)  # an act on the command line, beside a running server


@pytest.mark.slow
async def test_f6_the_lock_of_a_killed_process_is_free(sqlite_url: str) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys, time; from actors.migrations import hold\n"
        "with hold(sys.argv[1]): print('held', flush=True); time.sleep(60)",
        sqlite_url,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(InUse), hold(sqlite_url):
        pass
    holder.kill()
    await holder.wait()
    with hold(sqlite_url):
        pass


def test_the_lock_is_a_file_of_its_own(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with hold(sqlite_url), path.open("wb") as database_file:
        fcntl.flock(database_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
