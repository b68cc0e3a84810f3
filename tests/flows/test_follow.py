"""Following and leaving, as people on other servers do it."""

from __future__ import annotations

import json

from tests.flows import texts
from tests.flows.story import Story


async def test_a_follow_is_accepted_within_a_second(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice", within=1)
    await us.follow(harbour, "bob", within=1)
    assert await us.followers() == 2
    assert harbour.kinds() == {"Accept": 2}


async def test_whoever_follows_sees_the_next_appeal_in_every_language(us: Story) -> None:
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    for name in ("alice", "bob"):
        await us.follow(harbour, name)
        await us.follow(hill, name)
    appeal = await us.opened("belmara")
    await us.told()
    assert harbour.kinds() == {"Accept": 2, "Create": 2, "Add": 2, "Profile": 1}
    assert hill.kinds() == {"Accept": 2, "Create": 4, "Add": 4, "Profile": 2}, "one post for each personal inbox"
    for server in (harbour, hill):
        shown = server.shown
        assert set(shown.notes) == set(appeal.values())
        assert shown.pins == [appeal["en"], appeal["fa"]]
        for language, url in appeal.items():
            assert texts.ASKS[language] in shown.texts[url]
            assert list(shown.notes[url]["contentMap"]) == [language]


async def test_whoever_unfollows_hears_nothing_more(us: Story) -> None:
    harbour, hill = await us.server("harbour.test"), await us.server("hill.test")
    alice = await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    undo = alice.activity("Undo", object=alice.activity("Follow", object=us.actor))
    assert (await us.post(alice, undo)).status == 202
    assert await us.followers() == 1
    await us.opened("belmara")
    await us.told()
    assert hill.kinds()["Create"] == 2
    assert harbour.kinds() == {"Accept": 1}


async def test_whoever_comes_after_the_opening_finds_the_appeal_pinned(us: Story) -> None:
    appeal = await us.opened("belmara")
    late = await us.server("ferry.test")
    alice = await us.follow(late, "alice")
    featured = await us.document((await us.document(us.actor))["featured"])
    assert featured["orderedItems"] == [appeal["en"], appeal["fa"]]
    for language, url in appeal.items():
        fetched = await alice.get(url, now=us.clock())
        assert fetched.status == 200
        assert texts.ASKS[language] in json.loads(fetched.body)["content"]
