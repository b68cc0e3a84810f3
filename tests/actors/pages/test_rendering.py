"""How a page leaves: what is cleaned, what is escaped, what a host looks like."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from actors.pages import rendering
from tests.actors.pages.reading import Dom


def test_html_is_cleaned_once_more_before_it_is_shown() -> None:
    assert rendering.safe('<p onclick="x()">a<script>b</script></p>') == "<p>a</p>"


def test_what_is_not_marked_as_html_is_escaped() -> None:
    dom = Dom(rendering.render("gone.html", "en", title="<b>'\"&", sentences=("<i>",)))
    assert dom.one("h1").text == "<b>'\"&"
    assert dom.one("p", class_="sentence").text == "<i>"


def test_a_template_that_names_what_is_not_there_fails_at_once() -> None:
    with pytest.raises(UndefinedError):
        rendering.render("gone.html", "en", title="x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://donate.example/x?y#z", "donate.example"),
        ("https://a.b.c.donate.example", "a.b.c.donate.example"),
        ("https://host.example:8443/", "host.example:8443"),
        ("https://bank.example@evil.example/", "evil.example"),
    ],
)
def test_the_host_shown_is_the_whole_host_and_nothing_else(url: str, shown: str) -> None:
    assert rendering.host_shown(url) == shown
