"""The front of the command line: settings, a transaction for each act, and every failure as one line.

exit code 0   done
          1   not done: one line names the field, the state or whatever stood in the way
          2   it cannot even begin: wrong usage, settings, database, port (must-survive K1, K2, F4, F6)
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from actors.app import CannotServe, House, build, opened
from actors.cli.logs import place_of
from actors.cli.output import never_stumble, printable, remark
from actors.migrations import SchemaError, check
from actors.refusals import MoveRefused, Refused
from actors.service.desk import Desk, DeskError
from actors.settings import SECRET_NAME, Settings, SettingsError, load
from fediverse.protocol.errors import FederationError
from fediverse.protocol.strict_json import MAX_BYTES, Json, loads_object
from fediverse.store.database import Transaction

T = TypeVar("T")


class Ended(click.ClickException):
    """The command ends here, with one line on standard error."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        remark(f"clarion: {self.message}")


class CannotBegin(Ended):
    """The same, before anything was tried."""

    exit_code = 2


class Front(click.Group):
    """The group of all commands: whatever goes wrong below comes out of it as one line, and never as a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was typed."""
        never_stumble()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as problem:
            if isinstance(problem, OSError) and problem.errno == errno.EPIPE:
                raise  # whoever read our output has seen enough; click ends quietly
            raise ended_by(problem) from None


def ended_by(problem: Exception) -> Ended:
    """How the command line tells of a failure."""
    match problem:
        case SettingsError() | SchemaError() | CannotServe():
            return CannotBegin(str(problem))
        case Refused() | MoveRefused() | DeskError():
            return Ended(str(problem))
        case FederationError():
            return Ended(problem.safe)
        case DBAPIError():
            # Of the driver's message only what SQLite says: PostgreSQL's may repeat values.
            said = str(problem.orig) if type(problem.orig).__module__ == "sqlite3" else type(problem.orig).__name__
            return Ended(f"the database could not be used: {said}")
        case SQLAlchemyError():
            return Ended(f"the database could not be used: {type(problem).__name__}")
        case OSError() if problem.filename is not None:
            return Ended(f"{printable(os.fsdecode(problem.filename))}: {problem.strerror}")
        case OSError():
            return Ended(problem.strerror or type(problem).__name__)
    return Ended(f"this is a fault of clarion's own: {place_of(type(problem), problem.__traceback__)}")


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line was told before the command: where the settings are."""

    config: Path | None

    def settings(self, *, first_start: bool = False) -> Settings:
        """The settings; on a `first_start` the sealing key may be made. Raises SettingsError."""
        try:
            settings = load(os.environ, self.config, create_secret=first_start)
        except SettingsError as problem:
            if not first_start and [each.name for each in problem.problems] == ["CLARION_SECRET"]:
                raise CannotBegin(f"{problem}; on a new server run clarion migrate first (serve does it too)") from None
            raise
        if settings.database.startswith("postgresql") and find_spec("asyncpg") is None:
            raise CannotBegin("CLARION_DATABASE needs a driver that is not installed: pip install 'clarion[postgres]'")
        if settings.secret_created:
            place = settings.data / SECRET_NAME
            remark(f"Made {place}. Copy it to another place: without it the followers in a backup are lost.")
        return settings

    def desk(self) -> Desk:
        """A desk whose database is not open: for what an act needs before its transaction."""
        return build(self.settings()).desk

    def write(self, act: Callable[[Transaction, Desk], Awaitable[T]]) -> T:
        """Carry out an act in one write transaction, beside whatever else runs on this database."""
        return asyncio.run(self._in_transaction(act, writes=True))

    def read(self, look: Callable[[Transaction, Desk], Awaitable[T]]) -> T:
        """Look at something in one transaction."""
        return asyncio.run(self._in_transaction(look, writes=False))

    def with_network(self, act: Callable[[House], Awaitable[T]]) -> T:
        """Do what needs the network as well; the act opens its own transactions."""

        async def run() -> T:
            async with opened(self.settings(), alone=False) as house:
                return await act(house)

        return asyncio.run(run())

    async def _in_transaction(self, act: Callable[[Transaction, Desk], Awaitable[T]], *, writes: bool) -> T:
        settings = self.settings()
        await check(settings.database)
        desk = build(settings).desk
        async with desk.database as database, database.write() if writes else database.read() as tx:
            return await act(tx, desk)


pass_given = click.make_pass_decorator(Given)


def read_document(path: Path) -> dict[str, Json]:
    """The JSON object in a file; `-` is standard input. Raises Ended where there is none."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        return loads_object(data)
    except OSError as problem:
        raise Ended(f"{path}: {problem.strerror}") from None
    except FederationError as problem:
        raise Ended(f"{path}: {problem.safe}") from None
