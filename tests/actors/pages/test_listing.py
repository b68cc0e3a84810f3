"""Campaigns as one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from actors.app import build
from actors.campaign import close, pause, retract
from actors.model import Campaign, CloseReason, Form
from actors.pages.listing import entries
from actors.store.campaigns import Kept
from tests.actors.campaigns import NOW, counter, draft, opened
from tests.actors.houses import settings


def _listed(folder: Path, *campaigns: Campaign, later: timedelta = timedelta(0)) -> list[tuple[str, Form]]:
    desk = build(settings(folder), clock=lambda: NOW + later).desk
    return [(entry.state, entry.form) for entry in entries(desk, [Kept(each, "actor", 1) for each in campaigns])]


def test_running_campaigns_come_first_and_drafts_and_retracted_ones_not_at_all(tmp_path: Path) -> None:
    closed = close(opened(), CloseReason.BY_HAND, NOW, counter("e"))[0]
    gone = retract(opened(), NOW)[0]
    assert _listed(tmp_path, closed, draft(), gone, opened()) == [
        ("Open", Form.OPEN),
        ("CLOSED – please do not donate", Form.CLOSED),
    ]


def test_of_those_that_ended_the_newest_comes_first(tmp_path: Path) -> None:
    old, new = (
        close(replace(opened(), slug=slug, opened=NOW - age), CloseReason.BY_HAND, NOW, counter("e"))[0]
        for slug, age in (("a-year-ago", timedelta(days=365)), ("yesterday", timedelta(days=1)))
    )
    desk = build(settings(tmp_path), clock=lambda: NOW).desk
    found = [entry.url for entry in entries(desk, [Kept(old, "actor", 1), Kept(new, "actor", 1)])]
    assert ["/yesterday/" in url for url in found] == [True, False]


def test_a_campaign_that_does_not_ask_shows_its_banner(tmp_path: Path) -> None:
    assert _listed(tmp_path, pause(opened(), NOW)[0]) == [("PAUSED – please do not donate for now", Form.PAUSED)]


def test_an_open_campaign_past_its_end_is_shown_as_expired(tmp_path: Path) -> None:
    found = _listed(tmp_path, opened(), later=timedelta(days=60))
    assert found == [("EXPIRED – please check before you donate", Form.EXPIRED)]
