"""Where the environments of other makers' software are (tests/peers/setup.sh makes them), or why a test is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

PEERS = Path(__file__).parents[2] / ".peers"
COMMAND = "bash tests/peers/setup.sh"
NEW_ENOUGH = 22


def pasture() -> Path:
    """The environment of fediverse-pasture."""
    if not (PEERS / "pasture" / "made-from").exists():
        _missing("fediverse-pasture is not set up", may_skip=os.environ.get("CI") != "true")
    return PEERS / "pasture"


def fedify() -> tuple[str, Path]:
    """A Node that is new enough, and the folder with Fedify's modules."""
    node = _node()
    if node is None:
        _missing(f"Node {NEW_ENOUGH} or newer is not here", may_skip=True)
    if not (PEERS / "fedify" / "made-from").exists():
        _missing("Fedify is not set up", may_skip=os.environ.get("CI") != "true")
    return node, PEERS / "fedify" / "node_modules"


def _missing(what: str, *, may_skip: bool) -> NoReturn:
    reason = f"{what}: {COMMAND}"
    if may_skip:
        pytest.skip(reason)
    pytest.fail(reason)


@cache
def _node() -> str | None:
    for candidate in (shutil.which("node"), PEERS / "node" / "node_modules" / ".bin" / "node"):
        if candidate is None or not Path(candidate).exists():
            continue
        asked = [str(candidate), "-p", "process.versions.node.split('.')[0]"]
        version = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if version.isdigit() and int(version) >= NEW_ENOUGH:
            return str(candidate)
    return None
