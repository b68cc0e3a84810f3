"""How a page leaves: rendered from a template, with the headers all of them share.

No script, nothing from elsewhere, no cookie. Text is escaped by the templates; what goes in as `safe()` is HTML that
`actors.text` has made or cleaned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from quart import Request, Response

from actors.pages.phrases import FALLBACK, phrases
from actors.text import clean
from actors.wording import WORDINGS, direction, wording
from fediverse.protocol.documents import ACTIVITY_JSON
from fediverse.web.answers import content

HTML: Final = "text/html; charset=utf-8"
FRESH: Final = "max-age=2, must-revalidate"
"""For pages that say how a campaign stands: long enough for a thousand preview crawlers at a proxy's cache, and never
served stale, also not while this server is down (RFC 9111 §5.2.2.2)."""
NEVER: Final = "no-store"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SHARED: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def safe(html: str) -> Markup:
    """HTML of our own making, cleaned once more: what is in the tables may be older than the rules."""
    return Markup(clean(html))  # noqa: S704 - cleaned in this very line


def render(template: str, language: str, **values: Any) -> str:
    """A page in a language; `words` and `phrases` of it are there besides `values`."""
    return (
        _templates()
        .get_template(template)
        .render(
            language=language,
            direction=direction(language),
            words=wording(language),
            phrases=phrases(language),
            **values,
        )
    )


def page(
    request: Request, html: str, *, status: int = 200, indexable: bool = False, alternate: str | None = None
) -> Response:
    """A page as an answer. `alternate` is the ActivityPub id of what it shows (mastodon-compat §6.2).

    An open page may be found by a search engine, but a copy of it is never to be kept: it would go on asking.
    """
    if status == 200:
        answer = content(request, html.encode(), HTML, FRESH)
    else:
        answer = Response(html, status, content_type=HTML)
        answer.headers["Cache-Control"] = NEVER
    for name, value in SHARED.items():
        answer.headers[name] = value
    answer.headers["X-Robots-Tag"] = "noarchive" if indexable and status == 200 else "noindex, noarchive"
    if alternate is not None:
        answer.headers["Link"] = f'<{alternate}>; rel="alternate"; type="{ACTIVITY_JSON}"'
    return answer


def language_of(request: Request) -> str:
    """The language of ours that the reader would like best, for pages that have none of their own."""
    best: str | None = request.accept_languages.best_match(tuple(WORDINGS))
    return best or FALLBACK


def host_shown(url: str) -> str:
    """The whole host of a link, with its port: what a reader has to compare before they follow it."""
    return urlsplit(url).netloc.rpartition("@")[2]


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("actors"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Callable[..., object]] = {"safe_html": safe, "host": host_shown}
    templates.filters.update(filters)
    return templates
