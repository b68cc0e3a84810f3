from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.drafting import (
    check_slug,
    check_texts,
    choose_destination,
    destination_hosts,
    read_closings,
    read_destination,
    read_draft,
)
from actors.model import Campaign, Help, Project, Standing
from actors.refusals import Refused
from tests.actors.campaigns import DESTINATION, NOW, OFFER, ORIGIN, draft

LISTED = (DESTINATION, OFFER)
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "admin_input.json").read_text(encoding="utf-8"))

BODY: dict[str, Any] = {
    "goal_amount": "5000",
    "currency": "EUR",
    "expires": "2026-12-31T00:00:00+01:00",
    "destinations": ["https://donate.example/x"],
    "languages": {
        "fa": {
            "title": "راه امن",
            "lead": "مردم در راه‌اند.",
            "ask": "کمک کنید.",
            "full_text": "داستان",
            "hashtags": ["کمک"],
            "closed": {"outcome": "همه رسیده‌اند.", "projects": [{"name": "Kitchen", "url": "https://kitchen.example"}]},
        },
        "en": {"title": "Safe roads", "lead": "People are on the road.", "ask": "Please help."},
    },
}


def read(body: object, slug: str = "roads") -> Campaign:
    assert isinstance(body, dict)
    return read_draft(body, campaign_id="c" * 32, slug=slug, listed=LISTED, now=NOW, origin=ORIGIN)


def changed(path: str, value: object) -> dict[str, Any]:
    body = deepcopy(BODY)
    *parents, last = path.split(".")
    at: Any = body
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return body


def fields(body: object) -> list[str]:
    with pytest.raises(Refused) as refusal:
        read(body)
    return [problem.field for problem in refusal.value.problems]


def test_a_draft_is_read_with_its_first_language_as_the_main_one() -> None:
    campaign = read(BODY)
    assert campaign.languages == ("fa", "en")
    assert campaign.expires.isoformat() == "2026-12-30T23:00:00+00:00"
    assert campaign.destinations == (DESTINATION,)
    closing = campaign.closing("fa")
    assert closing is not None
    assert closing.projects == (Project("Kitchen", "https://kitchen.example/"),)
    assert campaign.closing("en") is None


PLACES = {
    "goal_amount": "goal_amount",
    "currency": "currency",
    "text": "languages.en.title",
    "donation_url": "destinations.0",
}


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row['field']}={row['value']!a}")
def test_h4_h5_h6_h7_every_row_of_the_admin_vectors_is_answered_naming_the_field(row: dict[str, Any]) -> None:
    path = PLACES[row["field"]]
    body = changed(path, row["value"])
    if row["status"] == 400:
        assert fields(body) == [path]
        return
    campaign = read(body)
    if row["field"] == "text":
        text = campaign.text("en")
        assert text is not None
        assert text.title == {"e\u0301": "é"}.get(row["value"], row["value"])


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("goal_amount", 5000, "goal_amount"),
        ("expires", "tomorrow", "expires"),
        ("expires", "2026-12-31T00:00:00", "expires"),
        ("expires", "0001-01-01T00:00:00+23:00", "expires"),
        ("expires", 1767139200, "expires"),
        ("destinations", "https://donate.example/x", "destinations"),
        ("destinations", ["https://donate.example/x"] * 2, "destinations"),
        ("destinations", ["https://donate.example/x"] * 21, "destinations"),
        ("destinations", ["https://donate.example/y"], "destinations.0"),
        ("destinations", [5], "destinations.0"),
        ("languages", {}, "languages"),
        ("languages", [], "languages"),
        ("languages", {"en": 1, "fa": 1, "de": 1, "ar": 1}, "languages"),
        ("languages.xx", {"title": "x"}, "languages.xx"),
        ("languages.en", "x", "languages.en"),
        ("languages.en.lead", None, "languages.en.lead"),
        ("languages.en.lead", "give at donate.example", "languages.en.lead"),
        ("languages.en.ask", "[here](https://donate.example/x)", "languages.en.ask"),
        ("languages.en.full_text", "bit.ly/x", "languages.en.full_text"),
        ("languages.en.title", "rooms.example has room", "languages.en.title"),
        ("languages.en.hashtags", ["a b"], "languages.en.hashtags.0"),
        ("languages.en.closed", "over", "languages.en.closed"),
        ("languages.fa.closed.outcome", "donate.example", "languages.fa.closed.outcome"),
        ("languages.fa.closed.projects", "x", "languages.fa.closed.projects"),
        ("languages.fa.closed.projects.0", "x", "languages.fa.closed.projects.0"),
        ("languages.fa.closed.projects.0.name", "donate.example", "languages.fa.closed.projects.0.name"),
        ("languages.fa.closed.projects.0.url", "https://donate.example/z", "languages.fa.closed.projects.0.url"),
        ("languages.fa.closed.projects.0.url", "http://kitchen.example/", "languages.fa.closed.projects.0.url"),
        ("languages.fa.closed.projects.0.more", "x", "languages.fa.closed.projects.0.more"),
        ("languages.fa.closed.more", "x", "languages.fa.closed.more"),
        ("languages.en.leed", "x", "languages.en.leed"),
        ("gaol", "x", "gaol"),
    ],
)
def test_each_field_at_fault_is_named_by_its_path(path: str, value: object, field: str) -> None:
    assert fields(changed(path, value)) == [field]


