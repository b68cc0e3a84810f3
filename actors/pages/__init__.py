"""The public face: pages for people, without script, cookie or anything from elsewhere.

blueprint(desk, contact)   the pages with URLs of their own: campaigns, /, /about, pictures
html(desk, contact)        the pages of actors and notes, which share their URLs with JSON
error_pages(app)           refusals as pages, for those who would rather have one
"""

from __future__ import annotations

from quart import Blueprint

from actors.pages import campaigns, server
from actors.pages.errors import error_pages
from actors.pages.presence import html
from actors.service.desk import Desk

__all__ = ["blueprint", "error_pages", "html"]


def blueprint(desk: Desk, contact: str) -> Blueprint:
    """All pages with URLs of their own. `contact` is a mail address, an https URL or empty."""
    routes = Blueprint("pages", __name__)
    campaigns.add_to(routes, desk)
    server.add_to(routes, desk, contact)
    return routes
