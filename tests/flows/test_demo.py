"""`clarion demo` as somebody runs it who has just installed it; and that its last line would tell the truth."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from actors.demo import play, texts
from actors.demo.stage import SERVERS, Server

pytestmark = pytest.mark.slow

CLOSING = "Closed: 3 of 3 servers show the campaign as closed; none of 5 followers is still asked to donate."
ROOT = Path(__file__).parent.parent.parent
DEMO = (sys.executable, "-m", "actors", "demo")


def environment(folder: Path) -> dict[str, str]:
    """Nothing configured, and everything temporary in one folder that can be looked at."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    return {**kept, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def played(*servers: Server, patience: float) -> tuple[int, list[str]]:
    """The demo with other servers; its exit code and the lines it printed."""
    out = io.StringIO()
    code = asyncio.run(play(Console(file=out, width=200), servers=servers, patience=patience))
    return code, out.getvalue().splitlines()


def fetched(said: str) -> str:
    """The public page, asked for as the printed curl command says: by name, at this address, believing that file."""
    how = re.search(r"curl --cacert (\S+) --resolve (\S+):(\d+):(\S+) https://\S+?(/c/\S+)$", said, re.MULTILINE)
    assert how is not None, said
    ca_file, name, port, address, path = how.groups()
    context = ssl.create_default_context(cafile=ca_file)
    with (
        socket.create_connection((address, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as channel,
    ):
        channel.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: channel.recv(65536), b"")).decode()


def test_the_demo_ends_with_nobody_asked_any_more(tmp_path: Path) -> None:
    done = subprocess.run(
        DEMO, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=100, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[-1] == CLOSING, f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0
    assert done.stderr == ""
    assert "DOES NOT HOLD" not in done.stdout
    assert "\x1b" not in done.stdout
    assert sum(line.startswith("  holds  ") for line in lines) >= 15
    assert list(tmp_path.iterdir()) == [], "something was left behind"


def test_the_demo_says_so_when_a_server_still_asks() -> None:
    deaf = replace(SERVERS[0], manners=replace(SERVERS[0].manners, takes_edits=False))
    code, lines = played(deaf, *SERVERS[1:], patience=6)
    assert code == 1
    assert lines[-1].startswith(
        "Not closed everywhere: 2 of 3 servers show the campaign as closed; "
        "1 of 3 servers still asks (mastodon.demo.test); 2 of 5 followers are still asked to donate. "
    ), "\n".join(lines)
    assert "steps did not hold: mastodon.demo.test shows the closing." in lines[-1]
    assert any(line.startswith("  DOES NOT HOLD  mastodon.demo.test shows the closing: 5 notes") for line in lines)


def test_the_demo_says_so_when_a_step_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "GOAL", "a great deal")
    code, lines = played(*SERVERS, patience=2)
    assert code == 1
    assert any("DOES NOT HOLD  the story goes on" in line and "goal_amount" in line for line in lines), lines
    assert lines[-1].startswith("Not closed everywhere: 0 of 3 servers show the campaign as closed; "), lines[-1]


def test_the_demo_can_be_kept_and_says_where_to_look(tmp_path: Path) -> None:
    with subprocess.Popen(
        (*DEMO, "--keep"), cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, text=True, bufsize=1
    ) as demo:
        assert demo.stdout is not None
        try:
            lines = []
            for line in demo.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("Ctrl-C"):
                    break
            said = "\n".join(lines)
            assert "please do not donate" in fetched(said)
            assert re.search(r"^  https://clarion\.demo\.test:\d+/admin/v1$", said, re.MULTILINE)
        finally:
            demo.send_signal(signal.SIGINT)
            code = demo.wait(timeout=30)
    assert code == 0
    assert CLOSING in lines
    assert list(tmp_path.iterdir()) == []
