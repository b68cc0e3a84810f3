"""The command line as an operator has it: short commands run here, long ones as processes of their own.

here = Here(tmp_path)                               # settings in the environment, nothing else of ours in it
here.run("migrate")
here.run("campaign", "open", "roads").out           # fails the test unless the exit code is 0
here.refused("campaign", "open", "nowhere")         # ("clarion: there is no such campaign", 1)
async with here.running("serve") as program:        # its first line was read: it serves
    program.process.send_signal(signal.SIGTERM)
    code, out, err = await program.ended()
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actors.cli import main
from tests.actors.desks import DONATE, document
from tests.peers.authority import Authority
from tests.peers.names import LOOPBACK, Names

ROOT = Path(__file__).parents[3]
NAME = "fund.test"


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, str]]:
        """Its tab-separated lines, by column."""
        columns, *lines = (line.split("\t") for line in self.out.splitlines())
        return [dict(zip(columns, line, strict=True)) for line in lines]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """A long-running command."""

    def __init__(self, process: asyncio.subprocess.Process, first: str) -> None:
        self.process = process
        self.first = first

    async def ended(self) -> Done:
        """Wait until it has ended by itself."""
        async with asyncio.timeout(30):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Done(self.process.returncode, out.decode(), err.decode())


class Here:
    """One server's settings and the commands on it; see the top of this file."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {
            "CLARION_ORIGIN": f"https://{NAME}",
            "CLARION_CONTACT": "ops@fund.test",
            "CLARION_DATA": str(folder / "data"),
            "CLARION_BIND": "127.0.0.1:0",
            **{f"CLARION_{name.upper()}": value for name, value in settings.items()},
        }

    @property
    def environment(self) -> dict[str, str]:
        """For processes: our settings, and as little else as Python needs; no locale."""
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", **self.settings}

    def call(self, *words: str, stdin: str | None = None, **settings: str) -> Done:
        """Run a short command in this process. Inside a running loop everything there waits for it."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._call(words, stdin, settings)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._call, words, stdin, settings).result()

    def _call(self, words: Sequence[str], stdin: str | None, settings: Mapping[str, str]) -> Done:
        ours = {name: None for name in os.environ if name.startswith("CLARION_")}
        given = {**self.settings, **{f"CLARION_{name.upper()}": value for name, value in settings.items()}}
        ran = CliRunner().invoke(main, words, env={**ours, **given}, input=stdin, prog_name="clarion")
        return Done(ran.exit_code, ran.stdout, ran.stderr)

    def run(self, *words: str, stdin: str | None = None) -> Done:
        """The same; it has to succeed."""
        done = self.call(*words, stdin=stdin)
        assert done.code == 0, done
        return done

    def refused(self, *words: str, **settings: str) -> tuple[str, int]:
        """The one line on standard error, and the exit code; nothing may stand on standard output."""
        done = self.call(*words, **settings)
        assert done.out == ""
        assert done.err.count("\n") == 1, done
        return done.err.rstrip("\n"), done.code

    def process(self, *words: str) -> Done:
        """Run a command as a process of its own, to its end."""
        ran = subprocess.run(
            [sys.executable, "-m", "actors", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Done(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    @contextlib.asynccontextmanager
    async def running(self, *words: str) -> AsyncIterator[Program]:
        """Run a long command until the block ends, from when it has said its first line."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "actors", *words, cwd=ROOT, env=self.environment, stdout=pipe, stderr=pipe
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(60):
                first = (await process.stderr.readline()).decode()
            yield Program(process, first)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    def settled(self) -> Here:
        """With a database, an actor @fund and a destination on its list."""
        self.run("migrate")
        self.run("actor", "create", "fund", "--name", "The fund", "--summary", "We *help*.")
        self.run("actor", "destination", "add", "fund", DONATE, "--label", "Solidarity fund", "--currency", "EUR")
        return self

    def write(self, name: str, value: Mapping[str, Any] | None = None) -> str:
        """A document in a file, by default a whole campaign; its path."""
        path = self.folder / name
        path.write_text(json.dumps(document() if value is None else value, ensure_ascii=False))
        return str(path)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """A server nobody has set up yet."""
    return Here(tmp_path)


def beside(folder: Path, authority: Authority, names: Names, **settings: str) -> Here:
    """A server that reaches the peers in `names`, which are all there already."""
    resolve = ",".join(f"{name}={address}" for name, address in names.addresses.items())
    return Here(
        folder,
        ca_file=str(authority.ca_file),
        allow_addresses=str(LOOPBACK),
        resolve=resolve,
        pace="off",
        **settings,
    )
