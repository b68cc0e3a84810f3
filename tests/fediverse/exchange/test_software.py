"""Looking up software: each new host once, in the background, with a limit a minute, and again after a month."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator

from sqlalchemy import select

from fediverse.exchange import software
from fediverse.exchange.client import Client
from fediverse.exchange.software import Lookup
from fediverse.protocol.keys import KeyPair
from fediverse.store import hosts, schema
from tests.fediverse.store.building import Ledger, ledger, one_key
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Answer, Peer

LINKS, DOCUMENT = "/.well-known/nodeinfo", "/nodeinfo/2.0"


async def _key() -> KeyPair:
    return one_key()


@contextlib.asynccontextmanager
async def looking(url: str, authority: Authority, names: Names) -> AsyncIterator[tuple[Ledger, Lookup]]:
    client = Client(
        user_agent="Clarion (+https://fund.example/about)",
        exempt=[ipaddress.ip_network("127.0.0.0/8")],
        resolve=names.addresses,
        ca_file=authority.ca_file,
    )
    async with ledger(url) as book, client:
        yield book, Lookup(book.database, client, lambda: book.now, _key)


async def known(book: Ledger, name: str) -> str | None:
    async with book.database.read() as tx:
        return await hosts.software_of(tx, name)


async def test_a_new_host_is_asked_once_and_its_software_kept(
    database_url: str, authority: Authority, names: Names
) -> None:
    async with (
        Peer(authority, names, "peer1.test", software="misskey") as peer,
        looking(database_url, authority, names) as (book, lookup),
    ):
        await book.follow(peer.host, times=3)
        assert await lookup.look_up() == 1
        assert await known(book, peer.host) == "misskey"
        book.later(hours=5)
        assert await lookup.look_up() == 0
        assert peer.fetches == [LINKS, DOCUMENT]


async def test_a_host_without_a_follower_is_not_asked(sqlite_url: str, authority: Authority, names: Names) -> None:
    async with looking(sqlite_url, authority, names) as (book, lookup):
        async with book.database.write() as tx:
            await tx.execute(schema.hosts.insert().values(name="stranger.test"))
        assert await lookup.look_up() == 0


async def test_a_host_is_asked_again_after_a_month(sqlite_url: str, authority: Authority, names: Names) -> None:
    async with (
        Peer(authority, names, "peer1.test", software="misskey") as peer,
        looking(sqlite_url, authority, names) as (book, lookup),
    ):
        await book.follow(peer.host)
        await lookup.look_up()
        peer.software = "sharkey"
        book.later(days=29, hours=23)
        assert await lookup.look_up() == 0
        book.later(hours=1)
        assert await lookup.look_up() == 1
        assert await known(book, peer.host) == "sharkey"


async def test_a_host_that_does_not_answer_keeps_what_was_known_and_is_asked_an_hour_later(
    sqlite_url: str, authority: Authority, names: Names
) -> None:
    async with (
        Peer(authority, names, "peer1.test", software="misskey") as peer,
        looking(sqlite_url, authority, names) as (book, lookup),
    ):
        await book.follow(peer.host)
        await lookup.look_up()
        peer.always(LINKS, Answer(503))
        book.later(days=30)
        assert await lookup.look_up() == 1
        assert await known(book, peer.host) == "misskey"
        assert await lookup.look_up() == 0
        peer.as_usual(LINKS)
        peer.software = "mastodon"
        book.later(hours=1)
        assert await lookup.look_up() == 1
        assert await known(book, peer.host) == "mastodon"


async def test_a_host_that_has_no_nodeinfo_has_no_software(sqlite_url: str, authority: Authority, names: Names) -> None:
    async with (
        Peer(authority, names, "peer1.test") as peer,
        looking(sqlite_url, authority, names) as (book, lookup),
    ):
        peer.always(LINKS, Answer(404))
        await book.follow(peer.host)
        await lookup.look_up()
        assert await known(book, peer.host) is None
        book.later(days=1)
        assert await lookup.look_up() == 0


async def test_no_more_than_sixty_hosts_are_asked_in_a_minute(
    sqlite_url: str, authority: Authority, names: Names
) -> None:
    names.claim("dark.test")
    async with looking(sqlite_url, authority, names) as (book, lookup):
        for port in range(1, 71):  # nobody listens at an address of its own: refused at once
            await book.follow(f"dark.test:{port}")
        assert await lookup.look_up() == software.A_MINUTE
        assert await lookup.look_up() == 0
        book.later(seconds=61)
        assert await lookup.look_up() == 10


async def test_no_transaction_is_open_while_a_host_is_asked(
    sqlite_url: str, authority: Authority, names: Names
) -> None:
    async with (
        Peer(authority, names, "slow.test") as peer,
        looking(sqlite_url, authority, names) as (book, lookup),
    ):
        gate = asyncio.Event()
        peer.will(LINKS, Answer(404, hold=gate))
        await book.follow(peer.host)
        asking = asyncio.create_task(lookup.look_up())
        await peer.wait_until(lambda: peer.fetches == [LINKS])
        async with asyncio.timeout(5), book.database.write() as tx:
            asked = await tx.value(select(schema.hosts.c.software_asked))
        assert asked is not None
        gate.set()
        assert await asking == 1
