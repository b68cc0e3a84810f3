"""The one place that knows the dialects: SQLite by default, PostgreSQL when one machine is outgrown.

Stored things are functions with a `Transaction` first. SQLite runs in WAL mode with `synchronous=FULL`; every write
begins IMMEDIATE, so that a writer never finds out at its last statement that it was too late. On PostgreSQL the same
statements take row locks. A transaction never spans network work.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Table, case, event, text, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, CursorResult, RowMapping, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import Executable
from sqlalchemy.types import TypeDecorator

from fediverse.protocol.errors import Overloaded
from fediverse.store.sealed import Sealer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUSY_TIMEOUT = timedelta(seconds=10)
CHANNEL = "clarion_wake"
_WRITES = "clarion_writes"


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as whole microseconds since 1970 in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> int | None:
        """Refuses naive datetimes: a moment without a zone is a mistake."""
        if value is None:
            return None
        return (value.astimezone(UTC) - EPOCH) // timedelta(microseconds=1) if value.tzinfo else _naive()

    def process_result_value(self, value: int | None, dialect: object) -> datetime | None:
        """Back to an aware UTC datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


def _naive() -> int:
    raise ValueError("a stored moment needs a time zone")


def least(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[Any]:
    """The smaller of two non-null values; the two databases have different names for it."""
    return case((left < right, left), else_=right)


def greatest(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two non-null values."""
    return case((left > right, left), else_=right)


def among(column: ColumnElement[Any], found: Select[Any]) -> ColumnElement[bool]:
    """Whether the column is in the result of a select, which is looked up once and hashed.

    Of a plain IN PostgreSQL makes a join, and where it knows nothing yet of the rows just written, one of two loops:
    an act on 5,000 hosts then takes half a minute.
    """
    return column.in_(found).is_(true())


class Transaction:
    """One transaction: all of it or nothing. `sealer` hashes and seals what may not be readable on disk."""

    def __init__(self, connection: AsyncConnection, sealer: Sealer) -> None:
        self._connection = connection
        self.sealer = sealer
        self.wakes = False
        self._done: set[Hashable] = set()

    async def execute(
        self, statement: Executable, parameters: Sequence[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run one statement; with a list of parameters, once for each."""
        result: CursorResult[Any] = await self._connection.execute(statement, parameters)
        return result

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        """All rows of a select, by column name."""
        return (await self._connection.execute(statement)).mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        """The first row of a select, or None."""
        return (await self._connection.execute(statement)).mappings().first()

    async def value(self, statement: Executable) -> Any:
        """The first column of the first row, or None."""
        return (await self._connection.execute(statement)).scalar()

    async def lock(self, rows: Select[Any]) -> None:
        """Hold the selected rows until the end. On SQLite the whole database is held already."""
        if self._connection.dialect.name == "postgresql":
            await self._connection.execute(rows.with_for_update())

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT, in the words of this database."""
        if self._connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def wake(self) -> None:
        """Once this transaction is committed, tell every sender that something is owed."""
        self.wakes = True

    def first_time(self, what: Hashable) -> bool:
        """True once per transaction and `what`: for locks that need to be taken only once."""
        if what in self._done:
            return False
        self._done.add(what)
        return True


class Database:
    """The database, built without IO; open it with `async with`.

    `url` is `sqlite:///path` or `postgresql://user@host/name`. Raises Overloaded when SQLite stays locked by another
    process longer than the busy timeout.
    """

    def __init__(self, url: str, sealer: Sealer) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.url = parsed.set(drivername="sqlite+aiosqlite" if self.is_sqlite else "postgresql+asyncpg")
        self.sealer = sealer
        self._engine: AsyncEngine | None = None
        self._one_writer = asyncio.Lock() if self.is_sqlite else contextlib.nullcontext()
        self._woken = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Database:
        self._engine = create_async_engine(self.url, hide_parameters=True, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        else:
            self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @property
    def engine(self) -> AsyncEngine:
        """The open engine; only migrations and tests need it."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        async with self._one_writer, self._transaction(writes=True) as tx:
            yield tx
            if tx.wakes and not self.is_sqlite:
                await tx.execute(text(f"NOTIFY {CHANNEL}"))
        if tx.wakes:
            self._woken.set()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that only looks."""
        async with self._transaction(writes=False) as tx:
            yield tx

    @contextlib.asynccontextmanager
    async def _transaction(self, *, writes: bool) -> AsyncIterator[Transaction]:
        async with self.engine.connect() as connection:
            await connection.execution_options(**{_WRITES: writes})
            try:
                async with connection.begin():
                    yield Transaction(connection, self.sealer)
            except DBAPIError as error:
                if isinstance(error.orig, sqlite3.OperationalError) and "locked" in str(error.orig):
                    raise Overloaded(5, "The database is busy") from error
                raise

    def wake(self) -> None:
        """Wake the waiters of this process."""
        self._woken.set()

    async def wait(self, timeout: timedelta) -> bool:
        """Until something was owed, or `timeout` has passed; a wake-up may be lost, so callers look anyway."""
        try:
            async with asyncio.timeout(max(timeout.total_seconds(), 0)):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def _listen(self) -> None:
        """Hear NOTIFY of other processes; a lost connection is opened again, polling covers the gap."""
        import asyncpg  # noqa: PLC0415 – the postgres extra; SQLite users do not have it

        target = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            lost = asyncio.Event()
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(target)
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                try:
                    await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
                    await lost.wait()
                finally:
                    await connection.close(timeout=2)
            await asyncio.sleep(1)  # polling sees what is owed meanwhile


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is retracted or erased is overwritten, not left in free pages
        f"busy_timeout={BUSY_TIMEOUT // timedelta(milliseconds=1)}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
