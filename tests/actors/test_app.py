"""The whole service: what it is made of, what it listens with, how it starts, fails and stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from actors import app
from actors.app import CannotServe, House, listen, opened, run_until, serve, stopped_by_signals
from actors.migrations import SchemaError
from actors.model import State
from actors.service import people
from actors.store import campaigns
from fediverse.protocol.keys import PublicKey
from fediverse.store import followers
from fediverse.store.schema import deliveries, hosts
from tests.actors.houses import SLUG, Clock, Living, living, settings
from tests.fediverse.service import read_answer
from tests.peers.authority import Authority
from tests.peers.names import Names
from tests.peers.recording import Answer, Peer

JSON = {"Accept": "application/activity+json"}
ALLOWED = {"allow_addresses": "127.0.0.0/8"}


@contextlib.asynccontextmanager
async def served(house: House, *, senders: int = 0) -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Task[None]]]:
    """A running server: its port, what stops it, and its task; stopped at the end if it still runs."""
    listener, stop = listen(house.settings), asyncio.Event()
    port: int = listener.getsockname()[1]
    running = asyncio.create_task(serve(house, stop=stop, senders=senders, listener=listener))
    try:
        yield port, stop, running
    finally:
        stop.set()
        await running


async def ask(port: int, sent: bytes, *, tls: ssl.SSLContext | None = None) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and read one answer."""
    name = "fund.test" if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            answer = await read_answer(reader, bodyless=sent.startswith(b"HEAD"))
        return answer.status, dict(answer.headers), answer.body
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def line(path: str, method: str = "GET", host: str = "fund.test", *more: str) -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


async def follow(house: Living, *peers: Peer) -> None:
    """A follower at each peer."""
    async with house.house.database.write() as tx:
        for peer in peers:
            person = peer.actor("alice")
            await followers.add(
                tx,
                actor=house.actor.id,
                follow={"id": f"{person.id}#f", "type": "Follow", "actor": person.id, "object": house.actor.id},
                personal=person.inbox,
                shared=peer.shared_inbox,
                key=PublicKey.from_pem(person.public_pem, f"{person.id}#main-key", person.id),
                now=house.clock(),
            )


async def states(house: Living) -> list[str]:
    async with house.house.database.read() as tx:
        return [row["state"] for row in await tx.rows(select(deliveries.c.state).order_by(deliveries.c.seq))]


