"""`clarion actor …` and `clarion organiser …`: who announces, who speaks for them, where help may go.

An operator's acts all. Handles are written with or without @.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from actors.admin import views
from actors.app import House
from actors.cli.front import Ended, Given, pass_given
from actors.cli.output import moment, remark, say, show
from actors.model import Destination, Help
from actors.service import people
from actors.service.desk import Desk, NotThere
from actors.store import profiles
from actors.store.organisers import Organiser, Role
from fediverse import following
from fediverse.exchange import handles
from fediverse.protocol.errors import FederationError, Malformed
from fediverse.protocol.strict_json import Json
from fediverse.store import followers, local_actors
from fediverse.store.database import Transaction
from fediverse.store.local_actors import LocalActor

as_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
handle_argument = click.argument("handle")


async def actor_id(tx: Transaction, handle: str | None) -> list[tuple[str, str]]:
    """(handle, actor id) of the actor of this handle, or of every actor. Raises NotThere."""
    found = [await people.actor_by_handle(tx, None, handle)] if handle else await local_actors.services(tx)
    return [(each.handle, each.id) for each in found]


async def one_actor(tx: Transaction, handle: str | None) -> str:
    """The id of the actor of this handle, or of the only one there is. Raises NotThere, Ended."""
    found = await actor_id(tx, handle)
    if len(found) != 1:
        raise Ended("there is no actor yet: clarion actor create" if not found else "say whose it is: --actor HANDLE")
    return found[0][1]


@click.group()
def actor() -> None:
    """Announcing actors: their profiles, their destinations, their followers."""


@actor.command()
@handle_argument
@click.option("--name", required=True, help="The name shown beside its posts, one line.")
@click.option("--summary", default="", help="About the group, in Markdown.")
@pass_given
def create(given: Given, handle: str, name: str, summary: str) -> None:
    """A new actor. HANDLE is 1 to 30 lower-case letters, digits and underscores, and can never change."""

    key = people.new_key(given.desk())  # slow, so not while every other writer waits

    async def act(tx: Transaction, desk: Desk) -> tuple[LocalActor, str]:
        made = await people.create_actor(tx, desk, key, handle=handle.removeprefix("@"), name=name, summary=summary)
        return made, desk.handle_domain

    made, domain = given.write(act)
    say(f"@{made.handle}@{domain}")
    remark(made.id)


@actor.command()
@handle_argument
@click.option("--name", help="Another name, one line.")
@click.option("--summary", help="Another text about the group, in Markdown.")
@pass_given
def edit(given: Given, handle: str, name: str | None, summary: str | None) -> None:
    """Another name or summary, told to followers."""
    if name is None and summary is None:
        raise click.UsageError("give --name, --summary or both")

    async def act(tx: Transaction, desk: Desk) -> None:
        found = await people.actor_by_handle(tx, None, handle)
        await people.edit_profile(tx, desk, None, found.id, name=name, summary=summary)

    given.write(act)
    say(f"@{handle.removeprefix('@')} has a new profile")


@actor.command("list")
@as_json
@pass_given
def list_actors(given: Given, as_json: bool) -> None:
    """Every actor, with the number of its followers."""

    async def look(tx: Transaction, desk: Desk) -> list[dict[str, Json]]:
        rows: list[dict[str, Json]] = []
        for each in await local_actors.services(tx):
            profile = await profiles.of_actor(tx, each.id)
            rows.append(
                {
                    "handle": f"@{each.handle}@{desk.handle_domain}",
                    "name": profile.name if profile else None,
                    "followers": await followers.count(tx, each.id),
                    "since": moment(each.published),
                    "id": each.id,
                }
            )
        return rows

    show(given.read(look), columns=("handle", "name", "followers", "since", "id"), as_json=as_json)


@actor.command()
@click.argument("follower", required=False)
@click.option("--actor", "handle", help="Only as a follower of this one; of every actor here if left out.")
@pass_given
def expel(given: Given, follower: str | None, handle: str | None) -> None:
    """Remove a follower: FOLLOWER is a handle like @name@server.example, or an actor id (https://…).

    Leave it out to be asked, so that it stays in no history of this shell. Their server is told by a Reject.
    """
    wanted = follower or click.prompt("Whom", err=True)
    expelled = given.with_network(lambda house: _expel(house, wanted.strip(), handle))
    if not expelled:
        raise Ended("nobody of that name follows")
    say("removed; their server is told by a Reject")


async def _expel(house: House, wanted: str, handle: str | None) -> bool:
    """Whether anybody was removed. Nothing of the name is printed, logged or stored."""
    async with house.database.read() as tx:
        ours = await actor_id(tx, handle)
    if wanted.startswith("https://"):
        their_id = wanted
    else:
        try:
            key = await house.federation.instance_key()
            their_id = await handles.find_actor(house.client, wanted, key, house.desk.clock())
        except Malformed:
            raise Ended("FOLLOWER must be a handle like @name@server.example, or an actor id") from None
        except FederationError as problem:
            raise Ended(f"{problem.safe}. An actor id (https://…) needs no look-up") from None
    async with house.database.write() as tx:
        now = house.desk.clock()
        return any([await following.expel(tx, house.desk.act(each, now), their_id) for _, each in ours])


@actor.group()
def destination() -> None:
    """Where help may go: an actor's own list, from which its campaigns choose."""


@destination.command("add")
@handle_argument
@click.argument("url")
@click.option("--label", required=True, help="What it is called on the page, one line.")
@click.option("--kind", type=click.Choice([each.value for each in Help]), default=Help.MONEY.value, show_default=True)
@click.option("--currency", help="Of money: the ISO 4217 code of what it takes, such as EUR.")
@pass_given
def add_destination(given: Given, *, handle: str, url: str, label: str, kind: str, currency: str | None) -> None:
    """Put a destination on the list, active at once. One that was suspended is active again."""

    async def act(tx: Transaction, desk: Desk) -> Destination:
        found = await people.actor_by_handle(tx, None, handle)
        return await people.add_destination(
            tx, desk, None, found.id, label=label, url=url, kind=kind, currency=currency
        )

    say(given.write(act).id)


@destination.command("suspend")
@handle_argument
@click.argument("destination")
@pass_given
def suspend_destination(given: Given, handle: str, destination: str) -> None:
    """Take a destination (its id or URL) off every page, at once."""

    async def act(tx: Transaction, desk: Desk) -> None:
        found = await people.actor_by_handle(tx, None, handle)
        for place in await people.list_destinations(tx, None, found.id):
            if destination in (place.id, place.url):
                await people.suspend_destination(tx, desk, None, found.id, place.id)
                return
        raise NotThere("there is no such destination")

    given.write(act)
    say("suspended")


@destination.command("list")
@handle_argument
@as_json
@pass_given
def list_destinations(given: Given, handle: str, as_json: bool) -> None:
    """An actor's list of destinations."""

    async def look(tx: Transaction, _: Desk) -> Sequence[Destination]:
        found = await people.actor_by_handle(tx, None, handle)
        return await people.list_destinations(tx, None, found.id)

    rows = [views.destination(place) for place in given.read(look)]
    show(rows, columns=("id", "state", "kind", "currency", "label", "url"), as_json=as_json)


@click.group()
def organiser() -> None:
    """People with a token for the admin endpoint. They are named in nothing public."""


@organiser.command("add")
@handle_argument
@click.option(
    "--role",
    type=click.Choice([each.value for each in Role]),
    default=Role.ORGANISER.value,
    show_default=True,
    help="An organiser acts, a reader sees reports.",
)
@click.option("--label", help="Your own word for them; the role if left out. Better not a name.")
@pass_given
def add_organiser(given: Given, handle: str, role: str, label: str | None) -> None:
    """A new organiser for the actor HANDLE. Prints the token, once and alone on its line."""

    async def act(tx: Transaction, desk: Desk) -> tuple[Organiser, str]:
        found = await people.actor_by_handle(tx, None, handle)
        return await people.add_organiser(tx, desk, found.id, label=label or role, role=Role(role))

    made, token = given.write(act)
    remark(f"{made.role.value} {made.id}; the token is not shown again:")
    click.echo(token)


@organiser.command("list")
@handle_argument
@as_json
@pass_given
def list_organisers(given: Given, handle: str, as_json: bool) -> None:
    """Everybody who speaks or spoke for an actor."""

    async def look(tx: Transaction, _: Desk) -> Sequence[Organiser]:
        found = await people.actor_by_handle(tx, None, handle)
        return await people.list_organisers(tx, found.id)

    rows: list[dict[str, Json]] = [
        {
            "organiser": each.id,
            "label": each.label,
            "role": each.role.value,
            "created": moment(each.created),
            "revoked": moment(each.revoked),
        }
        for each in given.read(look)
    ]
    show(rows, columns=("organiser", "role", "label", "created", "revoked"), as_json=as_json)


@organiser.command("revoke")
@handle_argument
@click.argument("organiser")
@pass_given
def revoke_organiser(given: Given, handle: str, organiser: str) -> None:
    """End the token of ORGANISER (an id of `organiser list`), from the next request on."""

    async def act(tx: Transaction, desk: Desk) -> None:
        found = await people.actor_by_handle(tx, None, handle)
        await people.revoke_organiser(tx, desk, found.id, organiser)

    given.write(act)
    say("revoked")
