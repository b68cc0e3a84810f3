"""fediverse-pasture, written by others: its example objects in our inbox, and its verification of our actor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.flows.running import running
from tests.peers import environments
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Actor, Peer


@pytest.mark.peer
async def test_none_of_the_262_objects_of_fediverse_pasture_breaks_the_inbox_or_makes_it_fetch_anything(
    tmp_path: Path, authority: Authority, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    inputs: dict[str, list[dict[str, Any]]] = json.loads((environments.pasture() / "inputs.json").read_text("utf-8"))
    assert sum(map(len, inputs.values())) == 262
    names.claim("fund.test")
    async with Peer(authority, names, "pasture.test") as peer, running(tmp_path, authority, names) as fund:
        mallory = peer.actor("mallory")
        accepted = await mallory.post(fund.inbox, mallory.activity("Follow", object=fund.actor))
        assert accepted.status == 202
        await peer.wait_for(lambda it: it.document.get("type") == "Accept")
        fetched = len(peer.fetches)
        answers: dict[int, list[str]] = {}
        for group, objects in inputs.items():
            for number, added in enumerate(objects):
                activity = _create(mallory, added, f"{group}-{number}", fund.actor)
                for inbox in (fund.inbox, f"{fund.actor}/inbox"):
                    answer = await mallory.post(inbox, activity)
                    answers.setdefault(answer.status, []).append(f"{group} {number}")
        asked_about_us = {"/.well-known/nodeinfo", "/nodeinfo/2.0"}  # what software a new host runs
        assert set(peer.fetches[fetched:]) <= asked_about_us
    assert set(answers) <= {202, 400}, answers
    assert len(answers[202]) > 500
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def _create(actor: Actor, added: dict[str, Any], name: str, recipient: str) -> dict[str, Any]:
    """The object in a Create, as its authors send it: what it adds to a plain note. None of them is an activity."""
    note = {
        "id": f"{actor.id}/notes/{name}",
        "type": "Note",
        "attributedTo": actor.id,
        "to": ["https://www.w3.org/ns/activitystreams#Public", recipient],
        "published": "2026-11-22T12:00:00Z",
        **added,
    }
    context = note.pop("@context", "https://www.w3.org/ns/activitystreams")
    return {**actor.activity("Create", object=note, to=note["to"]), "@context": context}


@pytest.mark.peer
async def test_verify_actor_of_fediverse_pasture_passes_and_its_strictest_actor_can_follow_us(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    environment = environments.pasture()
    names.claim("pasture.test")
    async with (
        running(tmp_path, authority, names) as fund,
        pasture(environment, tmp_path, authority, names) as origin,
        Peer(authority, names, "test.test") as asking,
    ):

        async def ask(method: str, target: str) -> Any:
            answer = await asking.send(method, f"{origin}{target}", {"Accept": "application/json"})
            assert answer.status == 200
            return json.loads(answer.body)

        found = await ask("GET", f"/?actor_uri={quote(fund.actor)}")
        passed = {
            name: (each["get_actor"], each["post_inbox"]) for name, each in found["result"].items() if name in WHO
        }
        assert passed == WHO, found["messages"]
        assert found["result"]["webfinger"] is True
        assert "Got 401 for unsigned POST" in found["messages"]

        # Her actor document takes a signature that holds, ours; her Follow has to be verified; so has our Accept.
        assert await ask("POST", f"/claire/follow?object={quote(fund.actor)}") == {"status": 202}
        (accept,) = await ask("GET", "/said")
        assert (accept["type"], accept["actor"], accept["object"]["id"]) == (
            "Accept",
            fund.actor,
            f"{origin}/claire/follows/1",
        )


WHO = {
    # name: whether it may GET our actor, whether it may POST to our inbox. Alice and Dean do not sign.
    "alice": (True, False),
    "bob": (True, True),
    "claire": (True, True),
    "dean": (True, False),
    "emily": (True, True),
    "frank": (True, True),
}


@contextlib.asynccontextmanager
async def pasture(environment: Path, folder: Path, authority: Authority, names: Names) -> AsyncIterator[str]:
    """fediverse-pasture's server in a process of its own; its origin."""
    host = "pasture.test"
    chain, private = authority.write_certificate(host, folder)
    what = {
        "host": host,
        "address": names.claim(host),
        "port": names.free_port(host),
        "chain": str(chain),
        "private": str(private),
        "names": names.addresses,
    }
    process = await asyncio.create_subprocess_exec(
        environment / "bin" / "python",
        Path(__file__).parents[1] / "peers" / "pasture" / "serve.py",
        json.dumps(what),
        env={"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(authority.ca_file)},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"ready\n"
        yield f"https://{host}:{what['port']}"
    finally:
        process.kill()
        await process.wait()
