"""Who announces and who acts for them: actors and their profiles, organisers and their tokens, destinations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import IntegrityError

from actors import drafting
from actors.model import Destination, Standing
from actors.refusals import Problems, Refused
from actors.service.desk import By, Desk, NotThere, check_acts, check_reads
from actors.service.saying import actor_document, tell_profile
from actors.store import audit, campaigns, destinations, organisers, profiles
from actors.store.organisers import Organiser, Role
from actors.store.profiles import Profile
from actors.text import NAME_CAP, line, prose
from fediverse.protocol.documents import key_id_of
from fediverse.protocol.keys import KeyPair
from fediverse.store import local_actors
from fediverse.store.database import Transaction
from fediverse.store.local_actors import LocalActor

SUMMARY_CAP: Final = 500
_HANDLE = re.compile(r"[a-z0-9_]{1,30}")


def new_key(desk: Desk) -> KeyPair:
    """A key pair for an actor to be created, with the actor's new id as its owner.

    Takes a tenth of a second of one core: before the transaction, and in a thread where others wait.
    """
    actor = f"{desk.origin}/actors/{desk.new_id()}"
    return KeyPair.generate(key_id_of(actor), actor)


async def create_actor(
    tx: Transaction, desk: Desk, key: KeyPair, *, handle: str, name: str, summary: str
) -> LocalActor:
    """A new announcing actor; an operator's act. `key` comes from `new_key`.

    `handle` is `[a-z0-9_]{1,30}` and can never change, `name` one line, `summary` Markdown. Raises Refused.
    """
    now = desk.clock()
    problems = Problems()
    if _HANDLE.fullmatch(handle) is None:
        problems.add("handle", "must be 1 to 30 lower-case letters, digits and underscores")
    elif await local_actors.by_handle(tx, handle) is not None:
        problems.add("handle", "is taken")
    with problems.collecting():
        name = line(name, "name", cap=NAME_CAP)
    with problems.collecting():
        summary = prose(summary, "summary", cap=SUMMARY_CAP, required=False)
    problems.settle()
    profile = Profile(key.owner, name, summary)
    document = actor_document(desk, profile, handle=handle, public_pem=key.public_pem(), published=now)
    try:
        actor = await local_actors.create(
            tx, actor_id=key.owner, handle=handle, kind=local_actors.SERVICE, document=document, key=key, now=now
        )
    except IntegrityError:  # somebody else was faster by a moment
        raise Refused.field("handle", "is taken") from None
    await profiles.add(tx, profile)
    await audit.write(tx, actor.id, "create_actor", now=now, organiser=None, detail={"handle": handle})
    return actor


async def edit_profile(
    tx: Transaction, desk: Desk, by: By, actor: str, *, name: str | None = None, summary: str | None = None
) -> Profile:
    """Another name or summary, told to followers; None leaves one as it is. Raises Refused, NotThere, NotAllowed."""
    check_acts(by, actor)
    await campaigns.lock_actor(tx, actor)
    before = await profiles.of_actor(tx, actor)
    if before is None:
        raise NotThere("there is no such actor")
    hosts = drafting.destination_hosts(await destinations.of_actor(tx, actor))
    problems = Problems()
    after = before
    with problems.collecting():
        after = replace(after, name=line(before.name if name is None else name, "name", cap=NAME_CAP, hosts=hosts))
    with problems.collecting():
        text = before.summary if summary is None else summary
        after = replace(after, summary=prose(text, "summary", cap=SUMMARY_CAP, hosts=hosts, required=False))
    problems.settle()
    if after == before:
        return before
    now = desk.clock()
    await profiles.replace(tx, after)
    await tell_profile(tx, desk, desk.act(actor, now))
    await audit.write(tx, actor, "edit_profile", now=now, organiser=by.id if by else None)
    return after


async def actor_by_handle(tx: Transaction, by: By, handle: str) -> LocalActor:
    """An announcing actor by its handle, with or without @. Raises NotThere."""
    actor = await local_actors.by_handle(tx, handle.removeprefix("@"))
    if actor is None or actor.kind != local_actors.SERVICE:
        raise NotThere("there is no such actor")
    check_reads(by, actor.id)
    return actor


async def add_organiser(
    tx: Transaction, desk: Desk, actor: str, *, label: str, role: Role = Role.ORGANISER
) -> tuple[Organiser, str]:
    """A new organiser or reader for an actor, and the token, which is never shown again; an operator's act.

    `label` is the group's own word for them, one line, in nothing public. Raises Refused, NotThere.
    """
    if await profiles.of_actor(tx, actor) is None:
        raise NotThere("there is no such actor")
    now = desk.clock()
    organiser = Organiser(desk.new_id(), actor, line(label, "label", cap=NAME_CAP), role, now)
    token = desk.new_token()
    await organisers.add(tx, organiser, token)
    detail = {"organiser": organiser.id, "role": role.value}
    await audit.write(tx, actor, "add_organiser", now=now, organiser=None, detail=detail)
    return organiser, token


async def revoke_organiser(tx: Transaction, desk: Desk, actor: str, organiser_id: str) -> None:
    """End a token, from the next request on; an operator's act. One already ended is no error. Raises NotThere."""
    if organiser_id not in [each.id for each in await organisers.of_actor(tx, actor)]:
        raise NotThere("there is no such organiser")
    now = desk.clock()
    if await organisers.revoke(tx, actor, organiser_id, now):
        detail = {"organiser": organiser_id}
        await audit.write(tx, actor, "revoke_organiser", now=now, organiser=None, detail=detail)


