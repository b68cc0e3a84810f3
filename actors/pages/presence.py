"""The pages of actors and notes, on the URLs where other servers find JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from quart import Request, Response

from actors import notices
from actors.model import State
from actors.pages import rendering, server
from actors.pages.campaigns import gone
from actors.pages.listing import entries
from actors.service.desk import Desk
from actors.store import campaigns
from actors.store.campaigns import Kept
from actors.text import plain
from actors.wording import WORDINGS, banner
from fediverse.store import local_actors
from fediverse.store.local_actors import LocalActor
from fediverse.store.objects import StoredObject
from fediverse.web import Html, Kind

CLOSING: Final = 60  # seconds until the sweeper has been by a note past its end


def html(desk: Desk, contact: str) -> Html:
    """What `fediverse.web` asks for a page, with the URL's ActivityPub id as the alternate."""

    async def show(kind: Kind, value: LocalActor | StoredObject, request: Request) -> Response | None:
        if isinstance(value, LocalActor):
            if value.kind != local_actors.SERVICE:
                return server.about(request, desk, contact, alternate=value.id)
            return await _actor(desk, value, request)
        if kind == "gone":
            return await _gone(desk, value, request)
        return await _note(desk, value, request)

    return show


async def _actor(desk: Desk, actor: LocalActor, request: Request) -> Response:
    async with desk.database.read() as tx:
        kept = await campaigns.of_actor(tx, actor.id)
    document = actor.document
    html = rendering.render(
        "actor.html",
        rendering.language_of(request),
        title=document["name"],
        handle=f"@{actor.handle}@{desk.handle_domain}",
        summary=document.get("summary", ""),
        picture=document.get("icon", {}).get("url"),
        fields=[field for field in document.get("attachment", []) if field.get("type") == "PropertyValue"],
        campaigns=entries(desk, kept),
        canonical=document["url"],
        alternate=actor.id,
        origin=desk.origin,
    )
    answer = rendering.page(request, html, indexable=document.get("indexable") is True, alternate=actor.id)
    answer.headers["Vary"] = "Accept-Language"
    return answer


async def _note(desk: Desk, note: StoredObject, request: Request) -> Response:
    body = note.body or {}
    async with desk.database.read() as tx:
        actor = await local_actors.by_id(tx, note.owner)
    kept = await _campaign_of(desk, note)
    language = next(iter(body.get("contentMap", {})), "")
    shown = language if language in WORDINGS else rendering.language_of(request)
    expired = note.valid_until is not None and desk.clock() >= note.valid_until
    document = actor.document if actor is not None else {}
    html = rendering.render(
        "note.html",
        shown,
        title=document.get("name", desk.origin),
        handle=f"@{actor.handle}@{desk.handle_domain}" if actor is not None else "",
        profile=document.get("url", desk.origin),
        banner=_banner(body, shown, expired=expired),
        content="" if expired else body.get("content", ""),
        campaign=_page_of(desk, kept, shown) if kept is not None else None,
        alternate=note.id,
    )
    status = 503 if expired else 200
    answer = rendering.page(
        request, html, status=status, indexable=document.get("indexable") is True, alternate=note.id
    )
    if expired:
        answer.headers["Retry-After"] = str(CLOSING)
    return answer


def _banner(body: Mapping[str, Any], language: str, *, expired: bool) -> str | None:
    """What folds the note away elsewhere, unless its text begins with the same words."""
    if expired:
        return banner("expired", language)
    summary = body.get("summary")
    return summary if isinstance(summary, str) and summary not in plain(body.get("content", "")) else None


def _page_of(desk: Desk, kept: Kept, language: str) -> str:
    campaign = kept.campaign
    chosen = language if language in campaign.languages else campaign.languages[0]
    link = notices.closed_url if campaign.state is State.CLOSED else notices.page_url
    return link(campaign, chosen, desk.origin)


async def _gone(desk: Desk, note: StoredObject, request: Request) -> Response:
    kept = await _campaign_of(desk, note)
    html = gone(kept.campaign if kept is not None else None, rendering.language_of(request))
    return rendering.page(request, html, status=410, alternate=note.id)


async def _campaign_of(desk: Desk, note: StoredObject) -> Kept | None:
    async with desk.database.read() as tx:
        slug = await campaigns.by_note(tx, note.id.rpartition("/")[2])
        return await campaigns.by_slug(tx, slug) if slug is not None else None
