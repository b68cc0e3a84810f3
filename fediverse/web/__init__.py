"""The public door of the federation: discovery, actors, notes, collections, inboxes. Pages are handed in as a callable.

    app = Quart(...)
    app.register_blueprint(blueprint(federation, html))
    guard(app, federation)            # last: it stands before every route of the app

What is left to whoever builds the app: `include_server_header = False` in Hypercorn's configuration, HTTP/1.1 only on
the public port (`alpn_protocols = ["http/1.1"]`), no access log, `MAX_CONTENT_LENGTH` and `BODY_TIMEOUT` for the other
routes.
"""

from __future__ import annotations

from quart import Blueprint

from fediverse.federation import Federation
from fediverse.web import actors, discovery, inboxes, notes
from fediverse.web.answers import Html, Kind, refuse
from fediverse.web.guard import guard

__all__ = ["Html", "Kind", "blueprint", "guard", "refuse"]


def blueprint(federation: Federation, html: Html, *, body_timeout: float = inboxes.BODY_TIMEOUT) -> Blueprint:
    """All routes of the federation.

    `html(kind, value, request)` gives the page of an actor (LocalActor), of a note or of a retracted note
    (StoredObject), or None where there is none: then JSON is served to everybody. `body_timeout` is in seconds, for the
    whole body of a POST.
    """
    routes = Blueprint("federation", __name__)
    discovery.add_to(routes, federation)
    actors.add_to(routes, federation, html)
    notes.add_to(routes, federation, html)
    inboxes.add_to(routes, federation, body_timeout)
    return routes
