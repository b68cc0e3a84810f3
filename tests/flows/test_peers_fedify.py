"""Fedify, written by others, as a strict peer: it follows, is accepted, and verifies all that a campaign says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.flows.running import running
from tests.peers import environments
from tests.peers.authority import Authority
from tests.peers.names import Names

HOST = "fedify.test"


class Fedify:
    """The other server's account of what happened, line by line."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self.lines: list[dict[str, Any]] = []
        self._output = output

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first line, past or to come, that is wanted."""
        for line in self.lines:
            if wanted(line):
                return line
        async with asyncio.timeout(30):
            while text := await self._output.readline():
                self.lines.append(json.loads(text))
                if wanted(self.lines[-1]):
                    return self.lines[-1]
        raise AssertionError(f"it ended: {self.lines}")

    async def hears(self, kind: str) -> dict[str, Any]:
        """The first activity of this type that it has verified, apart from those about our actor."""
        return await self.until(lambda it: it.get("received") == kind and it.get("kind") in (None, "Note"))


@pytest.mark.peer
async def test_fedify_follows_us_and_verifies_what_we_say(tmp_path: Path, authority: Authority, names: Names) -> None:
    node, modules = environments.fedify()
    names.claim(HOST)
    async with running(tmp_path, authority, names) as fund:
        handle = fund.origin.replace("https://", "acct:fund@")
        async with fedify(node, modules, tmp_path, authority, names, follow=handle) as peer:
            accept = await peer.hears("Accept")
            assert accept["actor"] == fund.actor
            await fund.do("open")
            create = await peer.hears("Create")
            await fund.do("close")
            update = await peer.hears("Update")
            await fund.do("retract")
            delete = await peer.until(lambda it: it.get("received") == "Delete" and it["object"] == create["object"])
        assert {it["actor"] for it in (create, update, delete)} == {fund.actor}
        assert "Please chip in" in create["content"]
        assert update["object"] == create["object"]
        assert update["summary"].startswith("CLOSED")
        assert "Please chip in" not in update["content"]

        found = next(it for it in peer.lines if "found" in it)
        assert found == {"found": fund.actor, "kind": "Service", "name": "fund"}
        knocks = [(it["scheme"], it["status"]) for it in peer.lines if it.get("sent") == "POST"]
        assert knocks == [("rfc9421", 401), ("draft-cavage", 202)], "refused in a way that makes it fall back"
        assert not [it for it in peer.lines if "refused" in it or "error" in it]


@contextlib.asynccontextmanager
async def fedify(
    node: str, modules: Path, folder: Path, authority: Authority, names: Names, *, follow: str
) -> AsyncIterator[Fedify]:
    """A Fedify server in a process of its own, which follows right away."""
    script = folder / "serve.mjs"  # beside its modules, where Node looks for them
    shutil.copy(Path(__file__).parents[1] / "peers" / "fedify" / "serve.mjs", script)
    (folder / "node_modules").symlink_to(modules)
    chain, private = authority.write_certificate(HOST, folder)
    what = {
        "host": HOST,
        "address": names.claim(HOST),
        "port": names.free_port(HOST),
        "chain": str(chain),
        "private": str(private),
        "names": names.addresses,
        "follow": follow,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        script,
        json.dumps(what),
        env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(authority.ca_file)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield Fedify(process.stdout)
    finally:
        process.kill()
        await process.wait()
