"""The story every flow is told on; see tests/flows/story.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.story import Story, story
from tests.peers.authority import Authority
from tests.peers.names import Names


@pytest.fixture
async def us(sqlite_url: str, tmp_path: Path, authority: Authority, names: Names) -> AsyncIterator[Story]:
    """A running service on SQLite, with one actor and nobody who follows."""
    async with story(sqlite_url, tmp_path, authority, names) as found:
        yield found
