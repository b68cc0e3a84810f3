"""`clarion queue status` and `clarion doctor`: what is owed, and whether all is well."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import click

from actors.app import House, build, opened
from actors.cli.front import Ended, Given, pass_given
from actors.cli.output import moment, say, show, show_json
from actors.migrations import SchemaError, check
from actors.service.desk import Desk
from actors.settings import SECRET_NAME, Settings
from fediverse.protocol.errors import FederationError
from fediverse.store import backlog
from fediverse.store.database import Transaction

MAX_LINES: Final = 200  # servers shown by `queue status`
CLOCK_MAY_DIFFER: Final = timedelta(minutes=5)  # beyond it our signatures are refused (mastodon-compat §1.2)


@click.group()
def queue() -> None:
    """Deliveries: what is owed to other servers."""


@queue.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
@pass_given
def status(given: Given, as_json: bool) -> None:
    """How much is delivered, and what each server still has to get. Names servers."""

    async def look(tx: Transaction, _: Desk) -> tuple[dict[str, int], list[backlog.Line]]:
        return dict(await backlog.by_state(tx)), list(await backlog.lines(tx, limit=MAX_LINES))

    states, lines = given.read(look)
    rows = [
        {
            "host": line.host,
            "software": line.software,
            "waiting": line.waiting,
            "parked": line.parked,
            "refused": line.refused,
            "oldest": moment(line.oldest),
            "failures": line.failures,
            "next_attempt": moment(line.next_attempt),
        }
        for line in lines
    ]
    if as_json:
        show_json({"deliveries": {**states}, "hosts": [{**row} for row in rows]})
        return
    for state, number in sorted(states.items()):
        say(f"{number} {state}")
    if rows:
        say("")
        show(rows, columns=tuple(rows[0]))
    if len(rows) == MAX_LINES:
        say(f"The {MAX_LINES} servers owed for longest are shown.")
    if not states.get("waiting"):
        say("Nothing is waiting.")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at: `ok`, `note` (worth knowing) or `fault`."""

    kind: str
    text: str


@click.command()
@click.option("--network", is_flag=True, help="Also ask this server for its own page, over the network.")
@pass_given
def doctor(given: Given, network: bool) -> None:
    """Whether all is well; exit code 1 if not. Asks nobody over the network unless told to."""
    settings = given.settings()
    faults = 0
    for finding in (*_of_settings(settings), *asyncio.run(_of_database(settings, network=network))):
        faults += finding.kind == "fault"
        say(f"{finding.kind:<6}{finding.text}")
    if faults:
        raise Ended(f"{faults} fault{'s' if faults > 1 else ''} found")


def _of_settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"the settings can be used; this is {settings.origin}")
    key = settings.data / SECRET_NAME
    if key.exists():
        yield Finding("note", f"the sealing key lies in {key}: keep a copy elsewhere, without it followers are lost")
    else:
        yield Finding("ok", "the sealing key is not in the data folder")
    yield Finding("ok", f"its fingerprint is {settings.secret.fingerprint}")
    if settings.data.exists() and settings.data.stat().st_mode & stat.S_IRWXO:
        yield Finding("fault", f"{settings.data} is open to every user of this machine: chmod o= {settings.data}")
    if settings.allow_addresses:
        exempt = ", ".join(map(str, settings.allow_addresses))
        yield Finding("note", f"CLARION_ALLOW_ADDRESSES lets connections through to {exempt}")
    if settings.resolve:
        yield Finding("note", f"CLARION_RESOLVE wins over DNS for {', '.join(settings.resolve)}")
    if settings.pace is None:
        yield Finding("note", "CLARION_PACE is off: other servers may limit this one")
    if not settings.contact:
        yield Finding("note", "CLARION_CONTACT is not set: admins of other servers cannot reach anybody")
    if not settings.senders:
        yield Finding("note", "CLARION_SENDERS is 0: nothing leaves unless clarion deliver runs with --senders")


async def _of_database(settings: Settings, *, network: bool) -> list[Finding]:
    try:
        await check(settings.database)
        house = build(settings)
        async with house.database as database, database.read() as tx:
            newest = await backlog.newest_moment(tx)
            states = await backlog.by_state(tx)
        found = [Finding("ok", "the database is at the version of this code"), _clock(house.desk.clock(), newest)]
        if states.get("parked"):
            found.append(Finding("note", f"{states['parked']} deliveries were given up: clarion queue status"))
        if network:
            async with opened(settings, alone=False) as house:
                found.append(await _origin(house))
        return found
    except (SchemaError, FederationError) as problem:
        return [Finding("fault", str(problem))]


def _clock(now: datetime, newest: datetime | None) -> Finding:
    if newest is not None and newest > now + CLOCK_MAY_DIFFER:
        return Finding("fault", f"the clock says {moment(now)}, and the database knows {moment(newest)}: it runs late")
    return Finding("ok", f"the clock says {moment(now)}")


async def _origin(house: House) -> Finding:
    """Whether other servers would find us: our own discovery document, over the network."""
    url = f"{house.settings.origin}/.well-known/nodeinfo"
    try:
        key = await house.federation.instance_key()
        answer = await house.client.get(url, key=key, now=house.desk.clock(), accept="application/json")
    except FederationError as problem:
        return Finding("fault", f"{house.settings.origin} cannot be reached from here: {problem.safe}")
    if answer.response.status != 200 or answer.url != url:
        return Finding("fault", f"{house.settings.origin} is answered by something else")
    return Finding("ok", f"{house.settings.origin} can be reached")
