"""After a whole story nobody who seizes the disk, the logs or what was answered finds who follows, or how to get in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from actors.cli.logs import OneLine
from fediverse.store.database import Database
from tests.flows import texts
from tests.flows.story import HANDLE, NAME, Story, story
from tests.peers.authority import Authority
from tests.peers.names import Names

ADDRESS = "127.77.66.55"  # where planted requests really come from
FORWARDED = "203.0.113.99"
BROWSER = "PlantedBrowser/9.9"
MAIL = "planted.mail@letters.example"
FOLLOWERS = ("planted-alice", "planted-bob", "planted-carol")
HEADERS = {
    "X-Forwarded-For": FORWARDED,
    "X-Real-IP": FORWARDED,
    "Forwarded": f"for={FORWARDED}",
    "User-Agent": BROWSER,
    "Referer": f"https://referrer.example/{BROWSER}",
    "From": MAIL,
    "Cookie": f"who={MAIL}",
}
OPEN_FILES = ("sealing.key", f"{NAME}.pem", f"{NAME}.key", "clarion.sqlite3.lock")
"""The key that is kept apart from what it seals, and the certificate of this test's server."""
CONTROL = '\r\n\x1b[2K{"level": "error", "text": "FAKE"}\u2028\u202e'


@contextlib.contextmanager
def logs() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Everything that is logged: as `clarion serve` writes it, and our own lines raw, down to the last detail."""
    written, raw = io.StringIO(), io.StringIO()
    as_served, ours = logging.StreamHandler(written), logging.StreamHandler(raw)
    as_served.setFormatter(OneLine())
    ours.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root, own = logging.getLogger(), [logging.getLogger(name) for name in ("actors", "fediverse")]
    before = [(each, each.level) for each in (root, *own)]
    root.addHandler(as_served)
    for each in own:
        each.addHandler(ours)
        each.setLevel(logging.DEBUG)
    root.setLevel(logging.WARNING)
    try:
        yield written, raw
    finally:
        root.removeHandler(as_served)
        for each in own:
            each.removeHandler(ours)
        for each, level in before:
            each.setLevel(level)


async def plant(us: Story) -> dict[str, bytes]:
    """A whole story in which somebody leaves a trace at every door; what must not be found, by what it is."""
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    lagoon = await us.server("lagoon.test", software="misskey")
    people = [await us.follow(server, name) for server, name in zip((harbour, hill, lagoon), FOLLOWERS, strict=True)]
    await us.software_known()
    stranger = harbour.actor("planted-dave")
    for kind in ("Like", "Delete", "Create", "Flag"):
        await us.post(stranger, stranger.activity(kind, object=us.actor, content=MAIL))
    await us.post(people[0], people[0].activity("Undo", object=f"{people[0].id}#follows/9", summary=MAIL))

    appeal = await us.opened("belmara")
    await us.told()
    await harbour.down()
    await us.raised("belmara", "4600.00")
    await us.move("belmara", "goal-update", Idempotency_Key="monday")
    await us.move("belmara", "close", {"reason": "goal_met"})
    await hill.has(creates=5)
    await visit_every_door(us, appeal["en"])
    await harbour.up()
    await us.post(people[0], people[0].activity("Like", object=us.actor))
    await us.told()
    await us.move("belmara", f"notes/{appeal['fa'].rpartition('/')[2]}/withdraw")
    undo = people[1].activity("Undo", object=people[1].activity("Follow", object=us.actor))
    await us.post(people[1], undo)
    await us.told()

    key = await us.house.federation.key(us.actor)
    secrets = {f"line {n} of the private key": line for n, line in enumerate(key.private_pem().split()[3:-3])}
    secrets |= {"token": us.token, "reader's token": us.reader, "wrong token": WRONG_TOKEN}
    secrets |= {"address": ADDRESS, "forwarded address": FORWARDED, "browser": BROWSER, "mail": MAIL}
    secrets |= {"a follower's name": "planted-"}
    for someone in people:
        secrets |= {f"key of {someone.name}, {n}": line for n, line in enumerate(someone.public_pem.split("\n")[1:-3])}
    found = {what: value.encode() for what, value in secrets.items()}
    for someone in people:
        for plain in (someone.id, someone.inbox, someone.account):
            digest = hashlib.sha256(plain.encode())
            found[f"plain hash of {plain}"] = digest.digest()
            found[f"plain hash of {plain} in hex"] = digest.hexdigest().encode()
            found[f"plain hash of {plain} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
    return found


WRONG_TOKEN = "planted_token_that_nobody_has_0123456789abcdefghi"


async def visit_every_door(us: Story, note: str) -> None:
    """Somebody curious, rude or wrong, at everything that answers; their address is ADDRESS."""
    pages = ["/", "/about", f"/@{HANDLE}", "/c/belmara/en", "/c/belmara/fa/closed", "/health", note, us.actor]
    pages += [f"/c/{quote(MAIL)}/en?from={quote(MAIL)}", f"/@{quote(MAIL)}", f"/planted-{BROWSER}", "/c/belmara/xx"]
    pages += [
        f"/.well-known/webfinger?resource=acct:{quote(MAIL)}",
        f"/.well-known/webfinger?resource={quote(CONTROL)}",
    ]
    for target in pages:
        for method in ("GET", "HEAD", "POST", "TRACE"):
            path = target.removeprefix(us.origin)
            await us.ask(method, path, HEADERS, source=ADDRESS)
    rude = HEADERS | {"Content-Type": "application/activity+json", "Signature": f'keyId="https://x.example/{MAIL}"'}
    for body in (b"{", json.dumps({"type": "Follow", "actor": MAIL, "id": CONTROL, "object": us.actor}).encode()):
        await us.ask("POST", "/inbox", rude, body, source=ADDRESS)
    for token in (WRONG_TOKEN, f"{us.token}x", us.reader):
        wrong = HEADERS | {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        await us.ask("POST", "/admin/v1/campaigns/belmara/retract", wrong, b"{}", source=ADDRESS)
        await us.ask("GET", f"/admin/v1/actors?token={token}", wrong, source=ADDRESS)
        await us.ask(
            "PUT", f"/admin/v1/campaigns/x-{quote(CONTROL)}", wrong, json.dumps({"mail": MAIL + CONTROL}).encode()
        )
    await us.admin("PUT", "/campaigns/other", {"title": MAIL + CONTROL, "currency": WRONG_TOKEN}, token=us.token)
    await hang_up(us, b"POST /inbox HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + MAIL.encode()[:3])
    await hang_up(us, b"\x16\x03\x01" + MAIL.encode() * 9, tls=False)
    await hang_up(us, f"GET /{MAIL}\x00\r\n{CONTROL}\r\n\r\n".encode())


async def hang_up(us: Story, data: bytes, *, tls: bool = True) -> None:
    """Say something that is no request, and go."""
    _, writer = await us.connect(source=ADDRESS, tls=tls)
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(2):
            await writer.wait_closed()


def found_in(data: bytes, planted: Mapping[str, bytes]) -> list[str]:
    """What stands in some bytes, as it is or in hex."""
    return [what for what, value in planted.items() if value in data or value.hex().encode() in data]


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what may be read there."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in OPEN_FILES]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


async def dumped(database: Database) -> bytes:
    """Every row of every table of a PostgreSQL database, as text."""
    names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    async with database.read() as tx:
        tables = [row["table_name"] for row in await tx.rows(text(names))]  # type: ignore[arg-type]
        assert len(tables) > 10
        rows = [await tx.rows(text(f'SELECT t::text AS line FROM "{name}" t')) for name in tables]  # type: ignore[arg-type]
    return "\n".join(row["line"] for table in rows for row in table).encode()


async def test_j1_nothing_planted_is_found_in_files_logs_and_answers(
    sqlite_url: str, tmp_path: Path, authority: Authority, names: Names
) -> None:
    with logs() as (written, raw):
        async with story(sqlite_url, tmp_path, authority, names) as us:
            planted = await plant(us)
            running = files(tmp_path)
            assert len(running["clarion.sqlite3-wal"]) > 10_000, "the search is worth something while it runs"
        stopped = files(tmp_path)
    everything = {f"{name}, while it runs": data for name, data in running.items()} | stopped
    everything |= {"the log": written.getvalue().encode(), "our own log lines": raw.getvalue().encode()}
    for at, answer in enumerate(us.answers):
        everything[f"answer {at} ({answer.status})"] = repr(answer.headers).encode() + answer.body
    assert {name: found for name, data in everything.items() if (found := found_in(data, planted))} == {}

    # What is public is there, so the search would have found more.
    public = {"title": texts.FIRST["title"].encode(), "host": b"harbour.test"}
    assert found_in(stopped["clarion.sqlite3"], public) == ["title", "host"]
    assert len(planted) > 50
    assert len(us.answers) > 80
    assert raw.getvalue().count("\n") > 10


async def test_j1_nothing_planted_is_found_in_a_dump_of_postgresql(
    postgresql_url: str, tmp_path: Path, authority: Authority, names: Names
) -> None:
    async with story(postgresql_url, tmp_path, authority, names) as us:
        planted = await plant(us)
        dump = await dumped(us.house.database)
    assert found_in(dump, planted) == []
    assert found_in(dump, {"title": texts.FIRST["title"].encode(), "host": b"harbour.test"}) == ["title", "host"]
    assert {name: found for name, data in files(tmp_path).items() if (found := found_in(data, planted))} == {}


async def test_j7_whatever_is_sent_to_us_a_log_is_lines_of_json_with_nobody_elses_fields(us: Story) -> None:
    with logs() as (written, raw):
        harbour = await us.server("harbour.test")
        await us.follow(harbour, "alice")
        appeal = await us.opened("belmara")
        await visit_every_door(us, appeal["en"])
        await us.restart()
    lines = written.getvalue().splitlines()
    assert lines
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert set(json.loads(line)) == {"at", "level", "from", "text"}
    for sign in ("FAKE", "\x1b", "\u202e", "\u2028"):
        assert sign not in written.getvalue()
        assert sign not in raw.getvalue()


@pytest.mark.parametrize("path", ["followers", "following"])
async def test_j2_whoever_asks_gets_a_count_and_never_a_follower(us: Story, path: str) -> None:
    harbour = await us.server("harbour.test")
    alice = await us.follow(harbour, "alice")
    for target in (f"{us.actor}/{path}", f"{us.actor}/{path}?page=1", f"{us.actor}/{path}?page=true&min_id=0"):
        signed, unsigned = await alice.get(target, now=us.clock()), await us.get(target, accept="*/*")
        assert signed.body == unsigned.body
        document = json.loads(signed.body)
        assert document["totalItems"] == (path == "followers")
        assert not {"items", "orderedItems", "first", "next"} & set(document)
        assert alice.name.encode() not in signed.body
