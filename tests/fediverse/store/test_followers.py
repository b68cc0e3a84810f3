"""Followers at rest: found, counted, never readable."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from fediverse.protocol.keys import PublicKey
from fediverse.store import followers, schema
from fediverse.store.database import Transaction
from fediverse.store.followers import Follower
from tests.fediverse.stores import ALICE, FUND, NOW, ORIGIN, an_actor, inbox_url, key_of, opened

FOLLOW = {"id": f"{ALICE}#follows/1", "type": "Follow", "actor": ALICE, "object": FUND}
SHARED = "https://peer.example/inbox"
PERSONAL = f"{ALICE}/inbox"


async def add(
    tx: Transaction, *, actor: str = FUND, follow: str = FOLLOW["id"], shared: str | None = SHARED
) -> Follower:
    return await followers.add(
        tx,
        actor=actor,
        follow={**FOLLOW, "id": follow, "object": actor},
        personal=PERSONAL,
        shared=shared,
        key=key_of(ALICE).public(),
        now=NOW,
    )


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_follower_is_found_by_actor_and_by_follow_and_comes_back_whole(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        await add(tx)
        found = await followers.find(tx, FUND, ALICE)
        assert found is not None
        assert (found.id, found.actor, found.follow) == (ALICE, FUND, FOLLOW)
        assert (found.key.key_id, found.key.owner) == (f"{ALICE}#main-key", ALICE)
        assert await inbox_url(tx, found.inbox) == SHARED
        assert await inbox_url(tx, found.personal) == PERSONAL
        assert [it.id for it in await followers.find_by_follow(tx, ALICE, FOLLOW["id"])] == [ALICE]
        assert await followers.is_follower(tx, FUND, ALICE)
        assert await followers.count(tx, FUND) == 1


async def test_a_follow_id_finds_nothing_for_anybody_but_its_owner(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        await add(tx)
        assert await followers.find_by_follow(tx, "https://peer.example/users/bob", FOLLOW["id"]) == []
        assert not await followers.is_follower(tx, FUND, "https://peer.example/users/bob")


async def test_a_newer_follow_takes_the_place_of_the_older(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        await add(tx)
        await add(tx, follow=f"{ALICE}#follows/2", shared=None)
        assert await followers.count(tx, FUND) == 1
        assert await followers.find_by_follow(tx, ALICE, FOLLOW["id"]) == []
        [found] = await followers.find_by_follow(tx, ALICE, f"{ALICE}#follows/2")
        assert found.inbox == found.personal
        assert await tx.value(select(schema.followers.c.since)) == NOW


async def test_one_person_may_follow_several_actors_and_leave_one(database_url: str) -> None:
    other = f"{ORIGIN}/actors/other"
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        await an_actor(tx, other, "other")
        await add(tx)
        await add(tx, actor=other, follow=f"{ALICE}#follows/2")
        assert [it.actor for it in await followers.find_everywhere(tx, ALICE)] == [FUND, other]
        assert await followers.remove(tx, FUND, ALICE)
        assert not await followers.remove(tx, FUND, ALICE)
        assert [it.actor for it in await followers.find_everywhere(tx, ALICE)] == [other]
        assert (await followers.count(tx, FUND), await followers.count(tx, other)) == (0, 1)


async def test_it_is_known_whether_an_inbox_still_has_a_follower_behind_it(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        await an_actor(tx)
        follower = await add(tx)
        for inbox in (follower.inbox, follower.personal):
            assert await followers.anyone_behind(tx, FUND, inbox)
        await followers.remove(tx, FUND, ALICE)
        for inbox in (follower.inbox, follower.personal):
            assert not await followers.anyone_behind(tx, FUND, inbox)


async def test_a_host_has_many_followers_from_five_people_on(database_url: str) -> None:
    async with opened(database_url) as database, database.write() as tx:
        other = f"{ORIGIN}/actors/other"
        await an_actor(tx)
        await an_actor(tx, other, "other")
        for number in range(1, 6):
            assert not await followers.has_many(tx, "peer.example")
            for actor in (FUND, other):  # one person, however many of our actors they follow
                them = f"https://peer.example/users/{number}"
                await followers.add(
                    tx,
                    actor=actor,
                    follow={**FOLLOW, "id": f"{them}#{actor}", "actor": them, "object": actor},
                    personal=f"{them}/inbox",
                    shared=SHARED,
                    key=PublicKey(f"{them}#main-key", them, key_of(ALICE).private.public_key()),
                    now=NOW,
                )
        assert await followers.has_many(tx, "peer.example")
        assert not await followers.has_many(tx, "elsewhere.example")


async def test_a_shared_inbox_that_is_the_personal_one_is_sealed_like_it(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.write() as tx:
        await an_actor(tx)
        follower = await add(tx, shared=PERSONAL)
        assert follower.inbox == follower.personal
        assert await tx.value(select(schema.inboxes.c.url).where(schema.inboxes.c.key == follower.inbox)) is None


async def test_j1_no_follower_can_be_read_from_the_files_of_the_database(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'clarion.sqlite3'}") as database:
        async with database.write() as tx:
            await an_actor(tx)
            await add(tx)
        async with database.write() as tx:
            await add(tx, follow=f"{ALICE}#follows/2")
        stored = everything_in(tmp_path)
    assert b"peer.example" in stored  # the host and its shared inbox stand there for the line of deliveries
    assert b"alice" not in stored
    assert key_of(ALICE).public_pem().splitlines()[1].encode() not in stored
