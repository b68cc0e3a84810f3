"""The acts of an organiser, as asked for over HTTP: a campaign from its first draft to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.service.desk import NOTES_PER_DAY
from tests.actors.admin.houses import Answer, another_actor, check_problem, settled
from tests.actors.desks import DONATE, document
from tests.fediverse.store.building import ORIGIN

ROADS = "/campaigns/roads"
DESTINATIONS = "/actors/fund/destinations"


def told(answer: Answer) -> tuple[int, str]:
    """Status and state."""
    return answer.status, answer.json["state"]


async def test_a_campaign_is_drafted_opened_told_paused_resumed_and_closed(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        made = await desk.put(ROADS, document())
        assert told(made) == (201, "draft")
        place = made.json["destinations"][0]["id"]
        assert told(await desk.post(f"{ROADS}/open")) == (200, "open")
        raised = await desk.put(f"{ROADS}/raised/{place}", {"amount": "1250.50"})
        assert raised.json["destinations"][0]["raised"] == "1250.50"
        assert (raised.json["figures"]["raised"], raised.json["figures"]["percent"]) == ("1250.00", 25)
        assert told(await desk.post(f"{ROADS}/goal-update")) == (200, "open")
        assert told(await desk.post(f"{ROADS}/pause")) == (200, "paused")
        assert told(await desk.post(f"{ROADS}/resume")) == (200, "open")
        new = {"en": {"outcome": "More than enough.", "projects": []}}
        closed = await desk.post(f"{ROADS}/close", {"reason": "goal_met", "closed": new})
        assert told(closed) == (200, "closed")
        assert closed.json["reason"] == "goal_met"
        assert [said["kind"] for said in closed.json["announcements"]] == ["appeal", "goal_update", "closure"]
        whole = (await desk.get(ROADS)).json
        assert whole["document"]["languages"]["en"]["closed"]["outcome"] == "More than enough."
        assert whole["pages"] == {"en": f"{ORIGIN}/c/roads/en", "fa": f"{ORIGIN}/c/roads/fa"}
        assert {name: value for name, value in whole.items() if name != "document"} == closed.json


async def test_closing_again_is_no_error_and_changes_nothing(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        await desk.post(f"{ROADS}/open")
        first = await desk.post(f"{ROADS}/close")
        again = await desk.post(f"{ROADS}/close", {"reason": "goal_met"})
        assert (first.status, again.status) == (200, 200)
        assert first.body == again.body


async def test_a_move_that_the_state_does_not_allow_is_409_and_says_the_state(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        for move in ("pause", "resume", "goal-update", "close", "retract"):
            assert check_problem(await desk.post(f"{ROADS}/{move}"), 409)["state"] == "draft"
        await desk.post(f"{ROADS}/open")
        assert check_problem(await desk.post(f"{ROADS}/open"), 409)["state"] == "open"
        assert check_problem(await desk.put(ROADS, document(goal_amount="1")), 409)["state"] == "open"


async def test_a_note_can_be_withdrawn_from_its_own_campaign_only(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        note = (await desk.post(f"{ROADS}/open")).json["announcements"][0]["notes"][0]["id"]
        await desk.put("/campaigns/other", document("en"))
        for path in (f"{ROADS}/notes/{'0' * 32}", f"{ROADS}/notes/x", f"/campaigns/other/notes/{note}"):
            check_problem(await desk.post(f"{path}/withdraw"), 404)


async def test_opening_without_closing_texts_names_the_language_that_lacks_them(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        body = document(destinations=[])
        del body["languages"]["fa"]["closed"]
        assert (await desk.put(ROADS, body)).status == 201
        refused = await desk.post(f"{ROADS}/open")
        check_problem(refused, 400)
        assert sorted(refused.fields) == ["destinations", "languages.fa.closed"]


async def test_more_notes_a_day_than_followers_should_get_are_refused(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        await desk.post(f"{ROADS}/open")
        got = [(await desk.post(f"{ROADS}/goal-update")).status for _ in range(NOTES_PER_DAY)]
        assert got == [200, 200, 200, 409, 409]
        assert (await desk.post(f"{ROADS}/close")).status == 200


async def test_a_draft_is_replaced_only_by_who_knows_what_it_replaces(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        made = await desk.put(ROADS, document())
        assert made.headers["ETag"] == '"1"'
        other = document(goal_amount="6000")
        needed = await desk.put(ROADS, other)
        assert check_problem(needed, 428)["version"] == 1
        assert needed.headers["ETag"] == '"1"'
        assert (await desk.get(ROADS)).json["document"]["goal_amount"] == "5000"
        replaced = await desk.put(ROADS, other, headers={"If-Match": '"1"'})
        assert (replaced.status, replaced.headers["ETag"]) == (200, '"2"')
        late = await desk.put(ROADS, document(goal_amount="7000"), headers={"If-Match": '"1"'})
        assert check_problem(late, 412)["version"] == 2
        assert late.headers["ETag"] == '"2"'
        assert (await desk.put(ROADS, document(goal_amount="8000"), headers={"If-Match": "*"})).headers["ETag"] == '"3"'


async def test_the_same_document_again_is_the_same_answer_without_a_version(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        made = await desk.put(ROADS, document())
        again = await desk.put(ROADS, document())
        assert (made.status, again.status) == (201, 200)
        assert made.body == again.body
        # What GET shows as the document can be put back as it stands.
        back = await desk.put(ROADS, (await desk.get(ROADS)).json["document"])
        assert (back.status, back.json["version"]) == (200, 1)


async def test_a_slug_can_be_asked_for_only_if_it_is_free(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        new = {"If-None-Match": "*"}
        check_problem(await desk.put(ROADS, document(), headers={"If-Match": '"1"'}), 412)
        check_problem(await desk.put(ROADS, document(), headers={"If-Match": "*"}), 412)
        assert (await desk.put(ROADS, document(), headers=new)).status == 201
        check_problem(await desk.put(ROADS, document(), headers=new), 412)
        check_problem(await desk.post(f"{ROADS}/open", headers=new), 412)
        for strange in ('"x"', "1", '"1", "2"', 'W/"1"', '""'):
            check_problem(await desk.put(ROADS, document(), headers={"If-Match": strange}), 400)


async def test_a_move_can_be_tied_to_a_version(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        place = (await desk.put(ROADS, document())).json["destinations"][0]["id"]
        check_problem(await desk.post(f"{ROADS}/open", headers={"If-Match": '"2"'}), 412)
        assert (await desk.post(f"{ROADS}/open", headers={"If-Match": '"1"'})).headers["ETag"] == '"2"'
        raised = f"{ROADS}/raised/{place}"
        check_problem(await desk.put(raised, {"amount": "1"}, headers={"If-Match": '"1"'}), 412)
        assert (await desk.put(raised, {"amount": "1"}, headers={"If-Match": '"2"'})).status == 200


async def test_a_note_is_withdrawn_and_a_campaign_retracted(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        notes = (await desk.post(f"{ROADS}/open")).json["announcements"][0]["notes"]
        gone = await desk.post(f"{ROADS}/notes/{notes[0]['id']}/withdraw")
        assert [note["withdrawn"] is None for note in gone.json["announcements"][0]["notes"]] == [False, True]
        assert set((await desk.get(ROADS)).json["document"]["languages"]) == {"fa"}
        assert told(await desk.post(f"{ROADS}/retract", {"erase": True})) == (200, "retracted")
        whole = (await desk.get(ROADS)).json
        assert (whole["document"], whole["pages"], whole["destinations"]) == (None, {}, [])
        check_problem(await desk.put(ROADS, document()), 409)


async def test_a_destination_is_listed_once_suspended_and_listed_again(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        place: dict[str, Any] = {"label": "A room", "url": "https://Rooms.example", "kind": "offer"}
        desk.clock.forward(seconds=1)
        made = await desk.post(DESTINATIONS, place)
        assert (made.status, made.json["url"], made.json["state"]) == (201, "https://rooms.example/", "active")
        again = await desk.post(DESTINATIONS, place)
        assert (again.status, again.json) == (200, made.json)
        listed = (await desk.post(f"{DESTINATIONS}/{made.json['id']}/suspend")).json["destinations"]
        assert [(each["url"], each["state"]) for each in listed] == [
            (DONATE, "active"),
            ("https://rooms.example/", "suspended"),
        ]
        refused = await desk.put(ROADS, document(destinations=["https://rooms.example/"]))
        assert refused.fields == ["destinations.0"]
        assert (await desk.post(DESTINATIONS, place)).json["state"] == "active"
        assert (await desk.post(DESTINATIONS, {**place, "label": "Another"})).fields == ["url"]
        wrong = {"label": "", "url": "http://x.example", "kind": "gold", "extra": 1}
        assert (await desk.post(DESTINATIONS, wrong)).fields == ["extra"]
        del wrong["extra"]
        assert sorted((await desk.post(DESTINATIONS, wrong)).fields) == ["kind", "label", "url"]
        check_problem(await desk.post(f"{DESTINATIONS}/{'0' * 32}/suspend"), 404)


async def test_an_actor_is_shown_and_given_another_name(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        actors = (await desk.get("/actors")).json["actors"]
        assert [(each["handle"], each["address"]) for each in actors] == [("fund", "@fund@fund.example")]
        assert (await desk.get("/actors/@fund")).json == actors[0]
        changed = await desk.ask("PATCH", "/actors/fund", {"name": "Winter fund"})
        assert (changed.json["name"], changed.json["summary"]) == ("Winter fund", "We *help*.")
        refused = await desk.ask("PATCH", "/actors/fund", {"summary": f"Give at {DONATE}"})
        assert refused.fields == ["summary"]


async def test_campaigns_are_listed_for_their_own_actor_only(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        theirs = await another_actor(desk)
        await desk.put("/campaigns/b", document())
        await desk.put("/campaigns/a", document("fa"))
        await desk.put("/campaigns/c", document(destinations=[]), token=theirs)
        listed = (await desk.get("/campaigns")).json["campaigns"]
        assert [(each["slug"], each["state"], each["languages"]) for each in listed] == [
            ("a", "draft", ["fa"]),
            ("b", "draft", ["en", "fa"]),
        ]


async def test_the_audit_pages_backwards_and_names_nobody(tmp_path: Path) -> None:
    async with settled(tmp_path) as desk:
        await desk.put(ROADS, document())
        await desk.post(f"{ROADS}/open")
        entries = (await desk.get("/audit")).json["entries"]
        assert [entry["act"] for entry in entries[:2]] == ["open", "put_draft"]
        assert entries[0]["organiser"] == desk.organiser.id
        assert entries[0]["previous"] == entries[1]["hash"]
        page = (await desk.get(f"/audit?limit=2&before={entries[0]['number']}")).json["entries"]
        assert page == entries[1:3]
        whole = (await desk.get("/audit")).body.decode()
        assert all(secret not in whole for secret in ("night shift", "treasurer", desk.token, desk.reader))
        for query in ("limit=0", "limit=101", "limit=x", "before=-1", "before=99999999999", "before=1%27"):
            refused = await desk.get(f"/audit?{query}")
            check_problem(refused, 400)
            assert refused.fields == [query.partition("=")[0]]
        check_problem(await desk.get("/audit?limit=1&limit=2"), 400)
