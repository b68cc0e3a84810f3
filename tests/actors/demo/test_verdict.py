"""The closing line says what the recording servers hold, also when it is not what one hoped for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from actors.demo.timelines import Manners, Status, Timelines
from actors.demo.verdict import Held, Signs, closing_line, held

US = "https://clarion.demo.test/actors/1"
DARA = "https://mastodon.demo.test/users/dara"
OPEN_PAGE = "https://clarion.demo.test/c/stoves/en"
SIGNS = Signs(
    asks=frozenset({"Please help."}),
    pages=frozenset({OPEN_PAGE}),
    closed={"en": "please do not donate", "fa": "دیگر کمک مالی نکنید"},
)
ENDINGS = {"en": "<p>CLOSED – please do not donate</p>", "fa": "<p>لطفاً دیگر کمک مالی نکنید</p>"}


def server(*notes: tuple[str, str], pinned: tuple[str, str] | None = None, profile: str = "") -> Timelines:
    """A server whose one follower sees notes (language, content)."""
    timelines = Timelines(Manners("mastodon"))
    timelines.follows[DARA, US] = True
    timelines.feeds[DARA] = []
    for number, (language, content) in enumerate(notes):
        timelines.statuses[str(number)] = status(str(number), language, content)
        timelines.feeds[DARA].append(str(number))
    if pinned is not None:
        timelines.statuses["pinned"] = status("pinned", *pinned)
        timelines.pinned.append("pinned")
    timelines.profiles[US] = {"attachment": [{"name": "Stoves", "value": profile}]}
    return timelines


def status(name: str, language: str, content: str) -> Status:
    return Status(name, US, language, content, "", datetime(2026, 11, 22, tzinfo=UTC), None, None, hidden=False)


def look(timelines: Timelines) -> Held:
    return held("mastodon.demo.test", timelines, US, SIGNS)


def test_a_server_that_told_everybody_in_every_language_shows_the_closing() -> None:
    found = look(server(*ENDINGS.items()))
    assert found.shows_closed
    assert not found.asks


def test_a_server_that_told_in_one_language_only_does_not() -> None:
    found = look(server(("en", ENDINGS["en"])))
    assert not found.shows_closed
    assert not found.asks


@pytest.mark.parametrize(
    "note", [("en", "<p>Dear all. Please help. Thanks</p>"), ("en", f'<p>42 %: <a href="{OPEN_PAGE}">more</a></p>')]
)
def test_one_note_that_asks_is_enough_to_ask(note: tuple[str, str]) -> None:
    found = look(server(note, *ENDINGS.items()))
    assert found.asked == {DARA}
    assert not found.shows_closed


def test_a_pinned_note_that_asks_counts_although_it_is_in_nobodys_feed() -> None:
    assert look(server(*ENDINGS.items(), pinned=("en", "<p>Please help.</p>"))).asks


def test_a_profile_that_links_to_the_open_page_asks() -> None:
    assert look(server(*ENDINGS.items(), profile=f'Open: <a href="{OPEN_PAGE}">page</a>')).asks
    assert not look(server(*ENDINGS.items(), profile=f'Closed: <a href="{OPEN_PAGE}/closed">page</a>')).asks


def test_who_was_not_accepted_is_no_follower() -> None:
    timelines = server(*ENDINGS.items())
    timelines.follows[DARA, US] = False
    assert look(timelines).followers == frozenset()


def _held(server: str, people: Mapping[str, str]) -> Held:
    """People who are 'asked', 'told' or neither ('')."""
    return Held(
        server,
        frozenset(people),
        asked=frozenset(who for who, what in people.items() if what == "asked"),
        told=frozenset(who for who, what in people.items() if what == "told"),
        profile_asks=False,
    )


ALL_TOLD = [
    _held("a.test", {"1": "told", "2": "told"}),
    _held("b.test", {"3": "told", "4": "told"}),
    _held("c.test", {"5": "told"}),
]


def test_the_line_when_everybody_was_told() -> None:
    assert closing_line(ALL_TOLD) == (
        "Closed: 3 of 3 servers show the campaign as closed; none of 5 followers is still asked to donate.",
        True,
    )


def test_the_line_when_a_server_still_asks() -> None:
    servers = [_held("a.test", {"1": "asked", "2": "told"}), *ALL_TOLD[1:]]
    assert closing_line(servers) == (
        "Not closed everywhere: 2 of 3 servers show the campaign as closed; 1 of 3 servers still asks (a.test); "
        "1 of 5 followers is still asked to donate.",
        False,
    )


def test_the_line_when_a_server_asks_nobody_and_tells_nobody() -> None:
    servers = [*ALL_TOLD[:2], _held("c.test", {"5": ""})]
    assert closing_line(servers) == (
        "Not closed everywhere: 2 of 3 servers show the campaign as closed; 1 of 3 servers did not tell everybody "
        "(c.test); none of 5 followers is still asked to donate.",
        False,
    )


def test_a_demo_without_followers_has_shown_nothing() -> None:
    assert not closing_line([])[1]
    assert not closing_line([_held("a.test", {})])[1]
