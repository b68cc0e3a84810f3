"""From an empty or an older database to the schema of this code: in one transaction, or not at all (must-survive F5).

SQLite: under the lock beside the file; an older schema is copied first, through SQLite's backup API (a copy of the
file alone would miss what is still in the write-ahead log). PostgreSQL: under an advisory lock, so that of several
starting at once one migrates and the others find it done.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from actors.migrations.locking import PRIVATE, SchemaError, hold, sqlite_file

HERE: Final = Path(__file__).parent
VERSIONS: Final = HERE / "versions"
ADVISORY_LOCK: Final = 0x636C6172696F6E  # "clarion"; any number will do that nobody else takes


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which revision to which (None: the database was empty), and where the copy made before lies."""

    before: str | None
    after: str
    copy: Path | None = None


class Newer(SchemaError):
    """The database was written by a newer version of the code."""

    def __init__(self) -> None:
        super().__init__("the database is newer than this version of clarion: install the one that wrote it, or newer")


class Older(SchemaError):
    """The database has not been brought up to date."""

    def __init__(self) -> None:
        super().__init__("the database is older than this version of clarion: run clarion migrate (serve does it too)")


class Missing(SchemaError):
    """There are no tables yet."""

    def __init__(self) -> None:
        super().__init__("there is no database yet: run clarion migrate (serve does it too)")


class Unusable(SchemaError):
    """It is no database of ours, damaged, or cannot be reached."""


async def migrate(url: str, *, held: bool = False, versions: Path = VERSIONS) -> Migrated:
    """Bring the database up to date. `held`: the caller has the lock (`hold`) already; `versions`: for tests.

    Raises SchemaError: in use, newer, damaged or not ours. Whatever happens, the database is as before or up to date.
    """
    with contextlib.nullcontext() if held else hold(url):
        path = sqlite_file(url)
        if path is not None:
            _create_file(path)
        async with _connected(url) as connection:
            if path is None:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
            return await connection.run_sync(_upgrade, _config(versions), path)


async def check(url: str, *, versions: Path = VERSIONS) -> None:
    """That the database is at the version of this code. Raises Missing, Older, Newer, Unusable."""
    path = sqlite_file(url)
    if path is not None and not path.exists():
        raise Missing
    async with _connected(url) as connection:
        before, head = await connection.run_sync(_standing, ScriptDirectory.from_config(_config(versions)))
    if before is None:
        raise Missing
    if before != head:
        raise Older


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    return config


def _standing(connection: Connection, scripts: ScriptDirectory) -> tuple[str | None, str]:
    """The revision of the database, None if it is empty, and the newest one."""
    before = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head()
    if head is None:
        raise AssertionError("there are no revisions")
    if before is None and inspect(connection).get_table_names():
        raise Unusable("the database holds tables that clarion has not made")
    if before is not None and before not in {each.revision for each in scripts.walk_revisions()}:
        raise Newer
    return before, head


def _upgrade(connection: Connection, config: Config, path: Path | None) -> Migrated:
    before, head = _standing(connection, ScriptDirectory.from_config(config))
    if before == head:
        return Migrated(before, head)
    copy = _copy(path, before) if path is not None and before is not None else None
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if path is not None and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise Unusable("the migration would leave rows that belong to nothing; the database is as it was")
    return Migrated(before, head, copy)


def _copy(path: Path, revision: str) -> Path:
    """A copy of the database as it is, beside it. The caller's transaction keeps writers away meanwhile."""
    copy = path.with_name(f"{path.name}.before-{revision}")
    unfinished = copy.with_name(f"{copy.name}.part")
    unfinished.unlink(missing_ok=True)
    _create_file(unfinished)
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(copy)
    return copy


def _create_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
    except OSError as problem:
        raise Unusable(f"{path.name} cannot be opened: {problem.strerror}") from None


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection in one transaction, committed when the block ends well."""
    sqlite = sqlite_file(url) is not None
    engine = create_async_engine(make_url(url).set(drivername="sqlite+aiosqlite" if sqlite else "postgresql+asyncpg"))
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
    try:
        async with engine.begin() as connection:
            yield connection
    except DBAPIError as problem:
        raise Unusable(f"the database cannot be used: {problem.orig}") from problem
    except OSError as problem:
        raise Unusable(f"the database cannot be reached: {problem.strerror or problem}") from problem
    finally:
        await engine.dispose()


def _prepare(connection: Any, _record: object) -> None:
    """Transactions are begun by us, tables with them; references are checked at the end, as tables may be rebuilt."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