async def authenticate(tx: Transaction, token: str) -> Organiser | None:
    """Whose token this is, or None: unknown and revoked look the same, and take the same time."""
    return await organisers.authenticate(tx, token)


async def list_organisers(tx: Transaction, actor: str) -> Sequence[Organiser]:
    """Everybody who acts or acted for an actor, for operators; without tokens."""
    return await organisers.of_actor(tx, actor)


async def add_destination(
    tx: Transaction,
    desk: Desk,
    by: By,
    actor: str,
    *,
    label: object,
    url: object,
    kind: object,
    currency: object = None,
) -> Destination:
    """A destination on the actor's list, active at once. The URL that is there already is activated again.

    Raises Refused naming `label`, `url`, `kind`, `currency`; NotThere, NotAllowed.
    """
    check_acts(by, actor)
    if await profiles.of_actor(tx, actor) is None:
        raise NotThere("there is no such actor")
    await campaigns.lock_actor(tx, actor)
    place = replace(drafting.read_destination(desk.new_id(), label, url, kind, currency), state=Standing.ACTIVE)
    now = desk.clock()
    known = {each.url: each for each in await destinations.of_actor(tx, actor)}
    if place.url in known:
        before = known[place.url]
        if (before.label, before.kind, before.currency) != (place.label, place.kind, place.currency):
            raise Refused.field("url", "is on the list already, with another label, kind or currency")
        place = replace(place, id=before.id)
        if before.state is Standing.ACTIVE:
            return place
        await destinations.move(tx, actor, place.id, Standing.ACTIVE)
    else:
        await destinations.add(tx, actor, place, now)
    detail = {"destination": place.id}
    await audit.write(tx, actor, "add_destination", now=now, organiser=by.id if by else None, detail=detail)
    return place


async def suspend_destination(tx: Transaction, desk: Desk, by: By, actor: str, destination_id: str) -> None:
    """Take a destination off every page at once; a campaign stays as it is. Raises NotThere, NotAllowed."""
    check_acts(by, actor)
    await campaigns.lock_actor(tx, actor)
    if not await destinations.move(tx, actor, destination_id, Standing.SUSPENDED):
        raise NotThere("there is no such destination")
    now = desk.clock()
    detail = {"destination": destination_id}
    await audit.write(tx, actor, "suspend_destination", now=now, organiser=by.id if by else None, detail=detail)


async def list_destinations(tx: Transaction, by: By, actor: str) -> Sequence[Destination]:
    """The actor's list, oldest first. Raises NotThere, and NotAllowed for a reader."""
    check_acts(by, actor)
    return await destinations.of_actor(tx, actor)
