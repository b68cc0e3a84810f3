"""The phrases of the pages: every language has all of them."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict

import pytest

from actors.pages.phrases import PHRASES, phrases, unknown
from actors.wording import WORDINGS


def test_every_language_of_the_posts_has_its_pages() -> None:
    assert set(PHRASES) == set(WORDINGS)


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_a_phrase_is_there_and_is_plain_text_on_one_line(language: str) -> None:
    for name, phrase in asdict(phrases(language)).items():
        assert phrase == phrase.strip(), name
        assert phrase, name
        assert not any(unicodedata.category(character) == "Cc" or character in "<>&" for character in phrase)
        if name in ("leads_to", "announced_by", "verify_compare", "follow", "campaign_page", "printed"):
            assert phrase.endswith(":"), name


def test_the_neutral_phrase_is_not_a_call() -> None:
    assert "donate" not in phrases("en").neutral.lower()


def test_the_banner_of_an_unknown_state_stands_beside_english_where_nobody_reviewed_it() -> None:
    assert unknown("en") == "STATE UNKNOWN – please do not donate for now"
    for language in set(PHRASES) - {"en"}:
        assert phrases(language).unknown in unknown(language)
        assert phrases("en").unknown in unknown(language)
