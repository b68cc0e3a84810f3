"""Taking back: one note, or a whole campaign."""

from __future__ import annotations

import json

import pytest

from tests.flows import texts
from tests.flows.shown import text_of
from tests.flows.story import ACTIVITY_JSON, Story, kind_of, notes_of


async def gone(us: Story, url: str) -> None:
    """That a note is gone for everybody, and nothing of it is left to read."""
    for accept in (ACTIVITY_JSON, "text/html"):
        answer = await us.get(url, accept=accept)
        assert answer.status == 410
        for text in (*texts.ASKS.values(), texts.FIRST["title"], texts.FIRST_FA["title"]):
            assert text.encode() not in answer.body
        if accept == ACTIVITY_JSON:
            tombstone = json.loads(answer.body)
            assert (tombstone["type"], tombstone["id"]) == ("Tombstone", url)


async def test_g13_a_withdrawn_note_is_deleted_wherever_it_went_and_the_others_stay(us: Story) -> None:
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    alice = await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    appeal = await us.opened("belmara")
    await us.told()
    undo = alice.activity("Undo", object=alice.activity("Follow", object=us.actor))
    await us.post(alice, undo)
    note = appeal["fa"].rpartition("/")[2]
    standing = await us.move("belmara", f"notes/{note}/withdraw")
    assert standing["state"] == "open"
    await us.told()
    for server in (harbour, hill):  # whoever left is told as well: the copy is there
        assert set(server.shown.notes) == {appeal["en"]}
        assert server.shown.gone == {appeal["fa"]}
    await gone(us, appeal["fa"])
    assert (await us.get("/c/belmara/fa")).status == 410
    assert texts.FUND in await us.page("belmara", "en")


async def test_withdrawing_goes_before_everything_that_waits(us: Story) -> None:
    harbour = await us.server("harbour.test")
    alice = await us.follow(harbour, "alice")
    appeal = await us.opened("belmara")
    await us.told()
    await harbour.down()
    await us.raised("belmara", "4600.00")
    await us.move("belmara", "goal-update")
    await us.move("belmara", f"notes/{appeal['fa'].rpartition('/')[2]}/withdraw")
    before = len(harbour.posts)
    await harbour.up()
    await us.post(alice, alice.activity("Like", object=us.actor))
    await us.told()
    assert kind_of(harbour.posts[before]) == "Delete"


@pytest.mark.parametrize("erase", [False, True])
async def test_a_retracted_campaign_is_gone_everywhere(us: Story, erase: bool) -> None:
    harbour, hill = await us.server("harbour.test"), await us.server("hill.test")
    await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    appeal = await us.opened("belmara")
    await us.raised("belmara", "4600.00")
    standing = await us.move("belmara", "goal-update")
    await us.told()
    closing = await us.move("belmara", "close") if erase else standing
    await us.told()
    await us.move("belmara", "retract", {"erase": erase})
    for language in appeal:
        page = await us.get(f"/c/belmara/{language}")
        assert page.status == 410
        assert texts.FIRST["title"].encode() not in page.body
        assert (b"Withdrawn on" in page.body) is (language == "en" and not erase)
    await us.told()
    urls = {url for said in closing["announcements"] for url in [note["url"] for note in said["notes"]]}
    for server in (harbour, hill):
        assert server.shown.notes == {}
        assert server.shown.gone == urls
        assert server.shown.pins == []
        assert server.shown.profile["attachment"] == []
    for url in urls:
        await gone(us, url)
    assert (await us.document(f"{us.actor}/outbox"))["totalItems"] == 0
    assert (await us.admin("PUT", "/campaigns/belmara", texts.document(us.in_days(9)))).status == 409, (
        "slugs stay taken"
    )


async def test_what_nobody_ever_got_is_deleted_nowhere(us: Story) -> None:
    harbour = await us.server("harbour.test")
    appeal = await us.opened("belmara")
    await us.follow(harbour, "alice")
    await us.move("belmara", "retract")
    await us.told()
    assert "Delete" not in harbour.kinds()
    for url in appeal.values():
        await gone(us, url)


async def test_a_closure_note_can_be_withdrawn_and_the_page_stays_closed(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    await us.opened("belmara")
    closure = notes_of(await us.move("belmara", "close"), "closure")
    await us.told()
    await us.move("belmara", f"notes/{closure['en'].rpartition('/')[2]}/withdraw")
    await us.told()
    assert closure["en"] not in harbour.shown.notes
    assert texts.STOPS["fa"] in text_of(harbour.shown.notes[closure["fa"]])
    assert texts.STOPS["en"] in await us.page("belmara", "en")
