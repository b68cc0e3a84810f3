"""Answers kept by Idempotency-Key: a repeat is the same answer, never a second act (must-survive H9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from actors.service import acts
from actors.store import idempotency
from actors.store.idempotency import Answer, KeyReused, fingerprint
from tests.actors.desks import Group, group

WHO = "o" * 32
GOAL_UPDATE = fingerprint("POST", "/admin/v1/campaigns/roads/goal_update", {})


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        await found.open(languages=("en",))
        yield found


async def once(
    us: Group, key: str = "key", request: str = GOAL_UPDATE, who: str = WHO, *, fail: bool = False
) -> Answer:
    """What a door does with a goal update that carries a key."""
    async with us.database.write() as tx:
        kept = await idempotency.begin(tx, who, key, request, us.now)
        if kept is None:
            done = await acts.goal_update(tx, us.desk, us.by, "roads")
            if fail:
                raise RuntimeError("the plug is pulled")
            kept = Answer(200, str(done.version))
            await idempotency.keep(tx, who, key, kept)
        return kept


async def updates(us: Group) -> int:
    return len((await us.campaign()).campaign.announcements) - 1


async def test_h9_a_repeat_is_the_same_answer_and_one_act(us: Group) -> None:
    first = await once(us)
    us.later(hours=23)
    assert await once(us) == first == Answer(200, "3")
    assert await updates(us) == 1


async def test_h9_at_the_same_time_too(us: Group) -> None:
    answers = await asyncio.gather(*(once(us) for _ in range(5)))
    assert len(set(answers)) == 1
    assert await updates(us) == 1


async def test_h9_the_same_key_with_another_request_is_refused(us: Group) -> None:
    await once(us)
    with pytest.raises(KeyReused):
        await once(us, request=fingerprint("POST", "/admin/v1/campaigns/roads/goal_update", {"a": 1}))
    assert await updates(us) == 1


async def test_the_same_key_of_somebody_else_is_another_key(us: Group) -> None:
    await once(us)
    await once(us, who="p" * 32)
    assert await updates(us) == 2


async def test_an_act_that_failed_leaves_its_key_free(us: Group) -> None:
    with pytest.raises(RuntimeError):
        await once(us, fail=True)
    assert await updates(us) == 0
    await once(us)
    assert await updates(us) == 1


async def test_a_key_is_kept_for_more_than_a_day_and_then_free_again(us: Group) -> None:
    await once(us)
    us.later(hours=25)
    async with us.database.write() as tx:
        assert await idempotency.prune(tx, us.now) == 0
    us.later(hours=24)
    await once(us, request=fingerprint("POST", "/elsewhere", {}))
    assert await updates(us) == 2
    us.now += timedelta(days=3)
    async with us.database.write() as tx:
        assert await idempotency.prune(tx, us.now) == 1


def test_equal_bodies_are_equal_requests_however_they_are_written() -> None:
    one = fingerprint("PUT", "/x", {"a": "1", "b": ["2"]})
    assert one == fingerprint("PUT", "/x", {"b": ["2"], "a": "1"})
    assert len({one, fingerprint("POST", "/x", {"a": "1", "b": ["2"]}), fingerprint("PUT", "/y", {})}) == 3