def test_an_empty_document_hears_of_everything_it_lacks() -> None:
    assert fields({}) == ["currency", "goal_amount", "expires", "languages"]


def test_a_lead_that_is_too_long_with_everything_generated_is_named() -> None:
    body = changed("languages.en.lead", "word " * 79)
    body["languages"]["en"]["ask"] = "please " * 28
    assert fields(body) == ["languages.en.lead"]


@pytest.mark.parametrize("slug", ["roads", "a", "roads-2026", "a" * 64])
def test_a_plain_slug_is_taken(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "Roads", "-a", "a-", "a_b", "a/b", "..", "a" * 65, "راه", "a\n", None, 5])
def test_a_slug_that_is_not_plain_is_refused(slug: object) -> None:
    with pytest.raises(Refused, match="slug"):
        check_slug(slug)


@pytest.mark.parametrize("standing", [Standing.PROPOSED, Standing.SUSPENDED, Standing.REMOVED])
def test_h4_only_an_active_destination_of_the_list_can_be_chosen(standing: Standing) -> None:
    assert choose_destination("https://DONATE.example/x", LISTED) is DESTINATION
    with pytest.raises(Refused, match="donation_url"):
        choose_destination(DESTINATION.url, (replace(DESTINATION, state=standing),))


def test_destinations_once_listed_stay_unnamed_in_texts() -> None:
    assert destination_hosts((replace(DESTINATION, state=Standing.REMOVED), OFFER)) == (
        "donate.example",
        "rooms.example",
    )


def test_a_destination_for_the_list_is_read_as_proposed() -> None:
    found = read_destination("d9", "Fund", "https://Donate.example/x", "money", "EUR")
    assert (found.url, found.kind, found.state, found.currency) == (
        "https://donate.example/x",
        Help.MONEY,
        Standing.PROPOSED,
        "EUR",
    )
    assert read_destination("d9", "Rooms", "https://rooms.example/", "offer").currency is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("", "https://a.example/", "offer", None), "label"),
        (("a\u202eb", "https://a.example/", "offer", None), "label"),
        (("a", "http://a.example/", "offer", None), "url"),
        (("a", "https://bit.ly/x", "offer", None), "url"),
        (("a", "https://a.example/", "gift", None), "kind"),
        (("a", "https://a.example/", None, None), "kind"),
        (("a", "https://a.example/", "money", None), "currency"),
        (("a", "https://a.example/", "offer", "EUR"), "currency"),
    ],
)
def test_a_destination_that_cannot_be_listed_names_the_field(given: tuple[Any, ...], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        read_destination("d9", *given)
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_closing_texts_are_read_for_languages_of_the_campaign_only() -> None:
    campaign = draft("en", "fa")
    (text,) = read_closings({"en": {"outcome": "Done."}}, campaign, LISTED)
    assert (text.language, text.outcome, text.projects) == ("en", "Done.", ())
    for body, field in (
        ({"de": {"outcome": "Ende."}}, "closed.de"),
        ({"en": {"outcome": "donate.example"}}, "closed.en.outcome"),
        ("over", "closed"),
    ):
        with pytest.raises(Refused) as refusal:
            read_closings(body, campaign, LISTED)
        assert [problem.field for problem in refusal.value.problems] == [field]


def test_projects_whose_addresses_would_make_a_post_too_large_are_refused() -> None:
    path = "languages.fa.closed.projects"
    for query, fits in (("a" * 1600, True), ("&" * 300, True), ("&" * 400, False), ("a" * 1700, False)):
        projects = [{"name": f"Kitchen {n}", "url": f"https://kitchen.example/?{query}"} for n in range(5)]
        if fits:
            read(changed(path, projects))
        else:
            with pytest.raises(Refused) as refusal:
                read(changed(path, projects))
            assert [problem.field for problem in refusal.value.problems] == [path]


def test_texts_are_read_again_against_destinations_listed_since() -> None:
    check_texts(draft(), LISTED, NOW, ORIGIN)
    kitchen = replace(DESTINATION, id="d3", url="https://kitchen.example/give")
    with pytest.raises(Refused) as refusal:
        check_texts(draft("en"), (*LISTED, kitchen), NOW, ORIGIN)
    assert [problem.field for problem in refusal.value.problems] == ["languages.en.closed.projects.0.url"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["en", "title", "closed", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
PATHS = [
    "goal_amount",
    "currency",
    "expires",
    "destinations",
    "destinations.0",
    "languages",
    "languages.en",
    "languages.en.title",
    "languages.en.lead",
    "languages.en.hashtags",
    "languages.fa.closed",
    "languages.fa.closed.projects",
    "languages.fa.closed.projects.0",
]


@given(path=st.sampled_from(PATHS), value=JSON)
def test_whatever_stands_in_a_field_the_answer_is_a_draft_or_a_refusal(path: str, value: object) -> None:
    try:
        campaign = read(changed(path, value))
    except Refused as refused:
        named = [problem.field for problem in refused.problems]
    else:
        named = []
        assert campaign.languages
    assert all(isinstance(field, str) for field in named)