def test_a_house_is_put_together_without_touching_anything(tmp_path: Path) -> None:
    given = settings(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    house = app.build(given)
    assert house.desk.database is house.database is house.federation.database
    assert sorted(path.name for path in tmp_path.iterdir()) == before


async def test_a_house_opens_an_empty_database_and_makes_its_own_actor(database_url: str, tmp_path: Path) -> None:
    async with opened(settings(tmp_path, database=database_url)) as house:
        answer = await app.create_app(house).test_client().get("/actor", headers={"Host": "fund.test", **JSON})
        assert (await answer.get_json())["type"] == "Application"
        first = (await house.federation.instance_key()).public_pem()
    async with opened(settings(tmp_path, database=database_url), alone=False) as house:
        assert (await house.federation.instance_key()).public_pem() == first


async def test_f6_a_second_server_on_the_same_data_does_not_start(tmp_path: Path) -> None:
    async with opened(settings(tmp_path)):
        with pytest.raises(SchemaError, match="in use"):
            async with opened(settings(tmp_path)):
                raise AssertionError
        async with opened(settings(tmp_path), alone=False):
            pass


async def test_every_door_is_open_at_once(tmp_path: Path) -> None:
    async with living(tmp_path) as house:
        await house.open()
        for path, status in (
            ("/", 200),
            ("/about", 200),
            ("/c/roads/en", 200),
            ("/@fund", 200),
            ("/health", 200),
            ("/.well-known/webfinger?resource=acct:fund@fund.test", 200),
            ("/.well-known/nodeinfo", 200),
            ("/admin/v1/openapi.json", 200),
            ("/admin/v1/campaigns", 401),
            ("/inbox", 405),
        ):
            assert (await house.get(path)).status_code == status, path


async def test_health_tells_whether_the_database_can_be_read_and_nothing_else(tmp_path: Path) -> None:
    async with living(tmp_path) as house:
        answer = await house.get("/health", host="10.0.0.7:8000")
        assert (answer.status_code, await answer.get_data()) == (200, b"ok\n")
        assert answer.headers["Cache-Control"] == "no-store"
        async with house.house.database.write() as tx:
            await tx.execute(text("ALTER TABLE local_actors RENAME TO away"))
        answer = await house.get("/health")
        assert (answer.status_code, await answer.get_data()) == (503, b"not well\n")


async def test_h12_only_health_answers_to_another_host(tmp_path: Path) -> None:
    async with living(tmp_path) as house:
        for path in ("/", "/about", "/admin/v1/openapi.json", "/@fund", "/inbox", "/nothing", "/health/"):
            assert (await house.get(path, host="evil.example")).status_code == 421
            assert (await house.get(path, host="evil.example", x_forwarded_host="fund.test")).status_code == 421


async def test_it_says_nothing_about_itself_and_speaks_no_other_protocol(tmp_path: Path) -> None:
    async with opened(settings(tmp_path)) as house, served(house) as (port, _, _):
        status, headers, body = await ask(port, line("/health"))
        assert (status, body) == (200, b"ok\n")
        assert "server" not in headers
        assert headers["x-content-type-options"] == "nosniff"
        status, headers, body = await ask(port, line("/health", "HEAD"))
        assert (status, body) == (200, b"")
        upgrade = line("/health", "GET", "x", "Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        assert (await ask(port, upgrade))[0] == 200
        assert (await ask(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))[0] == 400
        socket_upgrade = line(
            "/health", "GET", "x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA=="
        )
        assert (await ask(port, socket_upgrade))[0] >= 400


async def test_it_serves_tls_of_its_own(tmp_path: Path, authority: Authority) -> None:
    chain, private = authority.write_certificate("fund.test", tmp_path)
    private.chmod(0o600)
    given = settings(tmp_path, tls_cert=str(chain), tls_key=str(private))
    async with opened(given) as house, served(house) as (port, _, _):
        context = authority.client_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        status, _, body = await ask(port, line("/health"), tls=context)
        assert (status, body) == (200, b"ok\n")


async def test_k2_a_port_in_use_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        given = settings(tmp_path, bind=address)
        with pytest.raises(CannotServe) as refused:
            listen(given)
    assert str(refused.value) == f"CLARION_BIND: cannot listen at {address}: Address already in use"
    listen(given).close()


async def test_k2_an_address_that_is_not_ours_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match=r"^CLARION_BIND: cannot listen at 192\.0\.2\.1:8000: "):
        listen(settings(tmp_path, bind="192.0.2.1:8000"))


async def test_k2_tls_files_that_went_bad_are_one_line_and_nothing_is_served(
    tmp_path: Path, authority: Authority
) -> None:
    chain, private = authority.write_certificate("fund.test", tmp_path)
    private.chmod(0o600)
    given = settings(tmp_path, tls_cert=str(chain), tls_key=str(private))
    chain.write_text("not a certificate any more")
    async with opened(given) as house:
        listener = listen(given)
        with pytest.raises(CannotServe, match=r"^CLARION_TLS_CERT and CLARION_TLS_KEY: "):
            await serve(house, stop=asyncio.Event(), senders=0, listener=listener)
        assert listener.fileno() == -1, "closed: the port is free again"


async def test_k3_a_stop_lets_the_post_in_flight_end_and_leaves_the_rest_queued(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "slow.test") as peer:
        resolve = ",".join(f"{name}={address}" for name, address in names.addresses.items())
        async with living(tmp_path, **ALLOWED, resolve=resolve, ca_file=str(authority.ca_file)) as house:
            gate = asyncio.Event()
            peer.will("/inbox", Answer(202, hold=gate))
            await follow(house, peer)
            await house.open()
            stop = stopped_by_signals()
            running = asyncio.create_task(
                serve(house.house, stop=stop, senders=4, listener=listen(house.house.settings))
            )
            await peer.wait_until(lambda: len(peer.posts) == 1)
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
            assert not running.done(), "the post in flight is waited for"
            gate.set()
            async with asyncio.timeout(20):
                await running
            assert await states(house) == ["delivered", *["waiting"] * (len(await states(house)) - 1)]
            assert len(peer.posts) == 1
            assert len(await states(house)) > 1


async def test_k3_what_does_not_end_in_time_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DRAIN", timedelta(milliseconds=50))
    stop, quick, never = asyncio.Event(), asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(60))
    async with asyncio.timeout(5):
        await run_until(stop, [quick, never])
    assert stop.is_set(), "one that ends takes the others with it"
    assert never.cancelled()


