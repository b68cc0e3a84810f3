"""Recording servers over real HTTPS: they look each other up, sign, prove, go down and come back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest

from actors.demo import httpsig
from actors.demo.ground import Ground
from actors.demo.neighbour import Neighbour, NoAnswer, Seen
from actors.demo.timelines import Manners

MINUTE = timedelta(minutes=1)


@contextlib.asynccontextmanager
async def street(*manners: Manners) -> AsyncIterator[tuple[list[Neighbour], aiohttp.ClientSession]]:
    """A server of each kind, with one person each, and a client that reaches them."""
    with Ground() as ground:
        neighbours = [
            Neighbour(ground, f"{chr(97 + at)}.demo.test", each, [f"person{at}"], lambda _: None)
            for at, each in enumerate(manners)
        ]
        async with contextlib.AsyncExitStack() as stack:
            for neighbour in neighbours:
                await stack.enter_async_context(neighbour)
            yield neighbours, await stack.enter_async_context(ground.session())


def handle(neighbour: Neighbour) -> str:
    return neighbour.people[0].account.removeprefix("acct:")


async def post(
    session: aiohttp.ClientSession, sender: Neighbour, to: str, activity: dict[str, Any], **more: Any
) -> int:
    """Post as a person of `sender`; `more` replaces headers."""
    body = json.dumps(activity).encode()
    person = sender.people[0]
    headers = httpsig.sign(person.private, person.key_id, "POST", to, body=body, now=datetime.now(UTC)) | more
    async with session.post(to, data=body, headers=headers) as answer:
        return answer.status


def whys(seen: Sequence[Seen]) -> list[str | None]:
    return [each.refusal for each in seen]


async def test_a_follow_is_looked_up_signed_and_proven() -> None:
    async with street(Manners("mastodon"), Manners("gotosocial", shared_inbox=False)) as ((a, b), _):
        followed = await b.follow(b.people[0], handle(a))
        assert followed == a.people[0].id
        assert [(seen.kind, seen.refusal, seen.person) for seen in a.seen] == [("Follow", None, None)]
        assert b.timelines.follows == {(b.people[0].id, followed): False}


async def test_an_accept_makes_a_follower() -> None:
    async with street(Manners("mastodon"), Manners("gotosocial", shared_inbox=False)) as ((a, b), session):
        await b.follow(b.people[0], handle(a))
        follow = {"type": "Follow", "actor": b.people[0].id, "object": a.people[0].id}
        accept = a.people[0].activity("Accept", "") | {"object": follow}
        assert await post(session, a, b.people[0].document()["inbox"], accept) == 202
        assert await b.until(lambda: b.timelines.follows[b.people[0].id, a.people[0].id], seconds=5)
        assert b.seen[-1].person == b.people[0].id


async def test_nobody_is_found_under_a_name_that_is_not_there() -> None:
    async with street(Manners("mastodon"), Manners("mastodon")) as ((a, b), _):
        with pytest.raises(NoAnswer, match="was answered 404"):
            await b.follow(b.people[0], f"nobody@{a.place.host}")
        await a.down()
        with pytest.raises(NoAnswer, match="could not be read"):
            await b.follow(b.people[0], handle(a))


async def test_what_is_not_proven_is_answered_401_and_changes_nothing() -> None:
    async with street(Manners("mastodon"), Manners("mastodon", max_body=300)) as ((a, b), session):
        inbox = f"{a.place.origin}/inbox"
        like = b.people[0].activity("Like", "https://x.test/1")
        assert await post(session, b, inbox, like, signature="") == 401
        assert await post(session, b, inbox, like, digest="SHA-256=AAAA") == 401
        assert await post(session, b, inbox, like | {"actor": a.people[0].id}) == 401
        assert await post(session, b, inbox, like, date=format_datetime(datetime.now(UTC) + MINUTE, usegmt=True)) == 401
        assert await post(session, a, f"{b.place.origin}/inbox", like | {"pad": "x" * 300}) == 401
        assert whys(a.seen) == [
            "the signature says nothing of algorithm, headers, keyId, signature",
            "the digest is that of another body",
            "its actor is not the owner of the key",
            "the signature was not made over this request with this key",
        ]
        assert whys(b.seen) == ["it is longer than 300 bytes"]


async def test_a_key_that_cannot_be_had_proves_nothing() -> None:
    async with street(Manners("mastodon"), Manners("mastodon")) as ((a, b), session):
        await b.down()
        assert await post(session, b, f"{a.place.origin}/inbox", b.people[0].activity("Like", "")) == 401
        assert "could not be had" in str(a.seen[0].refusal)


async def test_without_a_shared_inbox_there_is_none() -> None:
    async with street(Manners("gotosocial", shared_inbox=False), Manners("mastodon")) as ((a, b), session):
        assert "endpoints" not in a.people[0].document()
        assert await post(session, b, f"{a.place.origin}/inbox", b.people[0].activity("Like", "")) == 404


async def test_a_server_that_wants_signed_gets_shows_its_people_to_no_others() -> None:
    async with street(Manners("gotosocial", signed_gets=True), Manners("mastodon")) as ((a, b), session):
        url = a.people[0].id
        async with session.get(url) as answer:
            assert answer.status == 401
        person = b.people[0]
        headers = httpsig.sign(person.private, person.key_id, "GET", url, now=datetime.now(UTC))
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert (await answer.json(content_type=None))["id"] == url


async def test_a_server_says_what_it_runs_and_remembers_being_asked() -> None:
    async with street(Manners("misskey")) as ((a,), session):
        assert a.asked_for_software == 0
        async with session.get(f"{a.place.origin}/.well-known/nodeinfo") as answer:
            links = (await answer.json())["links"]
        async with session.get(links[0]["href"]) as answer:
            assert (await answer.json())["software"]["name"] == "misskey"
        assert a.asked_for_software == 1


async def test_a_server_that_is_down_refuses_and_comes_back_at_the_same_place() -> None:
    async with street(Manners("mastodon")) as ((a,), session):
        place = a.place
        async with session.get(a.people[0].id) as answer:
            assert answer.status == 200
        await a.down()
        assert not a.is_up
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(a.people[0].id)
        await a.up()
        assert a.place == place
        async with session.get(a.people[0].id) as answer:
            assert answer.status == 200


async def test_waiting_ends_when_the_time_is_over() -> None:
    async with street(Manners("mastodon")) as ((a,), _):
        assert not await a.until(lambda: False, seconds=0.01)


def test_the_ground_leaves_nothing_behind_and_its_keys_are_private() -> None:
    with Ground() as ground:
        place = ground.settle("clarion.demo.test")
        chain, private = ground.write_certificate(place.name)
        assert place.address.startswith("127.")
        assert ground.ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert "BEGIN CERTIFICATE" in chain.read_text()
        assert private.stat().st_mode & 0o077 == 0
    assert not ground.folder.exists()
