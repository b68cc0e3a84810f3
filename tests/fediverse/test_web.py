"""What other servers and browsers are shown: bytes over a socket in, exact types and headers out."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from fediverse import outbox
from fediverse.outbox import Act
from fediverse.protocol.retry import Priority
from fediverse.store import followers
from tests.fediverse.service import PAGE, serving
from tests.fediverse.stores import ALICE, NOW, ORIGIN, key_of
from tests.fediverse.visits import JSON, announce, get, path
from tests.peers.names import Names

PAGES = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept", ["application/activity+json", LD, f"{LD}, application/activity+json, text/html;q=0.1"]
)
async def test_an_actor_is_served_with_its_exact_type_and_may_be_kept_only_if_asked_again(
    accept: str, sqlite_url: str, names: Names
) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        for actor in (service.fund, service.federation.urls.instance_actor):
            answer = await get(service, path(actor), ("Accept", accept))
            assert answer.status == 200
            assert answer.header("content-type") == "application/activity+json"
            assert answer.header("vary") == "Accept"
            assert answer.header("cache-control") == "no-cache"
            document = json.loads(answer.body)
            assert document["id"] == document["publicKey"]["owner"] == actor
            assert document["publicKey"]["id"] == f"{actor}#main-key"
            assert document["endpoints"] == {"sharedInbox": service.inbox}
            assert document["@context"][0] == "https://www.w3.org/ns/activitystreams"


async def test_the_instance_actor_is_an_application_readable_unsigned_and_stays_the_same(
    database_url: str, names: Names
) -> None:
    async with serving(database_url, names, origin=ORIGIN) as service:
        first = await get(service, "/actor")
        assert json.loads(first.body)["type"] == "Application"
        key = await service.federation.instance_key()
        assert json.loads(first.body)["publicKey"]["publicKeyPem"] == key.public_pem()
    async with serving(database_url, names, origin=ORIGIN, create=False) as service:
        assert (await get(service, "/actor")).body == first.body


async def test_a_browser_gets_a_page_and_both_forms_vary_by_accept(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        note = await announce(service)
        for target in (path(service.fund), path(note), "/@fund", "/@Fund"):
            page = await get(service, target, PAGES)
            assert (page.status, page.body, page.header("vary")) == (200, PAGE, "Accept")
            assert (await get(service, target, ("Accept", "*/*"))).body == PAGE
            assert (await get(service, target)).header("content-type") == "application/activity+json"
        assert [kind for kind, _ in service.pages] == ["actor"] * 2 + ["note"] * 2 + ["actor"] * 4
        for nobody in ("/@nobody", "/@instance.actor", "/actors/x", "/notes/x"):
            assert (await get(service, nobody, PAGES)).status == 404


async def test_where_there_is_no_page_everybody_gets_json(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN, pages=False) as service:
        answer = await get(service, path(service.fund), PAGES)
        assert answer.header("content-type") == "application/activity+json"


async def test_j4_one_url_has_two_forms_that_no_cache_mixes_up(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        note = await announce(service)
        for method in ("GET", "HEAD"):
            answers = [await service.ask(method, path(note), [accept]) for accept in (JSON, PAGES)]
            assert [answer.header("vary") for answer in answers] == ["Accept", "Accept"]
            assert len({answer.header("content-type") for answer in answers}) == 2
        head, full = [await service.ask(method, path(note), [JSON]) for method in ("HEAD", "GET")]
        assert head.body == b""
        assert head.header("etag") == full.header("etag")
        assert head.header("content-length") == str(len(full.body))


async def test_whoever_has_these_bytes_gets_304(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        note = await announce(service)
        for target in (path(note), path(service.fund), f"{path(service.fund)}/featured", "/.well-known/host-meta"):
            etag = (await get(service, target)).header("etag")
            assert etag is not None
            assert not etag.startswith("W/")
            for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
                answer = await get(service, target, JSON, ("If-None-Match", known))
                assert (answer.status, answer.body, answer.header("etag")) == (304, b"", etag)
                assert answer.header("cache-control") is not None
            assert (await get(service, target, JSON, ("If-None-Match", '"other"'))).status == 200


async def test_a_changed_note_has_another_etag(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        note = await announce(service)
        first = await get(service, path(note))
        changed: dict[str, Any] = {**json.loads(first.body), "content": "<p>closed</p>"}
        del changed["@context"]
        async with service.database.write() as tx:
            act = Act(service.fund, NOW + timedelta(hours=1), service.federation.new_id)
            await outbox.change(tx, act, changed, priority=Priority.CLOSE)
        second = await get(service, path(note), JSON, ("If-None-Match", first.header("etag") or ""))
        assert second.status == 200
        assert json.loads(second.body)["content"] == "<p>closed</p>"


async def test_j3_a_retracted_note_is_a_tombstone_with_410_and_none_of_its_text_is_left(
    database_url: str, names: Names
) -> None:
    async with serving(database_url, names, origin=ORIGIN, pages=False) as service:
        note = await announce(service)
        async with service.database.write() as tx:
            await outbox.retract(tx, Act(service.fund, NOW, service.federation.new_id), note)
        for accept in (JSON, PAGES):
            answer = await get(service, path(note), accept)
            # Whoever kept the Tombstone is told once more: 304 is for what would be 200 (RFC 9110 §13.2.1).
            again = await get(service, path(note), accept, ("If-None-Match", "*"))
            for told in (answer, again):
                assert (told.status, told.header("content-type")) == (410, "application/activity+json")
                assert json.loads(told.body)["type"] == "Tombstone"
        for target in (path(note), f"{path(service.fund)}/outbox?page=1", f"{path(service.fund)}/featured"):
            assert b"please give" not in (await get(service, target)).body
        assert (await get(service, f"/notes/{'f' * 32}")).status == 404


async def test_past_its_end_an_open_form_leaves_by_no_door(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        note = await announce(service, open_for=timedelta(hours=1))
        service.clock.forward(minutes=59)
        assert (await get(service, path(note))).status == 200
        assert b"please give" in (await get(service, f"{path(service.fund)}/outbox?page=1")).body
        service.clock.forward(minutes=1)
        expired = await get(service, path(note))
        assert expired.header("cache-control") == "no-store"
        assert (expired.status, expired.header("retry-after"), expired.header("vary")) == (503, "60", "Accept")
        assert b"please give" not in expired.body
        assert b"please give" not in (await get(service, f"{path(service.fund)}/outbox?page=1")).body


# --- collections ------------------------------------------------------------------------------------------------------


async def test_j2_followers_are_a_number_whoever_asks_and_however(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        async with service.database.write() as tx:
            follow = {"id": f"{ALICE}#1", "type": "Follow", "actor": ALICE, "object": service.fund}
            await followers.add(
                tx,
                actor=service.fund,
                follow=follow,
                personal=f"{ALICE}/inbox",
                shared=None,
                key=key_of(ALICE).public(),
                now=NOW,
            )
        for name, total in (("followers", 1), ("following", 0)):
            for query in ("", "?page=1", "?page=true", "?cursor=0&limit=100", "?domain=peer.example"):
                signed = ("Signature", f'keyId="{ALICE}#main-key",signature="AAAA"')
                for headers in ([JSON], [PAGES], [JSON, signed]):
                    answer = await get(service, f"{path(service.fund)}/{name}{query}", *headers)
                    document = json.loads(answer.body)
                    assert set(document) == {"@context", "id", "type", "totalItems"}
                    assert (document["type"], document["totalItems"]) == ("OrderedCollection", total)
                    assert b"alice" not in answer.body


async def test_the_outbox_is_paged_from_the_newest_to_the_oldest(database_url: str, names: Names) -> None:
    async with serving(database_url, names, origin=ORIGIN) as service:
        told = []
        for number in range(1, 46):
            told.append(await announce(service, number))
            service.clock.forward(minutes=1)
        outbox_path = f"{path(service.fund)}/outbox"
        collection = json.loads((await get(service, outbox_path)).body)
        assert collection["totalItems"] == 45
        found, where, pages = [], collection["first"], 0
        while where is not None:
            page = json.loads((await get(service, path(where))).body)
            assert (page["type"], page["partOf"], page["id"]) == ("OrderedCollectionPage", collection["id"], where)
            found += [item["object"]["id"] for item in page["orderedItems"]]
            where, pages = page.get("next"), pages + 1
        assert found == told[::-1]
        assert pages == 3


@pytest.mark.parametrize(("said", "pages"), [(30, [21, 9]), (21, [21])])
async def test_what_was_said_at_one_moment_is_never_cut_in_two_by_a_page_and_none_is_empty(
    said: int, pages: list[int], database_url: str, names: Names
) -> None:
    async with serving(database_url, names, origin=ORIGIN) as service:
        told = []
        for number in range(1, said + 1):
            told.append(await announce(service, number))
            if number % 3 == 0:  # three languages of one appeal
                service.clock.forward(minutes=1)
        where: str | None = f"{path(service.fund)}/outbox?page=1"
        found = []
        while where is not None:
            page = json.loads((await get(service, where)).body)
            found.append([item["object"]["id"] for item in page["orderedItems"]])
            where = path(page["next"]) if "next" in page else None
        assert [len(page) for page in found] == pages
        assert sorted(note for page in found for note in page) == sorted(told)


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("-1", 400),
        ("1e9", 400),
        ("text", 400),
        ("", 400),
        ("true", 400),
        ("١", 400),
        ("9" * 17, 400),
        ("1&page=2", 400),
        ("1000000000", 404),
        ("0", 404),
        ("9" * 16, 200),
    ],
)
async def test_e11_pages_that_do_not_exist_are_not_served(
    page: str, status: int, sqlite_url: str, names: Names
) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        await announce(service)
        target = f"{path(service.fund)}/outbox?page={page.encode().decode('latin-1')}"
        assert (await get(service, target)).status == status


async def test_an_empty_outbox_has_an_empty_first_page(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        for actor in (service.fund, service.federation.urls.instance_actor):
            page = json.loads((await get(service, f"{path(actor)}/outbox?page=1")).body)
            assert page["orderedItems"] == []
            assert "next" not in page


async def test_featured_names_the_pinned_notes_in_their_order(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        first, second = await announce(service, 1), await announce(service, 2)
        async with service.database.write() as tx:
            act = Act(service.fund, NOW, service.federation.new_id)
            await outbox.pin(tx, act, first, position=2, priority=Priority.APPEAL)
            await outbox.pin(tx, act, second, position=1, priority=Priority.APPEAL)
        document = json.loads((await get(service, f"{path(service.fund)}/featured")).body)
        assert (document["totalItems"], document["orderedItems"]) == (2, [second, first])


# --- the inbox's door -------------------------------------------------------------------------------------------------


async def test_an_inbox_never_redirects_and_shows_nothing(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        for inbox in ("/inbox", f"{path(service.fund)}/inbox", "/actor/inbox"):
            assert (await get(service, inbox)).status == 405
            for method in ("PUT", "DELETE", "PATCH"):
                assert (await service.ask(method, inbox)).status == 405
            for slashed in (f"{inbox}/", f"/{inbox}", inbox.upper()):
                assert (await service.ask("POST", slashed)).status == 404
        assert (await service.ask("POST", "/actors/nobody/inbox")).status == 404


async def test_many_readers_at_once_are_all_served(sqlite_url: str, names: Names) -> None:
    async with serving(sqlite_url, names, origin=ORIGIN) as service:
        answers = await asyncio.gather(*(get(service, path(service.fund)) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
