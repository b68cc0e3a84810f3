"""Servers that answer badly or not at all in the middle of a story still hear everything in its order."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.flows.shown import text_of
from tests.flows.story import Server, Story, kind_of
from tests.peers.recording import Answer

TROUBLE = {
    "overloaded": Answer(503),
    "broken": Answer(500),
    "cut after it was read": Answer(reset=True),
    "slowed down": Answer(429, {"Retry-After": "120"}),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_g14_whatever_a_server_answers_nothing_overtakes(us: Story, trouble: str) -> None:
    harbour = await us.server("harbour.test")
    alice = await us.follow(harbour, "alice")
    for _ in range(3):
        harbour.will("/inbox", TROUBLE[trouble])
    appeal = await us.opened("belmara")
    await harbour.has(creates=1)
    for move in ("pause", "resume", "close"):
        await us.move("belmara", move)
        us.later(minutes=30)
        await us.post(alice, alice.activity("Like", object=us.actor))
    await us.move("belmara", f"notes/{appeal['fa'].rpartition('/')[2]}/withdraw")
    for _ in range(3):  # until every wait is over, the repeat of a last word ten minutes later included
        us.later(hours=2)
        await us.post(alice, alice.activity("Like", object=us.actor))
    await us.told()
    us.later(minutes=11)
    await us.told()
    in_order(harbour)
    shown = harbour.shown
    assert appeal["fa"] not in shown.notes
    assert all("CLOSED" in text_of(note) for note in shown.notes.values())
    assert appeal["en"] in shown.notes
    assert not shown.orphans
    assert (await us.report("belmara"))["settled"] is True


def in_order(server: Server) -> None:
    """That each note came by its Create, in growing versions, and was never spoken of again once it was deleted.

    A Create that kept failing may come after an Update that waited for it long enough: then with the newest version.
    """
    story: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for post in server.heard:
        about = post.document["object"]
        if isinstance(about, dict) and about["type"] in ("Note", "Tombstone"):
            story[about["id"]].append((kind_of(post), str(about.get("updated", ""))))
    assert story
    for said in story.values():
        kinds = [kind for kind, _ in said]
        assert kinds[0] == "Create", said
        assert "Delete" not in kinds or set(kinds[kinds.index("Delete") :]) == {"Delete"}, said
        versions = [updated for kind, updated in said if kind != "Delete"]
        assert versions == sorted(versions), said
