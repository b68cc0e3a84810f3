"""Everything that leaves in a whole story: taken by every kind of receiver, small enough, and never a way to give."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fediverse import following
from fediverse.protocol.messages import Request
from tests.flows import texts
from tests.flows.story import HANDLE, Story, kind_of, notes_of
from tests.peers.content import depth, parse
from tests.peers.receivers import Delivery, refusals

MOST_BYTES = 64 * 1024  # Misskey's bodyLimit (mastodon-compat §1.7)
MOST_DEPTH = 8  # Pixelfed's


def wrong(us: Story, host: str, request: Request) -> list[str]:
    """Whatever any receiver at `host` would have against a POST of ours."""
    found = [f"{who}: {why}" for who, why in refusals(Delivery(request, us.public_pem, us.clock(), host)).items()]
    if len(request.body) > MOST_BYTES:
        found.append(f"{len(request.body)} bytes")
    if depth(parse(request.body)) > MOST_DEPTH:
        found.append(f"{depth(parse(request.body))} deep")
    found += [f"names {place}" for place in texts.DESTINATION_HOSTS if place in request.body.decode()]
    return found


async def all_that_we_say(us: Story) -> dict[str, Any]:
    """Play every act there is, to servers of every kind; the last answer about the campaign that was closed."""
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    lagoon = await us.server("lagoon.test", software="misskey")
    for server in (harbour, hill, lagoon):
        await us.follow(server, "alice")
    bob = await us.follow(hill, "bob")
    await us.software_known()

    appeal = await us.opened("belmara")
    await us.raised("belmara", "4600.00")
    await us.move("belmara", "goal-update")
    await us.told()
    us.later(seconds=11)
    await us.move("belmara", "pause")
    await us.told()
    us.later(seconds=11)
    await us.move("belmara", "resume")
    await us.told()
    await us.done("PATCH", f"/actors/{HANDLE}", {"summary": "Printers of Belmara, *in exile*."})
    async with us.house.database.write() as tx:
        assert await following.expel(tx, us.house.desk.act(us.actor, us.clock()), bob.id)
    await us.told()
    us.later(seconds=11)
    standing = await us.move("belmara", "close", {"reason": "goal_met"})
    await us.told()
    await us.move("belmara", f"notes/{appeal['fa'].rpartition('/')[2]}/withdraw")
    await us.told()
    await us.opened("passage", texts.document(us.in_days(40), texts.SECOND, None))
    await us.move("passage", "retract")
    await us.told()
    return standing


async def test_every_post_is_taken_by_every_receiver(us: Story) -> None:
    await all_that_we_say(us)
    every = {"Accept", "Reject", "Create", "Update", "Profile", "Delete", "Add", "Remove"}
    seen: Counter[str] = Counter()
    for server in us.servers.values():
        for post in server.heard:
            seen[kind_of(post)] += 1
            assert wrong(us, server.host, post.request) == [], kind_of(post)
    assert set(seen) == every
    assert sum(seen.values()) > 60


async def test_no_document_of_ours_and_no_head_of_a_page_says_where_to_give(us: Story) -> None:
    appeal = await us.opened("belmara")
    actor = await us.document(us.actor)
    documents = [us.actor, *appeal.values(), actor["outbox"], f"{actor['outbox']}?page=1", actor["featured"]]
    documents += [actor["followers"], actor["following"], f"{us.origin}/actor"]
    for slug, move in (("belmara", "pause"), ("belmara", "resume"), ("belmara", "close")):
        await us.move(slug, move)
        for url in documents:
            text = (await us.get(url, accept="application/activity+json")).body.decode()
            assert not any(host in text for host in texts.DESTINATION_HOSTS), url
        for language in appeal:
            page = await us.page("belmara", language)
            head, _, body = page.partition("</head>")
            assert not any(host in head for host in texts.DESTINATION_HOSTS)
            assert (texts.FUND in body) is (move == "resume"), "on the page itself, and only while it is open"
        profile = (await us.get(f"/@{HANDLE}")).body.decode()
        assert not any(host in profile for host in texts.DESTINATION_HOSTS)


async def test_nothing_that_asks_leaves_after_the_closing(us: Story) -> None:
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    for server in (harbour, hill):
        await us.follow(server, "alice")
    await us.opened("belmara")
    await harbour.has(creates=1)  # the rest may be on its way or still queued
    await us.move("belmara", "close")
    before = {server: len(server.posts) for server in (harbour, hill)}
    await us.told()
    us.later(minutes=11)
    await us.told()
    for server, since in before.items():
        # One post may have begun before the act and arrived after it.
        asking = [post for post in server.heard[since:] if any(ask in text_in(post) for ask in texts.ASKS.values())]
        assert len(asking) <= 1
        assert all("CLOSED" in text for text in server.shown.texts.values())
        assert len(server.shown.notes) == 4


def text_in(post: Any) -> str:
    """What a note that was posted says."""
    about = post.document["object"]
    return str(about.get("content", "")) if isinstance(about, dict) else ""


async def test_what_is_as_long_as_it_may_be_still_passes_everywhere(us: Story) -> None:
    harbour = await us.server("harbour.test")
    await us.follow(harbour, "alice")
    projects = [{"name": f"{n}{'ن' * 79}", "url": f"https://kitchen.test/?{'&' * 300}"} for n in range(5)]
    closed = {"outcome": "\U0001f525" * 250 + "<&>" * 83, "projects": projects}
    longest = {**texts.FIRST, "title": "ت" * 100, "lead": "ب" * 160, "closed": closed}
    too_long = {**closed, "projects": [{"name": "x", "url": f"https://kitchen.test/?{'&' * 2000}"}] * 5}
    refused = await us.admin(
        "PUT", "/campaigns/belmara", texts.document(us.in_days(60), {**texts.FIRST, "closed": too_long}, None)
    )
    assert refused.status == 400
    await us.opened("belmara", texts.document(us.in_days(60), longest, None))
    closure = notes_of(await us.move("belmara", "close"), "closure")
    await us.told()
    assert closure["en"] in harbour.shown.notes
    for post in harbour.heard:
        assert wrong(us, harbour.host, post.request) == [], kind_of(post)
