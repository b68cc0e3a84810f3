"""One `serve`, `migrate` or `restore` at a time on a SQLite file: a lock of its own beside it, never SQLite's.

SQLite's own locks would keep out the command line and `clarion deliver`, which may open the database beside a server.
The lock is the kernel's: it ends with the process, however that ends. PostgreSQL needs none here: migrations take an
advisory lock there, and leases keep senders apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

PRIVATE = 0o600


class SchemaError(Exception):
    """The database cannot be used as it is; str() is one line for an operator (exit code 2)."""


class InUse(SchemaError):
    """Another process holds the lock."""


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite URL; None for PostgreSQL."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


@contextlib.contextmanager
def hold(url: str) -> Iterator[None]:
    """Hold the lock of this database until the block ends. Raises InUse at once if somebody else does."""
    path = sqlite_file(url)
    if path is None:
        yield
        return
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as problem:
        raise SchemaError(f"the folder of the database cannot be used: {problem.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"{path.name} is in use: another clarion serve, migrate or restore is running on it") from None
        yield
    finally:
        os.close(lock)
