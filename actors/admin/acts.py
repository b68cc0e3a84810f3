"""What a request makes the service do: one function for each row of the table of routes."""

from __future__ import annotations

from actors.admin import asking, views
from actors.admin.asking import Fields
from actors.admin.problems import Declined, etag
from actors.admin.route import Ask, Said
from actors.model import CloseReason
from actors.refusals import Refused
from actors.service import acts, drafts, people
from actors.service import report as reports
from actors.service.desk import NotAllowed, NotThere, Outdated, check_acts
from actors.store import audit, campaigns, profiles
from actors.store.campaigns import Kept
from fediverse.protocol.strict_json import Json
from fediverse.store import local_actors
from fediverse.store.local_actors import LocalActor

PAGE = 100  # lines of the audit in one answer


async def list_actors(ask: Ask) -> Said:
    """The actors this token speaks for: one."""
    own = await local_actors.by_id(ask.tx, ask.by.actor)
    return Said({"actors": [await _actor_view(ask, own)] if own is not None else []})


async def get_actor(ask: Ask) -> Said:
    """One actor."""
    return Said(await _actor_view(ask, await _actor(ask)))


async def edit_actor(ask: Ask) -> Said:
    """Another name or summary; what is left out stays."""
    own = await _actor(ask)
    fields = Fields(ask.body)
    name, summary = fields.text("name"), fields.text("summary")
    fields.settle()
    await people.edit_profile(ask.tx, ask.desk, ask.by, own.id, name=name, summary=summary)
    return Said(await _actor_view(ask, own))


async def list_destinations(ask: Ask) -> Said:
    """The actor's list, oldest first."""
    return Said({"destinations": await _destinations(ask, await _actor(ask))})


async def add_destination(ask: Ask) -> Said:
    """A destination on the list, active at once; the same URL again is the same destination."""
    own = await _actor(ask)
    fields = Fields(ask.body)
    label, url, kind, currency = (fields.value(name) for name in ("label", "url", "kind", "currency"))
    fields.settle()
    before = {place.id for place in await people.list_destinations(ask.tx, ask.by, own.id)}
    place = await people.add_destination(
        ask.tx, ask.desk, ask.by, own.id, label=label, url=url, kind=kind, currency=currency
    )
    return Said(views.destination(place), 200 if place.id in before else 201)


async def suspend_destination(ask: Ask) -> Said:
    """Take a destination off every page at once."""
    own = await _actor(ask)
    Fields(ask.body).settle()
    await people.suspend_destination(ask.tx, ask.desk, ask.by, own.id, ask.path["destination"])
    return Said({"destinations": await _destinations(ask, own)})


async def list_campaigns(ask: Ask) -> Said:
    """Every campaign of the actor, by slug, without its texts."""
    found = await drafts.list_campaigns(ask.tx, ask.by, ask.by.actor)
    return Said({"campaigns": [views.summary(kept) for kept in found]})


async def get_campaign(ask: Ask) -> Said:
    """A campaign whole."""
    return Said(views.campaign(ask.desk, await drafts.campaign(ask.tx, ask.by, ask.slug)))


async def put_campaign(ask: Ask) -> Said:
    """A draft under a chosen slug, or another draft in its place.

    Replacing one with another text needs If-Match; the same document again is the same answer without it.
    """
    await campaigns.lock_actor(ask.tx, ask.by.actor)
    before = await campaigns.by_slug(ask.tx, ask.slug)
    said = ask.condition
    if (said.is_new and before is not None) or (said.exists and before is None):
        raise Outdated(before.version if before else None)
    kept, is_new = await drafts.put_draft(ask.tx, ask.desk, ask.by, ask.slug, ask.body, expected=said.version)
    if before is not None and kept.version != before.version and said.version is None and not said.exists:
        tag = etag(before.version)
        detail = f"It is there already, at version {before.version}: send If-Match with the ETag of what you replace"
        raise Declined(428, detail, headers={"ETag": tag}, more={"version": before.version})
    return Said(views.campaign(ask.desk, kept), 201 if is_new else 200)


async def set_raised(ask: Ask) -> Said:
    """What one destination of a campaign has raised."""
    fields = Fields(ask.body)
    amount, as_of = fields.value("amount"), fields.value("as_of")
    fields.settle()
    kept = await drafts.set_raised(
        ask.tx,
        ask.desk,
        ask.by,
        ask.slug,
        ask.path["destination"],
        amount=amount,
        as_of=as_of,
        expected=await _expected(ask),
    )
    return _standing(ask, kept)


async def open_campaign(ask: Ask) -> Said:
    """Open a draft."""
    Fields(ask.body).settle()
    return _standing(ask, await acts.open(ask.tx, ask.desk, ask.by, ask.slug, expected=await _expected(ask)))


