"""How others find our actors and our server: WebFinger, host-meta, NodeInfo."""

from __future__ import annotations

import json

import pytest

from tests.fediverse.service import serving
from tests.fediverse.stores import ORIGIN
from tests.fediverse.visits import JSON, announce, get, path
from tests.peers.names import Names


async def test_webfinger_finds_the_actor_by_handle_and_by_url_on_both_domains(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, handle_domain="handles.example") as service:
        for resource in (
            "acct:fund@handles.example",
            "acct:fund@fund.example",
            "acct%3AFund%40Handles.Example",
            service.fund,
            f"{ORIGIN}/@fund",
        ):
            answer = await get(service, f"/.well-known/webfinger?resource={resource}")
            assert answer.status == 200, resource
            assert answer.header("content-type") == "application/jrd+json"
            assert answer.header("access-control-allow-origin") == "*"
            assert answer.header("cache-control") == "max-age=600"  # names no state, so it may be kept for a while
            found = json.loads(answer.body)
            assert found["subject"] == "acct:fund@handles.example"
            [link] = [link for link in found["links"] if link["rel"] == "self"]
            assert (link["type"], link["href"]) == ("application/activity+json", service.fund)


async def test_the_domain_of_the_handles_is_answered_for_where_handles_are_looked_up_and_nowhere_else(
    sqlite_url: str, names: Names
) -> None:
    there = "Handles.example"
    async with serving(sqlite_url, names, origin=ORIGIN, handle_domain="handles.example") as service:
        finger = "/.well-known/webfinger?resource=acct:fund@handles.example"
        for target in (finger, "/.well-known/host-meta"):
            forwarded, own = await service.ask("GET", target, host=there), await service.ask("GET", target)
            assert forwarded.status == 200
            assert forwarded.body == own.body
        # What Mastodon does before it believes a handle: each domain confirms the other (mastodon-compat §6.1).
        first = json.loads((await service.ask("GET", finger.replace("@handles", "@fund"))).body)
        assert first["subject"] == "acct:fund@handles.example"
        second = await service.ask("GET", f"/.well-known/webfinger?resource={first['subject']}", host=there)
        assert json.loads(second.body) == first
        for target in ("/actor", path(service.fund), "/@fund", "/.well-known/nodeinfo", "/nodeinfo/2.1", "/"):
            assert (await service.ask("GET", target, [JSON], host=there)).status == 421
        assert (await service.ask("POST", "/inbox", host=there)).status == 421
        both = [("Host", there), ("Host", "fund.example")]
        assert (await service.ask("GET", finger, both)).status == 400
        assert (await service.ask("GET", finger, host="elsewhere.example")).status == 421
    async with serving(sqlite_url, names, origin=ORIGIN, create=False) as service:
        assert (await service.ask("GET", finger, host=there)).status == 421


async def test_webfinger_finds_the_server_and_its_instance_actor(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        ours = service.federation.urls.instance_actor
        server = json.loads((await get(service, f"/.well-known/webfinger?resource={ORIGIN}/")).body)
        assert [link["href"] for link in server["links"]] == [ours]
        actor = json.loads(
            (await get(service, "/.well-known/webfinger?resource=acct:instance.actor@fund.example")).body
        )
        assert ours in [link["href"] for link in actor["links"]]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?resource=", 400),
        ("?resource=fund", 400),
        ("?resource=acct:fund", 400),
        ("?resource=acct:%ff@fund.example", 400),
        ("?resource=acct:fund@fund.example&resource=acct:fund@fund.example", 400),
        ("?resource=acct:nobody@fund.example", 404),
        ("?resource=acct:fund@elsewhere.example", 404),
        ("?resource=https://fund.example/nobody", 404),
        ("?resource=mailto:fund@fund.example", 404),
    ],
)
async def test_webfinger_refuses_what_it_cannot_read_and_does_not_know_others(
    query: str, status: int, sqlite_url: str, names: Names
) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        answer = await get(service, f"/.well-known/webfinger{query}")
        assert answer.status == status
        assert answer.header("access-control-allow-origin") == "*"


async def test_host_meta_and_nodeinfo_lead_on(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        await announce(service)
        meta = await get(service, "/.well-known/host-meta")
        assert meta.header("content-type") == "application/xrd+xml"
        assert f"{ORIGIN}/.well-known/webfinger?resource={{uri}}".encode() in meta.body
        links = json.loads((await get(service, "/.well-known/nodeinfo")).body)["links"]
        info = json.loads((await get(service, path(links[0]["href"]))).body)
        assert (info["version"], info["software"]["name"]) == ("2.1", "clarion")
        assert info["metadata"]["contact"] == "ops@fund.test"
        assert info["usage"]["users"]["total"] == 1
        assert info["usage"]["localPosts"] == 1
