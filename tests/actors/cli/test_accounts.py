from __future__ import annotations

import asyncio
from pathlib import Path

from actors.app import build, opened
from actors.service import people
from actors.settings import Settings, load
from fediverse.protocol import documents
from fediverse.protocol.keys import PublicKey
from fediverse.store import followers
from tests.actors.cli.typing_in import Done, Here, beside
from tests.actors.desks import DONATE
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Actor, Answer, Peer, document


def test_an_actor_is_made_edited_and_listed(here: Here) -> None:
    here.run("migrate")
    made = here.run("actor", "create", "@relief", "--name", "Relief Fund", "--summary", "We *help*.")
    assert made.out == "@relief@fund.test\n"
    here.run("actor", "edit", "relief", "--name", "Relief for all")
    (row,) = here.run("actor", "list").rows
    assert (row["handle"], row["name"], row["followers"]) == ("@relief@fund.test", "Relief for all", "0")
    assert here.run("actor", "list", "--json").json[0]["id"] == made.err.strip()


def test_an_actor_that_cannot_be_is_refused_by_its_fields(here: Here) -> None:
    here.settled()
    line, code = here.refused("actor", "create", "The Fund!", "--name", " ")
    assert code == 1
    assert "handle: " in line
    assert "name: " in line
    assert here.refused("actor", "create", "fund", "--name", "Again") == ("clarion: handle: is taken", 1)
    assert here.refused("actor", "edit", "nobody", "--name", "x") == ("clarion: there is no such actor", 1)
    assert here.call("actor", "edit", "fund").code == 2, "nothing to change is a slip of the hand"


def test_destinations_are_added_suspended_and_taken_back(here: Here) -> None:
    here.settled()
    (row,) = here.run("actor", "destination", "list", "fund").rows
    assert (row["state"], row["kind"], row["currency"], row["url"]) == ("active", "money", "EUR", DONATE)
    assert here.run("actor", "destination", "suspend", "fund", DONATE).out == "suspended\n"
    assert here.run("actor", "destination", "list", "@fund", "--json").json[0]["state"] == "suspended"
    again = ["actor", "destination", "add", "fund", DONATE, "--label", "Solidarity fund", "--currency", "EUR"]
    assert here.run(*again).out.strip() == row["id"]
    here.run("actor", "destination", "suspend", "fund", row["id"])
    assert here.refused("actor", "destination", "suspend", "fund", "x") == ("clarion: there is no such destination", 1)
    line, code = here.refused("actor", "destination", "add", "fund", "http://a.example", "--label", "A")
    assert code == 1
    assert "url: " in line
    assert "currency: " in line


def test_a_token_is_shown_once_and_alone_and_ends_when_revoked(here: Here) -> None:
    here.settled()
    made = here.run("organiser", "add", "fund", "--role", "reader", "--label", "night shift")
    token = made.out.removesuffix("\n")
    assert len(token) == 43
    assert token not in made.err
    (row,) = here.run("organiser", "list", "fund").rows
    assert (row["role"], row["label"], row["revoked"]) == ("reader", "night shift", "-")
    assert token not in here.run("organiser", "list", "fund", "--json").out
    assert here.run("organiser", "revoke", "fund", row["organiser"]).out == "revoked\n"
    assert here.run("organiser", "list", "fund").rows[0]["revoked"] != "-"
    assert here.refused("organiser", "revoke", "fund", "0" * 32) == ("clarion: there is no such organiser", 1)
    assert here.run("organiser", "add", "fund").err.startswith("organiser ")


def settings_of(here: Here) -> Settings:
    return load(here.settings, create_secret=False)


async def follow(here: Here, person: Actor, handle: str = "fund") -> None:
    """Make them a follower, as their Follow would have."""
    house = build(settings_of(here))
    async with house.database as database, database.write() as tx:
        ours = (await people.actor_by_handle(tx, None, handle)).id
        await followers.add(
            tx,
            actor=ours,
            follow=documents.follow(f"{person.id}#follow", person.id, ours),
            personal=person.inbox,
            shared=person.peer.shared_inbox if person.peer.has_shared_inbox else None,
            key=PublicKey.from_pem(person.public_pem, person.key_id, person.id),
            now=house.desk.clock(),
        )


