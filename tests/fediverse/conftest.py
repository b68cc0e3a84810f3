"""Fixtures of the federation's tests."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fediverse.service import Service, serving
from tests.fediverse.steps import Door
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Peer


@pytest.fixture
def door(authority: Authority, names: Names, tmp_path: Path) -> Door:
    """`async with door(url) as (service, peer)`: ours and one other server that speak to each other over TLS."""

    @contextlib.asynccontextmanager
    async def opening(url: str, **settings: Any) -> AsyncIterator[tuple[Service, Peer]]:
        async with (
            Peer(authority, names, "peer1.test") as peer,
            serving(url, names, authority=authority, tmp=tmp_path, **settings) as service,
        ):
            yield service, peer

    return opening