async def test_one_that_falls_over_ends_all_and_is_told(tmp_path: Path) -> None:
    async def falls() -> None:
        raise CannotServe("no")

    async def lasts(stop: asyncio.Event) -> None:
        await stop.wait()

    stop = asyncio.Event()
    with pytest.raises(CannotServe):
        await run_until(stop, [asyncio.create_task(falls()), asyncio.create_task(lasts(stop))])


async def test_what_has_expired_is_closed_by_the_server_itself(tmp_path: Path) -> None:
    async with living(tmp_path) as house:
        await house.open(expires="2026-11-23T12:00:00Z")
        house.clock.forward(hours=24)
        async with served(house.house):
            await _until_closed(house)


async def _until_closed(house: Living) -> None:
    async with asyncio.timeout(10):
        while True:
            async with house.house.database.read() as tx:
                kept = await campaigns.by_slug(tx, SLUG)
            if kept is not None and kept.campaign.state is State.CLOSED:
                return


async def test_a_server_looks_up_what_its_followers_run_and_delivers(
    tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with Peer(authority, names, "peer1.test", software="misskey") as peer:
        resolve = ",".join(f"{name}={address}" for name, address in names.addresses.items())
        async with living(tmp_path, **ALLOWED, resolve=resolve, ca_file=str(authority.ca_file)) as house:
            await follow(house, peer)
            await house.open()
            async with served(house.house, senders=2):
                await peer.wait_for(lambda it: it.document.get("type") == "Create")
                async with asyncio.timeout(10):
                    while await _software(house, peer) is None:
                        await peer.wait_until(lambda: "/nodeinfo/2.0" in peer.fetches)


async def _software(house: Living, peer: Peer) -> str | None:
    async with house.house.database.read() as tx:
        known: str | None = await tx.value(select(hosts.c.software).where(hosts.c.name == peer.host))
    return known


async def test_a_job_that_fails_does_not_keep_the_others_from_theirs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with living(tmp_path) as house:
        await house.open(expires="2026-11-23T12:00:00Z")
        house.clock.forward(hours=24)
        async with house.house.database.write() as tx:
            await tx.execute(text("ALTER TABLE answers RENAME TO away"))
        with caplog.at_level(logging.ERROR, "actors.app"):
            async with served(house.house):
                await _until_closed(house)
        assert "forgetting failed: OperationalError" in caplog.text
        assert "answers" not in caplog.text, "the message of a database is not for logs"


async def test_a_clock_and_ids_can_be_handed_in(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(settings(tmp_path), clock=clock, new_id=lambda: "7" * 32, new_token=lambda: "t") as house:
        assert house.desk.clock is house.federation.clock is clock
        assert people.new_key(house.desk).owner == f"https://fund.test/actors/{'7' * 32}"


def test_random_things_are_as_long_as_they_are_said_to_be() -> None:
    assert len(app.random_hex()) == 32
    assert len(app.random_token()) == 43
    assert 0 <= app.random_number() < 1
    assert app.utc_now().utcoffset() == timedelta(0)
