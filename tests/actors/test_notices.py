from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import campaign as life
from actors.drafting import read_draft
from actors.model import Campaign, CloseReason, Form, Kind, Project
from actors.money import Money
from actors.notices import MAX_FIELDS, NoteText, closed_url, page_url, preview, profile_fields, render
from actors.refusals import Refused
from actors.text import length, plain
from actors.wording import WORDINGS, banner
from tests.actors.campaigns import ASKS, DESTINATION, NOW, OFFER, ORIGIN, OUTCOMES, TITLES, counter, draft, opened
from tests.actors.test_text import as_mastodon_keeps_it

LISTED = (DESTINATION, OFFER)
LATER = NOW + timedelta(days=3)
CLOSED_BANNERS = {language: banner("closed", language) for language in WORDINGS}


def everything(campaign: Campaign) -> list[tuple[Kind, str, NoteText]]:
    return [
        (said.kind, note.language, render(campaign, said, note.language, ORIGIN))
        for said in campaign.announcements
        for note in said.standing
    ]


def in_form(form: Form, *languages: str) -> Campaign:
    campaign = life.goal_update(opened(*(languages or ("en", "fa")), raised="2649.99"), LATER, counter("a"))[0]
    match form:
        case Form.OPEN:
            return campaign
        case Form.PAUSED:
            return life.pause(campaign, LATER)[0]
        case Form.CLOSED:
            return life.close(campaign, CloseReason.GOAL_MET, LATER, counter("b"))[0]
        case Form.EXPIRED:
            return life.expire(campaign, campaign.expires, counter("b"))[0]


def test_an_open_appeal_says_everything_and_links_to_our_page_only() -> None:
    text = render(in_form(Form.OPEN), in_form(Form.OPEN).announcements[0], "en", ORIGIN)
    assert text.content == (
        "<p><strong>Safe roads north</strong></p><p>Lead of en: people on the road, <em>now</em>.</p>"
        "<p>Please chip in for the bus tickets.</p><p>€2,600 of €5,000 raised (52%)</p>"
        '<p>More and how to help: <a href="https://fund.example/c/roads/en">https://fund.example/c/roads/en</a></p>'
        '<p>In other languages: <a href="https://fund.example/c/roads/fa">فارسی</a></p>'
        '<p><a href="https://fund.example/c/roads/en" class="mention hashtag" rel="tag">#MutualAid</a> '
        '<a href="https://fund.example/c/roads/en" class="mention hashtag" rel="tag">#SafeRoads</a></p>'
    )
    assert (text.summary, text.sensitive, text.page_url) == (None, False, "https://fund.example/c/roads/en")
    assert text.hashtags == (
        ("#MutualAid", "https://fund.example/c/roads/en"),
        ("#SafeRoads", "https://fund.example/c/roads/en"),
    )
    assert text.valid_until == draft().expires


def test_amounts_in_right_to_left_text_are_isolated_and_in_its_own_digits() -> None:
    text = render(in_form(Form.OPEN), in_form(Form.OPEN).announcements[0], "fa", ORIGIN)
    assert "\u2068\u200e€\u00a0۲٬۶۰۰\u2069 از \u2068\u200e€\u00a0۵٬۰۰۰\u2069" in plain(text.content)
    assert '<a href="https://fund.example/c/roads/en">\u2068English\u2069</a>' in text.content


def test_an_appeal_without_any_gift_yet_names_the_goal_alone() -> None:
    text = preview(draft("en"), Form.OPEN, "en", NOW, ORIGIN)
    assert "<p>Goal: €5,000</p>" in text.content
    assert "raised" not in text.content


def test_a_sum_that_needed_a_rate_says_approximately() -> None:
    campaign = opened("en", raised="2649.99")
    said = campaign.announcements[0]
    rough = replace(said, figures=replace(said.figures, approximate=True))
    assert "≈&nbsp;€2,600" in render(campaign, rough, "en", ORIGIN).content


@pytest.mark.parametrize("form", [Form.PAUSED, Form.CLOSED, Form.EXPIRED])
def test_g12_a_campaign_that_does_not_ask_has_no_ask_no_hashtag_and_no_destination_anywhere(form: Form) -> None:
    for _, language, text in everything(in_form(form)):
        assert ASKS[language] not in plain(text.content)
        assert text.hashtags == ()
        assert "hashtag" not in text.content
        assert "donate.example" not in text.content
        assert text.valid_until is None


@pytest.mark.parametrize("form", [Form.PAUSED, Form.CLOSED, Form.EXPIRED])
@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_what_people_boosted_carries_the_banner_as_its_summary(form: Form, language: str) -> None:
    for kind, _, text in everything(in_form(form, language)):
        assert banner(form.value, language) in plain(text.content)
        expected = None if kind is Kind.CLOSURE else banner(form.value, language)
        assert (text.summary, text.sensitive) == (expected, expected is not None)


