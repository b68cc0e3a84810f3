"""A ledger in a fresh database of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fediverse.store.building import Ledger, ledger


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Ledger]:
    async with ledger(database_url) as opened:
        yield opened
