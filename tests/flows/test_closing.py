"""A campaign ends, and nobody who was ever asked is still being asked."""

from __future__ import annotations

from tests.flows import texts
from tests.flows.shown import Shown, links_of, text_of
from tests.flows.story import Server, Story, kind_of, notes_of


def asks(us: Story, shown: Shown) -> list[str]:
    """The notes of a server that still ask: by their words, or by a link to the page where it can be given."""
    sentences = (*texts.ASKS.values(), *texts.SECOND_ASKS.values())
    return [
        note_id
        for note_id, note in shown.notes.items()
        if any(sentence in text_of(note) for sentence in sentences)
        or any(link.startswith(f"{us.origin}/c/") and not link.endswith("/closed") for link in links_of(note))
        or note.get("tag")
    ]


def says_stop(note: dict[str, object]) -> bool:
    (language,) = note["contentMap"]  # type: ignore[misc]
    return texts.STOPS[language] in text_of(note)


async def opened_with_an_update(us: Story, *servers: Server) -> dict[str, str]:
    """A campaign that was opened and is half-way, as every server has heard; language -> the appeal's note."""
    appeal = await us.opened("belmara")
    await us.raised("belmara", "4600.00")
    await us.move("belmara", "goal-update")
    await us.told()
    for server in servers:
        assert len(server.shown.notes) == 3
        assert not server.shown.orphans
    return appeal


async def test_closing_reaches_every_earlier_note_and_says_so_in_a_pinned_one(us: Story) -> None:
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    appeal = await opened_with_an_update(us, harbour, hill)
    assert texts.FUND in await us.page("belmara", "en")
    before = {server: len(server.posts) for server in (harbour, hill)}

    closure = notes_of(await us.move("belmara", "close", {"reason": "goal_met"}), "closure")
    page = await us.page("belmara", "en")  # at once, whatever was delivered by then
    assert texts.FUND not in page
    assert texts.STOPS["en"] in page
    await us.told()

    for server, since in before.items():
        shown = server.shown
        assert asks(us, shown) == []
        assert len(shown.notes) == 5
        for url in appeal.values():
            assert says_stop(shown.notes[url])
            assert shown.notes[url]["summary"] == shown.notes[url]["summary"].strip()
            assert shown.notes[url]["sensitive"] is True
        for language, url in closure.items():
            assert says_stop(shown.notes[url])
            assert shown.notes[url]["inReplyTo"] == appeal[language]
        assert not shown.orphans
        assert shown.pins == [closure["en"], closure["fa"]]
        assert "CLOSED" in shown.profile["attachment"][0]["value"]
        kinds = [kind_of(post) for post in server.posts[since:]]
        assert kinds.index("Create") > max(n for n, kind in enumerate(kinds) if kind == "Update"), "what asks, first"
    for language in appeal:
        for closed in (False, True):
            page = await us.page("belmara", language, closed=closed)
            assert texts.STOPS[language] in page
            assert texts.ASKS[language] not in page
            assert not any(host in page for host in texts.DESTINATION_HOSTS)


async def test_the_notes_served_are_closed_the_moment_the_campaign_is(us: Story) -> None:
    appeal = await us.opened("belmara")
    await us.move("belmara", "close")
    for language, url in appeal.items():
        note = await us.document(url)
        assert note["content"] == note["contentMap"][language]
        assert says_stop(note)
        assert texts.ASKS[language] not in note["content"]
        assert "tag" not in note or note["tag"] == []
    outbox = await us.document(f"{us.actor}/outbox?page=1")
    creates = [item for item in outbox["orderedItems"] if item["type"] == "Create"]
    assert len(creates) == 4
    assert all(says_stop(item["object"]) for item in creates)


