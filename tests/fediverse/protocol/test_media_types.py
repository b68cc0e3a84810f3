"""The two names of ActivityStreams documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.media_types import is_activity, wants_activity

PROFILE = "https://www.w3.org/ns/activitystreams"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/activity+json",
        "application/activity+json; charset=utf-8",
        " Application/Activity+JSON ;charset=UTF-8",
        f'application/ld+json; profile="{PROFILE}"',
        f'application/ld+json; charset=utf-8; PROFILE="{PROFILE}"',
        f'application/ld+json; profile="https://example.org/ {PROFILE}"',
        f"application/ld+json; profile={PROFILE}",
    ],
)
def test_c6_both_activitystreams_types_are_known_however_written(content_type: str) -> None:
    assert is_activity(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/ld+json",
        'application/ld+json; profile="https://example.org/"',
        f'application/ld+json; profile="{PROFILE}x"',
        f'text/html; profile="{PROFILE}"',
        "application/activity+jsonx",
        "application/activity+json, text/html",
        'text/plain; x="application/activity+json"',
        "*/*",
    ],
)
def test_c6_other_types_are_not(content_type: str) -> None:
    assert not is_activity(content_type)


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        # Mastodon, for objects and for a URL that was pasted into the search
        ("application/activity+json, application/ld+json", True),
        (f'application/ld+json; profile="{PROFILE}", application/activity+json, text/html;q=0.1', True),
        ("application/json", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("text/html, application/activity+json;q=0.9", False),
        ("application/activity+json;q=0, */*", False),
        ("application/activity+json;q=nonsense", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_whoever_names_our_types_gets_json_and_browsers_get_a_page(accept: str, json: bool) -> None:
    assert wants_activity(accept) is json


@given(st.text(max_size=200) | st.text(alphabet='",;= q.01/*\\', max_size=200))
def test_c2_no_header_value_breaks_the_reading(value: str) -> None:
    assert is_activity(value) in (True, False)
    assert wants_activity(value) in (True, False)
