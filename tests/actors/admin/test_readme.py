"""The lines of README's first campaign, played by curl as they stand against a running server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.app import opened, serve
from actors.service import people
from actors.settings import load
from tests.actors.admin.houses import HOST
from tests.fediverse.service import Clock
from tests.fediverse.store.building import ACTOR, ORIGIN, one_key
from tests.peers.authority import Authority
from tests.peers.names import Names

ROOT = Path(__file__).parents[3]
SECTION = re.compile(r"^### A first campaign$(.*?)^## ", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^curl (?:.*\\\n)*.*\n", re.MULTILINE)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@contextlib.asynccontextmanager
async def running(folder: Path, authority: Authority, names: Names) -> AsyncIterator[tuple[str, int]]:
    """The whole server with TLS of its own on loopback: an organiser's token, and the port."""
    chain, private = authority.write_certificate(HOST, folder)
    private.chmod(0o600)
    environment = {
        "CLARION_ORIGIN": ORIGIN,
        "CLARION_DATA": str(folder / "data"),
        "CLARION_TLS_CERT": str(chain),
        "CLARION_TLS_KEY": str(private),
    }
    listener = names.listen(HOST)
    port: int = listener.getsockname()[1]
    async with opened(load(environment), clock=Clock()) as house:
        async with house.database.write() as tx:
            await people.create_actor(tx, house.desk, one_key(), handle="relief", name="Relief Fund", summary="")
            _, token = await people.add_organiser(tx, house.desk, ACTOR, label="first")
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(house, stop=stop, senders=0, listener=listener))
        try:
            yield token, port
        finally:
            stop.set()
            await serving


async def test_the_first_campaign_of_the_readme_is_true(tmp_path: Path, authority: Authority, names: Names) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    section = SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert section is not None
    script = "".join(BLOCK.findall(section[1]))
    assert len(COMMAND.findall(script)) == script.count("curl") == 5
    twice = COMMAND.sub(lambda found: found[0] * 2, script)  # as it says: without harm
    async with running(tmp_path, authority, names) as (token, port):
        # What a reader's machine has and this one lacks: a name that resolves, and a certificate everybody knows.
        (tmp_path / ".curlrc").write_text(
            f'connect-to = "{HOST}:443:{names.addresses[HOST]}:{port}"\ncacert = "{authority.ca_file}"\n'
            'silent\nshow-error\nfail-with-body\nnoproxy = "*"\nmax-time = 20\n'
        )
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CURL_HOME": str(tmp_path), "TOKEN": token}
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-e", "-c", twice),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, wrong = await shell.communicate()
        assert shell.returncode == 0, (said, wrong)
        assert said.decode().count("campaign winter: closed; nobody is left who has not confirmed\n") == 2
