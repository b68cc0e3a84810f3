"""WebFinger, host-meta and NodeInfo."""

from __future__ import annotations

from quart import Blueprint, Response, request

from fediverse.federation import Federation
from fediverse.protocol import nodeinfo, webfinger
from fediverse.protocol.errors import FederationError, Malformed, NotHere
from fediverse.protocol.strict_json import Json, dumps
from fediverse.store import collections, local_actors
from fediverse.store.database import Transaction
from fediverse.store.local_actors import LocalActor
from fediverse.web.answers import discovery, refuse_for


def add_to(routes: Blueprint, federation: Federation) -> None:
    """Add the routes."""
    urls = federation.urls

    @routes.get(webfinger.WELL_KNOWN)
    async def finger() -> Response:
        try:
            descriptor = await _finger(federation, _resource(request.query_string.decode("latin-1")))
        except FederationError as problem:
            answer = refuse_for(problem)
            answer.headers["Access-Control-Allow-Origin"] = "*"
            return answer
        return discovery(request, dumps(descriptor), webfinger.JRD_JSON)

    @routes.get(webfinger.HOST_META)
    async def host_meta() -> Response:
        return discovery(request, webfinger.host_meta_xml(urls.origin).encode(), webfinger.XRD_XML)

    @routes.get("/.well-known/nodeinfo")
    async def nodeinfo_links() -> Response:
        return discovery(request, dumps(nodeinfo.well_known(urls.origin, urls.instance_actor)), "application/json")

    @routes.get(nodeinfo.PATH)
    async def nodeinfo_document() -> Response:
        async with federation.database.read() as tx:
            actors = await local_actors.services(tx)
            posts = sum([await collections.outbox_count(tx, actor.id) for actor in actors])
        document = nodeinfo.document(
            version=federation.version, about=federation.about, actors=len(actors), local_posts=posts
        )
        return discovery(request, dumps(document), nodeinfo.NODEINFO_JSON)


def _resource(query: str) -> str | None:
    """The `resource` of a query string, still percent-encoded; None if it is missing."""
    values = [pair[9:] for pair in query.split("&") if pair.startswith("resource=")]
    if len(values) > 1:
        raise Malformed("resource: given more than once")
    return next(iter(values), None)


async def _finger(federation: Federation, text: str | None) -> dict[str, Json]:
    urls = federation.urls
    resource = webfinger.parse_resource(text, origin=urls.origin, handle_domain=federation.handle_domain)
    if isinstance(resource, webfinger.Server):
        return webfinger.server_jrd(urls.origin, urls.instance_actor)
    async with federation.database.read() as tx:
        actor = await _find(tx, federation, resource)
    if actor is None:
        raise NotHere
    icon = actor.document.get("icon")
    return webfinger.account_jrd(
        name=actor.handle,
        handle_domain=federation.handle_domain,
        actor_id=actor.id,
        profile_url=actor.document["url"],
        avatar=(icon["mediaType"], icon["url"]) if icon else None,
    )


async def _find(
    tx: Transaction, federation: Federation, resource: webfinger.Handle | webfinger.Address
) -> LocalActor | None:
    if isinstance(resource, webfinger.Handle):
        return await local_actors.by_handle(tx, resource.name)
    profile = federation.urls.profile("")
    if resource.url.startswith(profile):
        return await local_actors.by_handle(tx, resource.url.removeprefix(profile))
    return await local_actors.by_id(tx, resource.url)
