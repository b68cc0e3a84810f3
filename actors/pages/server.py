"""The pages of the server itself: who speaks here, what it is, whom to write to; and the files pages are made of."""

from __future__ import annotations

from importlib import resources
from types import MappingProxyType
from typing import Final

from quart import Blueprint, Request, Response, request

from actors.pages import rendering
from actors.pages.listing import entries
from actors.service.desk import Desk
from actors.store import campaigns
from fediverse.protocol.errors import NotHere
from fediverse.store import local_actors
from fediverse.web.answers import content

FILES: Final = MappingProxyType({"clarion.css": "text/css; charset=utf-8", "actor.png": "image/png"})
"""Everything that is served as a file. There is no folder that anything can be put into."""
KEPT_FOR: Final = "max-age=3600"


def add_to(routes: Blueprint, desk: Desk, contact: str) -> None:
    """Add the routes."""
    files = {name: resources.files("actors").joinpath("static", name).read_bytes() for name in FILES}

    def file(name: str) -> Response:
        answer = content(request, files[name], FILES[name], KEPT_FOR)
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return answer

    @routes.get("/static/<name>")
    async def static(name: str) -> Response:
        if name not in files:
            raise NotHere
        return file(name)

    @routes.get("/pictures/<opaque>.png")
    async def picture(opaque: str) -> Response:
        async with desk.database.read() as tx:
            actor = await local_actors.by_id(tx, f"{desk.origin}/actors/{opaque}")
        if actor is None:
            raise NotHere
        return file("actor.png")

    @routes.get("/")
    async def index() -> Response:
        async with desk.database.read() as tx:
            actors = await local_actors.services(tx)
            every = [(actor, await campaigns.of_actor(tx, actor.id)) for actor in actors]
        html = rendering.render(
            "index.html",
            rendering.language_of(request),
            title=desk.origin.removeprefix("https://"),
            actors=[(actor, entries(desk, kept)) for actor, kept in every],
            handle_domain=desk.handle_domain,
            canonical=f"{desk.origin}/",
        )
        answer = rendering.page(request, html, indexable=True)
        answer.headers["Vary"] = "Accept-Language"
        return answer

    @routes.get("/about")
    async def about_page() -> Response:
        return about(request, desk, contact)


def about(request: Request, desk: Desk, contact: str, *, alternate: str | None = None) -> Response:
    """What this server is and promises; in English, as other servers' admins read it."""
    html = rendering.render(
        "about.html",
        "en",
        title=desk.origin.removeprefix("https://"),
        contact=contact,
        contact_url=contact if contact.startswith("https://") or not contact else f"mailto:{contact}",
        canonical=f"{desk.origin}/about",
        alternate=alternate,
    )
    return rendering.page(request, html, indexable=True, alternate=alternate)
