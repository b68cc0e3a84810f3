"""Fixtures of the whole suite: a certificate authority, loopback names, and a fresh database of either kind."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from tests.peers.authority import Authority
from tests.peers.names import Names

POSTGRESQL = "postgresql://root@127.0.0.1:5432"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: two workers then end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The test authority; its `ca_file` is what clients are told to believe."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def names() -> Names:
    """Loopback addresses for the host names of this test."""
    return Names()


def _ask_postgresql(statement: str, database: str = "test") -> str | None:
    """Run one statement outside any transaction; the problem as a text if PostgreSQL cannot be asked."""

    async def ask() -> str | None:
        try:
            connection = await asyncpg.connect(f"{POSTGRESQL}/{database}", timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as problem:
            return f"{type(problem).__name__}: {problem}"
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
        return None

    try:
        import asyncpg
    except ImportError:
        return "asyncpg is not installed"
    with ThreadPoolExecutor(1) as thread:  # a loop of its own, away from the one the test runs in
        return thread.submit(asyncio.run, ask()).result()


@cache
def _postgresql_is_silent() -> str | None:
    return _ask_postgresql("SELECT 1")


def _postgresql_or_skip() -> None:
    problem = _postgresql_is_silent()
    if problem is None:
        return
    reason = f"PostgreSQL at 127.0.0.1:5432 does not answer ({problem})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'clarion.sqlite3'}"


@pytest.fixture(scope="session")
def empty_databases() -> Iterator[list[str]]:
    """PostgreSQL databases of this run with nothing in them: making and dropping one for each test takes too long."""
    made: list[str] = []
    yield made
    for name in made:
        _ask_postgresql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def postgresql_url(empty_databases: list[str]) -> Iterator[str]:
    """An empty PostgreSQL database; skipped where no server answers, except in CI."""
    _postgresql_or_skip()
    name = empty_databases.pop() if empty_databases else _new_database()
    yield f"{POSTGRESQL}/{name}"
    problem = _ask_postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    problem = problem or _ask_postgresql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
    assert problem is None, problem
    empty_databases.append(name)


def _new_database() -> str:
    name = f"clarion_test_{secrets.token_hex(8)}"
    # Nothing here pulls the plug of the server, so commits need not wait for its disk.
    for statement in (f'CREATE DATABASE "{name}"', f'ALTER DATABASE "{name}" SET synchronous_commit = off'):
        problem = _ask_postgresql(statement)
        assert problem is None, problem
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind: a test that asks for it runs on both."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
