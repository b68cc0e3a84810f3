"""Doing it twice, and being interrupted: the second time changes nothing, and nothing is lost."""

from __future__ import annotations

import asyncio
import json

from tests.flows import texts
from tests.flows.story import Story, kind_of
from tests.peers.recording import Answer


async def test_h9_a_move_made_twice_with_its_key_is_one_move_and_one_answer(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    await us.draft("belmara", texts.document(us.in_days(60)))
    first = await us.move("belmara", "open", Idempotency_Key="monday-night")
    again = await us.move("belmara", "open", Idempotency_Key="monday-night")
    assert again == first
    without = await us.admin("POST", "/campaigns/belmara/open")
    assert without.status == 409
    assert without.header("content-type") == "application/problem+json"
    await us.told()
    assert harbour.kinds()["Create"] == 2


async def test_closing_twice_is_no_error_and_tells_nobody_twice(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    await us.opened("belmara")
    await us.told()
    await asyncio.gather(*(us.move("belmara", "close") for _ in range(3)))
    await us.told()
    assert harbour.kinds() == {"Accept": 1, "Create": 4, "Add": 4, "Remove": 2, "Profile": 2, "Update": 2}


async def test_the_same_draft_twice_is_one_draft(us: Story) -> None:
    document = texts.document(us.in_days(60))
    first = await us.draft("belmara", document)
    assert await us.draft("belmara", document) == first
    changed = await us.admin("PUT", "/campaigns/belmara", document | {"goal_amount": "1.00"})
    assert changed.status == 428, "another document needs to say which it replaces"
    assert json.loads(changed.body)["version"] == first["version"]


async def test_a_follow_sent_twice_is_one_follower_and_a_new_one_is_accepted_again(us: Story) -> None:
    harbour = await us.server("harbour.test")
    alice = await us.follow(harbour, "alice")
    follow = harbour.posts[0].document["object"]
    assert (await us.post(alice, follow)).status == 202
    await us.follow(harbour, "alice")
    assert await us.followers() == 1
    assert harbour.kinds() == {"Accept": 2}


async def test_a_service_stopped_in_the_middle_goes_on_where_it_was(us: Story) -> None:
    harbour, hill = await us.server("harbour.test"), await us.server("hill.test")
    alice = await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    held = asyncio.Event()
    harbour.will("/inbox", Answer(hold=held))
    await us.opened("belmara")
    await hill.has(creates=2)
    await harbour.has(creates=1)  # and waits for its answer
    stopping = asyncio.create_task(us.stop())
    held.set()
    await stopping
    there = len(harbour.posts)
    await us.start()
    await us.told()
    assert harbour.kinds()["Create"] == hill.kinds()["Create"] == 2
    ids = [post.document["id"] for post in harbour.heard]
    assert len(ids) == len(set(ids)), "what was answered is not sent again"
    assert there < len(ids)

    await us.stop()
    await us.start()
    await us.move("belmara", "close", {"reason": "goal_met"})
    await us.restart()
    await us.told()
    for server in (harbour, hill):
        assert all("CLOSED" in text for text in server.shown.texts.values())
        assert len(server.shown.notes) == 4
    assert [kind_of(post) for post in harbour.posts].count("Accept") == 1
    assert (await us.post(alice, harbour.posts[0].document["object"])).status == 202
    assert await us.followers() == 2