async def test_g12_a_server_that_was_down_at_the_closing_hears_the_closed_form_only(us: Story) -> None:
    harbour, hill = await us.server("harbour.test"), await us.server("hill.test")
    alice = await us.follow(harbour, "alice")
    await us.follow(hill, "bob")
    await us.opened("belmara")
    await hill.has(creates=2, profiles=1)
    await harbour.has(creates=2, profiles=1)
    await harbour.down()
    await us.raised("belmara", "4600.00")
    await us.move("belmara", "goal-update")
    await hill.has(creates=3)
    await us.move("belmara", "close")
    await hill.has(creates=5, updates=3)
    report = await us.report("belmara")
    assert report["settled"] is False

    away = len(harbour.posts)
    await harbour.up()
    like = alice.activity("Like", object=us.actor)
    assert (await us.post(alice, like)).status == 202  # it is alive, and says so
    await us.told()
    late = harbour.heard[away:]
    for post in late:
        said = post.document["object"]
        if isinstance(said, dict) and said.get("type") == "Note":
            assert says_stop(said), "nothing that asks leaves after the closing"
    assert asks(us, harbour.shown) == []
    first = [kind_of(post) for post in late][:3]
    assert sorted(first) == ["Create", "Update", "Update"], "first what it shows, and the goal update it missed, closed"
    assert harbour.kinds(away)["Create"] == 3, "then the closure notes"
    assert not harbour.shown.orphans
    assert (await us.report("belmara"))["settled"] is True


async def test_g12_a_server_that_never_got_the_appeal_gets_it_closed(us: Story) -> None:
    harbour = await us.server("harbour.test")
    alice = await us.follow(harbour, "alice")
    await us.told()
    await harbour.down()
    await us.opened("belmara")
    await us.move("belmara", "close")
    await harbour.up()
    await us.post(alice, alice.activity("Like", object=us.actor))
    await us.told()
    # Where a post was begun and nobody knows whether it arrived, the last word is said again ten minutes later.
    us.later(minutes=11)
    await us.told()
    shown = harbour.shown
    assert len(shown.notes) == 4
    assert asks(us, shown) == []
    for post in harbour.heard:
        assert texts.ASKS["en"] not in post.request.body.decode()


async def test_a_server_that_takes_no_edits_is_told_to_delete_and_then_that_it_is_over(us: Story) -> None:
    lagoon = await us.server("lagoon.test", software="misskey")
    await us.follow(lagoon, "yuki")
    await us.software_known()
    appeal = await opened_with_an_update(us, lagoon)
    before = len(lagoon.posts)
    closure = notes_of(await us.move("belmara", "close", {"reason": "goal_met"}), "closure")
    await us.told()

    kinds = [kind_of(post) for post in lagoon.posts[before:] if kind_of(post) not in ("Add", "Remove", "Profile")]
    assert kinds == ["Delete"] * 3 + ["Create"] * 2
    shown = lagoon.shown
    assert set(shown.notes) == set(closure.values())
    assert set(appeal.values()) < shown.gone
    assert all(says_stop(note) for note in shown.notes.values())
    assert not any(note.get("inReplyTo") for note in shown.notes.values()), "Misskey refuses what answers the deleted"
    assert (await us.document(appeal["en"]))["type"] == "Note", "for everybody else the note stands, closed"


async def test_pausing_stops_the_asking_and_resuming_brings_it_back(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    appeal = await us.opened("belmara")
    await us.told()
    us.later(seconds=11)
    await us.move("belmara", "pause")
    assert texts.FUND not in await us.page("belmara", "fa")
    await us.told()
    for language, url in appeal.items():
        assert texts.ASKS[language] not in harbour.shown.texts[url]
    assert harbour.shown.notes[appeal["en"]]["summary"].startswith("PAUSED")
    us.later(seconds=11)
    await us.move("belmara", "resume")
    await us.told()
    for language, url in appeal.items():
        assert texts.ASKS[language] in harbour.shown.texts[url]
        assert not harbour.shown.notes[url].get("summary")
    assert texts.FUND in await us.page("belmara", "fa")


async def test_a_campaign_whose_end_has_come_stops_by_itself(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    appeal = await us.opened("belmara", texts.document(us.in_days(3)))
    await us.told()
    us.later(days=3, seconds=1)
    assert texts.FUND not in await us.page("belmara", "en"), "the page knows before anybody was told"
    late = await us.get(appeal["en"], accept="application/activity+json")
    assert late.status == 503
    assert late.header("retry-after")
    assert await us.sweep() == ["belmara"]
    await us.told()
    shown = harbour.shown
    assert asks(us, shown) == []
    assert len(shown.notes) == 4
    assert all("EXPIRED" in text for text in shown.texts.values())
    assert "EXPIRED" in await us.page("belmara", "en", closed=True)