async def goal_update(ask: Ask) -> Said:
    """Say how far the campaign is."""
    Fields(ask.body).settle()
    return _standing(ask, await acts.goal_update(ask.tx, ask.desk, ask.by, ask.slug, expected=await _expected(ask)))


async def pause_campaign(ask: Ask) -> Said:
    """Stop asking for now."""
    Fields(ask.body).settle()
    return _standing(ask, await acts.pause(ask.tx, ask.desk, ask.by, ask.slug, expected=await _expected(ask)))


async def resume_campaign(ask: Ask) -> Said:
    """Ask again."""
    Fields(ask.body).settle()
    return _standing(ask, await acts.resume(ask.tx, ask.desk, ask.by, ask.slug, expected=await _expected(ask)))


async def close_campaign(ask: Ask) -> Said:
    """Close, by hand or because the goal is met, with other closing texts if there are any."""
    fields = Fields(ask.body)
    reason = fields.choice("reason", (CloseReason.BY_HAND, CloseReason.GOAL_MET), CloseReason.BY_HAND)
    closed = fields.value("closed")
    fields.settle()
    if closed is not None and not isinstance(closed, dict):
        raise Refused.field("closed", "must be an object with a text for each language")
    kept = await acts.close(
        ask.tx,
        ask.desk,
        ask.by,
        ask.slug,
        reason=CloseReason(reason),
        closed=closed,
        expected=await _expected(ask),
    )
    return _standing(ask, kept)


async def retract_campaign(ask: Ask) -> Said:
    """Delete every note everywhere; final."""
    fields = Fields(ask.body)
    erase = fields.flag("erase")
    fields.settle()
    kept = await acts.retract(ask.tx, ask.desk, ask.by, ask.slug, erase=erase, expected=await _expected(ask))
    return _standing(ask, kept)


async def withdraw_note(ask: Ask) -> Said:
    """Delete one note everywhere."""
    Fields(ask.body).settle()
    if await campaigns.by_note(ask.tx, ask.path["note"]) != ask.slug:
        raise NotThere("this campaign has no such note")
    kept = await acts.withdraw_note(ask.tx, ask.desk, ask.by, ask.slug, ask.path["note"], expected=await _expected(ask))
    return _standing(ask, kept)


async def deliveries(ask: Ask) -> Said:
    """Who has confirmed the last word of each note, and who has not."""
    found = await reports.delivery_report(ask.tx, ask.desk, ask.by, ask.slug)
    return Said(views.report(found), text=views.report_text(found) if ask.plain else None)


async def read_audit(ask: Ask) -> Said:
    """What was done for this actor, newest first."""
    check_acts(ask.by, ask.by.actor)
    before = asking.number(ask.query, "before", default=None)
    limit = asking.number(ask.query, "limit", default=PAGE, most=PAGE)
    found = await audit.entries(ask.tx, ask.by.actor, before=before, limit=limit or PAGE)
    return Said({"entries": [views.entry(each) for each in found]})


async def check_owner(ask: Ask) -> None:
    """That the campaign in the path, if there is one, is this organiser's. Raises NotAllowed."""
    owner = await campaigns.owner(ask.tx, ask.slug) if "slug" in ask.path else None
    if owner not in (None, ask.by.actor):
        # Slugs are unique on a server, so nobody could be kept from learning that one is taken.
        raise NotAllowed("this slug belongs to another actor's campaign")


async def _actor(ask: Ask) -> LocalActor:
    """The actor in the path. Raises NotAllowed for any but the organiser's own, whether it exists or not."""
    own = await local_actors.by_id(ask.tx, ask.by.actor)
    if own is None or own.handle != ask.path["handle"].removeprefix("@"):
        raise NotAllowed("this token speaks for another actor")
    return own


async def _actor_view(ask: Ask, own: LocalActor) -> dict[str, Json]:
    profile = await profiles.of_actor(ask.tx, own.id)
    if profile is None:
        raise NotThere("there is no such actor")
    return views.actor(ask.desk, own, profile)


async def _destinations(ask: Ask, own: LocalActor) -> list[Json]:
    return [views.destination(place) for place in await people.list_destinations(ask.tx, ask.by, own.id)]


async def _expected(ask: Ask) -> int | None:
    """The version a move expects. `If-None-Match: *` on what has to be there can never hold. Raises Outdated."""
    if ask.condition.is_new:
        kept = await drafts.campaign(ask.tx, ask.by, ask.slug)
        raise Outdated(kept.version)
    return ask.condition.version


def _standing(ask: Ask, kept: Kept) -> Said:
    return Said(views.standing(ask.desk, kept))