def test_a_closed_appeal_is_banner_outcome_closed_url_and_projects_and_nothing_else() -> None:
    text = render(in_form(Form.CLOSED), in_form(Form.CLOSED).announcements[0], "en", ORIGIN)
    assert text.content == (
        "<p><strong>CLOSED – please do not donate</strong></p><p>Everyone has arrived.</p>"
        '<p>Current state: <a href="https://fund.example/c/roads/en/closed">https://fund.example/c/roads/en/closed</a></p>'
        "<p>Please support instead:</p>"
        '<ul><li>Winter kitchen: <a href="https://kitchen.example/about">https://kitchen.example/about</a></li></ul>'
    )
    assert text.page_url == "https://fund.example/c/roads/en/closed"


def test_a_closed_goal_update_says_generated_figures_only() -> None:
    campaign = in_form(Form.CLOSED)
    (update,) = campaign.of(Kind.GOAL_UPDATE)
    lines = plain(render(campaign, update, "en", ORIGIN).content).split("\n")
    assert lines == [
        "CLOSED – please do not donate",
        "€2,600 of €5,000 raised (52%) · As of: 2026-11-22",
        "Current state: https://fund.example/c/roads/en/closed",
    ]


def test_an_open_goal_update_has_figures_and_the_page_and_no_words_of_anybody() -> None:
    campaign = in_form(Form.OPEN)
    (update,) = campaign.of(Kind.GOAL_UPDATE)
    text = render(campaign, update, "en", ORIGIN)
    assert plain(text.content).split("\n") == [
        "€2,600 of €5,000 raised (52%)",
        "More and how to help: https://fund.example/c/roads/en",
    ]
    assert text.hashtags == ()


def test_a_closure_note_names_the_outcome_in_each_language_and_is_not_folded_away() -> None:
    campaign = in_form(Form.CLOSED)
    (closure,) = campaign.of(Kind.CLOSURE)
    for language in ("en", "fa"):
        text = render(campaign, closure, language, ORIGIN)
        assert text.summary is None
        assert OUTCOMES[language] in text.content
        assert closed_url(campaign, language, ORIGIN) in text.content


def test_the_name_of_a_project_is_isolated_in_right_to_left_text() -> None:
    campaign = in_form(Form.CLOSED)
    assert "<li>\u2068Winter kitchen\u2069: " in render(campaign, campaign.announcements[0], "fa", ORIGIN).content


def test_an_expired_campaign_says_generated_words_only_and_asks_to_check() -> None:
    for _, language, text in everything(in_form(Form.EXPIRED)):
        assert banner("expired", language) in plain(text.content)
        for own in (TITLES[language], OUTCOMES[language], "Lead of", "kitchen.example"):
            assert own not in text.content
        assert text.page_url == closed_url(draft(), language, ORIGIN)


def test_a_paused_appeal_keeps_title_and_lead() -> None:
    campaign = in_form(Form.PAUSED)
    text = render(campaign, campaign.announcements[0], "en", ORIGIN)
    assert "Safe roads north" in text.content
    assert "Lead of en" in text.content
    assert text.page_url == page_url(campaign, "en", ORIGIN)


def test_a_withdrawn_appeal_cannot_be_said_again_and_is_linked_from_nowhere() -> None:
    campaign = opened("en", "fa")
    said = campaign.announcements[0]
    after = life.withdraw(campaign, said.notes[1].id, LATER)[0]
    with pytest.raises(ValueError, match="withdrawn"):
        render(after, said, "fa", ORIGIN)
    with pytest.raises(ValueError, match="withdrawn"):
        render(life.pause(after, LATER)[0], said, "fa", ORIGIN)
    assert "/c/roads/fa" not in render(after, said, "en", ORIGIN).content


def test_nothing_is_said_of_drafts_and_retracted_campaigns() -> None:
    said = opened().announcements[0]
    for campaign in (draft(), life.retract(opened(), LATER)[0]):
        with pytest.raises(ValueError, match="no form"):
            render(campaign, said, "en", ORIGIN)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_every_note_passes_mastodon_unchanged(form: Form, language: str) -> None:
    for _, _, text in everything(in_form(form, language)):
        assert as_mastodon_keeps_it(text.content) == text.content


PROSE = st.text(alphabet="abc *_[]()<>&\"'\n.-1>#@:/éب\u200cم", max_size=60)
LINE = st.text(alphabet="abc <>&\"'*_@éبم-", min_size=1, max_size=40)
HOSTILE = st.sampled_from(["", "<b>", "@a@b.example"]) | st.sampled_from(
    ["donate.example", "https://donate.example/x", "rooms。example", "bit.ly/x"]
)


