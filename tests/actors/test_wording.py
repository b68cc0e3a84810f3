from __future__ import annotations

from dataclasses import fields
from string import Formatter

import pytest

from actors.money import RIGHT_TO_LEFT
from actors.refusals import Refused
from actors.wording import WORDINGS, banner, check_language, direction, wording


def test_every_language_has_every_phrase_with_the_same_gaps() -> None:
    english = wording("en")
    for language, words in WORDINGS.items():
        for field in fields(words):
            if field.name == "reviewed":
                continue
            phrase, original = getattr(words, field.name), getattr(english, field.name)
            assert phrase, f"{language}.{field.name}"
            assert _gaps(phrase) == _gaps(original), f"{language}.{field.name}"


def _gaps(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def test_the_banner_of_a_closed_campaign_says_stop_in_its_own_language() -> None:
    assert banner("closed", "en") == "CLOSED – please do not donate"


@pytest.mark.parametrize("phrase", ["closed", "paused", "expired"])
@pytest.mark.parametrize("language", sorted(WORDINGS))
def test_a_banner_no_native_reader_reviewed_is_shown_with_english(language: str, phrase: str) -> None:
    english = str(getattr(wording("en"), phrase))
    assert str(getattr(wording(language), phrase)) in banner(phrase, language)
    assert english in banner(phrase, language)
    if language in RIGHT_TO_LEFT:
        assert f"\u2068{english}\u2069" in banner(phrase, language)


def test_only_english_counts_as_reviewed() -> None:
    assert {language for language, words in WORDINGS.items() if words.reviewed} == {"en"}


@pytest.mark.parametrize("language", ["xx", "EN", "en-GB", "", None, 5, ["en"]])
def test_a_language_without_phrases_is_refused_naming_those_there_are(language: object) -> None:
    with pytest.raises(Refused, match="ar, de, en, fa"):
        check_language(language)


def test_persian_and_arabic_run_from_right_to_left() -> None:
    assert [direction(language) for language in ("en", "de", "fa", "ar")] == ["ltr", "ltr", "rtl", "rtl"]
