from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from actors import campaign as life
from actors.model import Campaign, CloseReason, Form, Standing
from actors.page import Page, page
from actors.wording import banner
from tests.actors.campaigns import DESTINATION, NOW, OFFER, ORIGIN, closed_text, counter, draft, opened

LATER = NOW + timedelta(days=3)


def shown(campaign: Campaign, language: str = "en", *, closed: bool = False) -> Page:
    found = page(campaign, language, ORIGIN, LATER, closed=closed)
    assert found is not None
    return found


def test_an_open_page_shows_everything_and_its_destinations() -> None:
    found = shown(opened("en", "fa", raised="2649.99"))
    assert (found.status, found.form, found.direction) == (200, Form.OPEN, "ltr")
    assert found.canonical == "https://fund.example/c/roads/en"
    assert found.ask_html == "<p>Please chip in for the bus tickets.</p>"
    assert found.full_text_html == "<p>The whole story in en.</p>"
    assert found.figures_text == "€2,600 of €5,000 raised (52%)"
    assert [place.label for place in found.destinations] == ["Solidarity fund", "Rooms"]
    assert found.languages == (("fa", "فارسی", "https://fund.example/c/roads/fa"),)
    assert found.banner == ""


@pytest.mark.parametrize("standing", [Standing.PROPOSED, Standing.SUSPENDED, Standing.REMOVED])
def test_a_destination_that_is_not_active_is_not_shown(standing: Standing) -> None:
    campaign = replace(opened(), destinations=(replace(DESTINATION, state=standing),))
    assert shown(campaign).destinations == ()


def test_at_the_goal_the_page_says_being_checked_and_hides_the_ask_and_money_destinations_only() -> None:
    found = shown(opened("en", raised="5000"))
    assert found.form is Form.OPEN
    assert found.ask_html == ""
    assert found.sentences == ("Goal reached, being checked by the organisers.",)
    assert found.destinations == (OFFER,)


def test_a_paused_page_has_no_ask_and_no_destination() -> None:
    found = shown(life.pause(opened(), LATER)[0])
    assert (found.status, found.form, found.banner) == (200, Form.PAUSED, banner("paused", "en"))
    assert (found.ask_html, found.full_text_html, found.destinations) == ("", "", ())


def test_past_its_expiry_the_page_says_expired_though_nobody_closed_it_yet() -> None:
    campaign = opened("en")
    for each in (campaign, life.pause(campaign, LATER)[0]):
        found = page(each, "en", ORIGIN, campaign.expires)
        assert found is not None
        assert (found.form, found.banner, found.destinations) == (Form.EXPIRED, banner("expired", "en"), ())
        assert (found.ask_html, found.lead_html, found.full_text_html) == ("", "", "")


def test_a_closed_page_says_outcome_and_projects_on_both_urls_each_canonical_by_itself() -> None:
    campaign = life.close(opened("en", "fa"), CloseReason.GOAL_MET, LATER, counter("b"))[0]
    for closed, url in ((False, "https://fund.example/c/roads/en"), (True, "https://fund.example/c/roads/en/closed")):
        found = shown(campaign, closed=closed)
        assert (found.status, found.form, found.canonical) == (200, Form.CLOSED, url)
        assert found.outcome_html == "<p>Everyone has arrived.</p>"
        assert found.projects == closed_text("en").projects
        assert found.sentences == ("The goal has been reached.",)
        assert (found.ask_html, found.lead_html, found.full_text_html, found.destinations) == ("", "", "", ())
        assert found.languages == (("fa", "فارسی", "https://fund.example/c/roads/fa/closed"),)


def test_a_closed_page_shows_figures_only_where_something_was_counted() -> None:
    for raised, seen in (("5000", True), (None, False)):
        campaign, _ = life.close(opened("en", raised=raised), CloseReason.GOAL_MET, LATER, counter())
        assert (shown(campaign).figures is not None) is seen


def test_an_expired_campaign_says_so_on_both_urls() -> None:
    campaign = opened("en")
    campaign = life.expire(campaign, campaign.expires, counter("b"))[0]
    for closed in (False, True):
        found = shown(campaign, closed=closed)
        assert (found.form, found.outcome_html, found.projects) == (Form.EXPIRED, "", ())
    assert shown(campaign, closed=True).canonical == "https://fund.example/c/roads/en/closed"


def test_there_is_no_closed_page_before_the_first_closing() -> None:
    for campaign in (opened(), life.pause(opened(), LATER)[0], life.retract(opened(), LATER)[0]):
        assert page(campaign, "en", ORIGIN, LATER, closed=True) is None


def test_j3_drafts_and_unknown_languages_have_no_page() -> None:
    assert page(draft(), "en", ORIGIN, LATER) is None
    assert page(opened("en"), "fa", ORIGIN, LATER) is None
    assert page(opened("en"), "../x", ORIGIN, LATER) is None


def test_j3_a_retracted_campaign_leaves_a_line_or_nothing_and_none_of_its_text() -> None:
    found = shown(life.retract(opened(), LATER)[0])
    assert (found.status, found.sentences, found.title) == (410, ("Withdrawn on 2026-11-25.",), "")
    assert shown(life.retract(opened(), LATER, erase=True)[0]).sentences == ()
    closed = life.close(opened(), CloseReason.BY_HAND, LATER, counter("b"))[0]
    assert shown(life.retract(closed, LATER)[0], closed=True).status == 410


def test_j3_a_withdrawn_language_is_gone_and_linked_from_no_other_page() -> None:
    campaign = opened("en", "fa")
    after = life.withdraw(campaign, campaign.announcements[0].notes[1].id, LATER)[0]
    for each in (after, life.pause(after, LATER)[0]):
        found = shown(each, "fa")
        assert (found.status, found.title, found.destinations) == (410, "", ())
        assert shown(each, "en").languages == ()
    expired = page(after, "fa", ORIGIN, campaign.expires)
    assert expired is not None
    assert expired.status == 410
    closed = life.close(after, CloseReason.BY_HAND, LATER, counter("b"))[0]
    assert shown(closed, "fa").outcome_html == "<p>همه رسیده‌اند.</p>"
    assert shown(closed, "fa").title == ""