@given(
    language=st.sampled_from(sorted(WORDINGS)),
    title=LINE,
    lead=PROSE,
    ask=PROSE,
    outcome=PROSE,
    project=LINE,
    hostile=HOSTILE,
    tags=st.lists(st.sampled_from(["Aid", "کمک", "SafeRoads", "Hilfe"]), unique=True, max_size=4),
    raised=st.integers(0, 9000),
)
def test_whatever_draft_is_taken_its_notes_are_safe_and_its_closed_form_never_asks(
    *,
    language: str,
    title: str,
    lead: str,
    ask: str,
    outcome: str,
    project: str,
    hostile: str,
    tags: list[str],
    raised: int,
) -> None:
    body = {
        "goal_amount": "5000",
        "currency": "EUR",
        "expires": "2026-12-31T00:00:00Z",
        "destinations": [DESTINATION.url],
        "languages": {
            language: {
                "title": f"TITLE {title}",
                "lead": f"LEAD {lead} {hostile}",
                "ask": f"ASKING {ask}",
                "hashtags": tags,
                "closed": {
                    "outcome": f"OUTCOME {outcome}",
                    "projects": [{"name": project, "url": "https://p.example/"}],
                },
            }
        },
    }
    drafted = None
    with suppress(Refused):
        drafted = read_draft(body, campaign_id="c" * 32, slug="s", listed=LISTED, now=NOW, origin=ORIGIN)
    if drafted is None:
        return
    place = replace(DESTINATION, raised=Money(Decimal(raised), "EUR"), as_of=NOW)
    campaign = life.open(replace(drafted, destinations=(place,)), LISTED, NOW, counter())[0]
    campaign = life.goal_update(campaign, NOW, counter("a"))[0]
    for form, each in (
        (Form.OPEN, campaign),
        (Form.PAUSED, life.pause(campaign, NOW)[0]),
        (Form.CLOSED, life.close(campaign, CloseReason.BY_HAND, NOW, counter("b"))[0]),
        (Form.EXPIRED, life.expire(campaign, campaign.expires, counter("b"))[0]),
    ):
        for kind, _, text in everything(each):
            assert as_mastodon_keeps_it(text.content) == text.content
            assert "donate.example" not in text.content
            assert "rooms.example" not in text.content
            assert "bit.ly" not in text.content
            links = set(re.findall(r'href="([^"]*)"', text.content))
            assert {link for link in links if not link.startswith(ORIGIN)} <= {"https://p.example/"}
            assert ("ASKING" in text.content) is (form is Form.OPEN and kind is Kind.APPEAL)
            if form in (Form.CLOSED, Form.EXPIRED):
                assert "LEAD" not in text.content
                assert "TITLE" not in text.content
            if kind is Kind.GOAL_UPDATE or form is Form.EXPIRED:
                assert "OUTCOME" not in text.content
            if form is Form.OPEN:
                assert length(text.content) <= 500 + 20


def test_profile_fields_lead_to_the_page_of_each_running_campaign() -> None:
    (field,) = profile_fields([opened("en", raised="2649.99")], ORIGIN, LATER)
    assert field == (
        "Safe roads north",
        'Open (52%): <a href="https://fund.example/c/roads/en">https://fund.example/c/roads/en</a>',
    )


def test_profile_fields_say_paused_closed_and_expired_as_soon_as_it_is_so() -> None:
    campaign = opened("en")
    paused = life.pause(campaign, LATER)[0]
    closed = life.close(campaign, CloseReason.BY_HAND, LATER, counter("b"))[0]
    expired = life.expire(campaign, campaign.expires, counter("b"))[0]
    for each, at, phrase, url in (
        (paused, LATER, "paused", "/c/roads/en<"),
        (closed, LATER, "closed", "/c/roads/en/closed<"),
        (expired, campaign.expires, "expired", "/c/roads/en/closed<"),
        (campaign, campaign.expires, "expired", "/c/roads/en<"),
    ):
        ((_, value),) = profile_fields([each], ORIGIN, at)
        assert value.startswith(banner(phrase, "en"))
        assert url in value
    assert profile_fields([closed], ORIGIN, LATER + timedelta(days=30)) == ()
    assert profile_fields([draft(), life.retract(campaign, LATER)[0]], ORIGIN, LATER) == ()


def test_profile_fields_are_few_and_pass_mastodon_unchanged() -> None:
    campaigns = [replace(opened("fa"), slug=f"s{n}", opened=NOW + timedelta(minutes=n)) for n in range(9)]
    fields = profile_fields(campaigns, ORIGIN, LATER)
    assert len(fields) == MAX_FIELDS
    assert "/c/s8/" in fields[0][1]
    for _, value in fields:
        assert as_mastodon_keeps_it(value) == value


def test_a_campaign_whose_title_was_withdrawn_is_named_by_its_slug() -> None:
    campaign = opened("en", "fa")
    after = life.withdraw(campaign, campaign.announcements[0].notes[0].id, LATER)[0]
    assert profile_fields([after], ORIGIN, LATER)[0][0] == "roads"


def test_a_project_with_markup_in_its_name_is_escaped() -> None:
    campaign = in_form(Form.CLOSED, "en")
    closing = replace(campaign.closings[0], projects=(Project("<b>Us</b> & you", "https://p.example/?a=1&b=2"),))
    text = render(replace(campaign, closings=(closing,)), campaign.announcements[0], "en", ORIGIN)
    assert '<li>&lt;b&gt;Us&lt;/b&gt; &amp; you: <a href="https://p.example/?a=1&amp;b=2">' in text.content
