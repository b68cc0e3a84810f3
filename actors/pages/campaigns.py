"""The page of a campaign in one language. It fails closed: no destination unless the database has just said "open"."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from quart import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from actors import page as pages
from actors.model import Campaign
from actors.money import say_date
from actors.pages import rendering
from actors.pages.phrases import FALLBACK, phrases, unknown
from actors.service.desk import Desk
from actors.store import campaigns
from actors.wording import WORDINGS
from fediverse.protocol.errors import NotHere, Overloaded
from fediverse.store import local_actors
from fediverse.store.local_actors import LocalActor

READ_TIMEOUT: Final = 5  # seconds for the database; nobody waits longer for a page that may say "closed"
ASK_AGAIN: Final = 30  # seconds, for those who come by a link while the database is away

log = logging.getLogger(__name__)


def add_to(routes: Blueprint, desk: Desk) -> None:
    """Add the routes."""

    @routes.get("/c/<slug>/<language>", defaults={"closed": False})
    @routes.get("/c/<slug>/<language>/closed", defaults={"closed": True})
    async def campaign(slug: str, language: str, closed: bool) -> Response:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                found = await _read(desk, slug, language, closed=closed)
        except (Overloaded, SQLAlchemyError, OSError) as problem:  # a TimeoutError is an OSError
            log.error("a campaign page could not read the database: %s", type(problem).__name__)
            return _unknown(language)
        if found is None:
            raise NotHere
        return _show(desk, *found)


async def _read(
    desk: Desk, slug: str, language: str, *, closed: bool
) -> tuple[Campaign, LocalActor, pages.Page] | None:
    async with desk.database.read() as tx:
        kept = await campaigns.by_slug(tx, slug)
        actor = await local_actors.by_id(tx, kept.actor) if kept is not None else None
    if kept is None or actor is None:
        return None
    # The time is taken after the answer: what expired while the database was slow has expired.
    shown = pages.page(kept.campaign, language, desk.origin, desk.clock(), closed=closed)
    return None if shown is None else (kept.campaign, actor, shown)


def _show(desk: Desk, campaign: Campaign, actor: LocalActor, shown: pages.Page) -> Response:
    if shown.status == 410:
        return rendering.page(request, gone(campaign, shown.language, shown.sentences), status=410)
    name, language = actor.document["name"], shown.language
    html = rendering.render(
        "campaign.html",
        language,
        page=shown,
        expires=say_date(shown.expires.date(), language) if shown.expires else None,
        as_of=say_date(shown.figures.as_of.date(), language) if shown.figures and shown.figures.as_of else None,
        title=shown.title or name,
        actor=actor,
        name=name,
        handle=f"@{actor.handle}@{desk.handle_domain}",
        origin=desk.origin,
    )
    return rendering.page(request, html, indexable=actor.document.get("indexable") is True)


def gone(campaign: Campaign | None, language: str, sentences: Sequence[str] = ()) -> str:
    """What is left of a text that was withdrawn; of an erased campaign not even that there was one."""
    words = phrases(language)
    erased = campaign is not None and campaign.erased
    return rendering.render("gone.html", language, title=words.not_here if erased else words.gone, sentences=sentences)


def _unknown(language: str) -> Response:
    """Where the state cannot be read: no destination, and no claim that it is closed either."""
    known = language if language in WORDINGS else FALLBACK
    html = rendering.render("unknown.html", known, banner=unknown(known), title=phrases(known).unknown_text)
    answer = rendering.page(request, html, status=503)
    answer.headers["Retry-After"] = str(ASK_AGAIN)
    return answer