async def in_thread(here: Here, *words: str, stdin: str | None = None) -> Done:
    """A command while the peers of this loop answer."""
    return await asyncio.to_thread(here.call, *words, stdin=stdin)


async def test_a_follower_is_expelled_by_handle_or_id_and_told_by_a_reject(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "harbour.test") as peer:
        here = beside(tmp_path, authority, names)
        await in_thread(here, "migrate")
        for handle in ("fund", "other"):
            await in_thread(here, "actor", "create", handle, "--name", handle)
        alice, bob = peer.actor("alice"), peer.actor("bob")
        for handle in ("fund", "other"):
            await follow(here, alice, handle)
            await follow(here, bob, handle)

        done = await in_thread(here, "actor", "expel", f"@alice@{peer.host}")
        assert (done.code, done.out) == (0, "removed; their server is told by a Reject\n"), done
        assert "alice" not in done.err
        done = await in_thread(here, "actor", "expel", f"@alice@{peer.host}")
        assert (done.code, done.err) == (1, "clarion: nobody of that name follows\n")

        seen = len(peer.received)
        done = await in_thread(here, "actor", "expel", "--actor", "other", stdin=f"{bob.id}\n")
        assert done.code == 0, "asked for, so that the name is in no history; and an id needs no look-up"
        assert len(peer.received) == seen
        rows = (await in_thread(here, "actor", "list")).rows
        assert {row["handle"].split("@")[1]: row["followers"] for row in rows} == {"fund": "1", "other": "0"}

        status = (await in_thread(here, "queue", "status", "--json")).json
        assert status["deliveries"] == {"waiting": 3}
        async with here.running("deliver") as program:
            await peer.wait_until(lambda: told(peer, alice.inbox) == ["Reject"] * 2 and len(peer.posts) == 3)
            assert told(peer, bob.inbox) == ["Reject"]
            program.process.terminate()
            ended = await program.ended()
        assert ended.code == 0
        assert b"alice" not in (here.folder / "data" / "clarion.db").read_bytes()
        for text in (ended.out, ended.err):
            assert "alice" not in text


def told(peer: Peer, inbox: str) -> list[str]:
    return [post.document["type"] for post in peer.posts if f"{peer.origin}{post.path}" == inbox]


async def test_a_handle_that_leads_nowhere_is_one_line_that_does_not_repeat_it(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "harbour.test") as peer:
        here = beside(tmp_path, authority, names)
        await in_thread(here, "migrate")
        await in_thread(here, "actor", "create", "fund", "--name", "Fund")
        for whom, why in (
            (f"nobody@{peer.host}", "That server knows nobody of this name"),
            ("mallory", "FOLLOWER must be a handle"),
            ("mallory@127.0.0.1", "FOLLOWER must be a handle"),
            ("mallory@silent.test", "The other server gave no answer"),
        ):
            done = await in_thread(here, "actor", "expel", whom)
            assert (done.code, done.out) == (1, "")
            assert done.err.startswith(f"clarion: {why}")
            assert whom.partition("@")[0] not in done.err.replace("nobody of this name", "")
        peer.actor("carol")
        peer.will("/.well-known/webfinger", document({"links": []}), Answer(500))
        for why in ("That server's answer names no actor", "That server answered 500"):
            assert why in (await in_thread(here, "actor", "expel", f"carol@{peer.host}")).err


async def test_acts_need_no_instance_actor_and_leave_none_behind(here: Here) -> None:
    await in_thread(here, "migrate")
    await in_thread(here, "actor", "create", "fund", "--name", "Fund")
    async with opened(settings_of(here)) as house:
        assert (await house.federation.instance_key()).owner == "https://fund.test/actor"
