"""Refusals as pages for people, and as JSON for everybody else; never a stack, a path of ours or a version (J5)."""

from __future__ import annotations

from quart import Quart, Request, Response, request
from werkzeug.exceptions import HTTPException

from actors.pages import rendering
from actors.pages.phrases import phrases
from fediverse.protocol.errors import FederationError
from fediverse.protocol.media_types import wants_activity
from fediverse.web.answers import refuse, refuse_for

PASSED_ON = ("Allow", "Retry-After")


def error_pages(app: Quart) -> None:
    """Answer refusals with a page where a page was asked for. To be called after `fediverse.web.guard`."""

    async def refused(problem: FederationError) -> Response:
        return _dressed(request, refuse_for(problem))

    async def failed(problem: HTTPException) -> Response:
        answer = refuse(problem.code or 500, problem.name)
        for name, value in problem.get_headers():
            if name in PASSED_ON:
                answer.headers[name] = value
        return _dressed(request, answer)

    app.register_error_handler(FederationError, refused)
    app.register_error_handler(HTTPException, failed)


def _dressed(request: Request, plain: Response) -> Response:
    """The page that says what `plain` says, if whoever asks names HTML among what they accept; else `plain`."""
    plain.headers["Vary"] = "Accept, Accept-Language"
    accept = ", ".join(request.headers.getlist("Accept"))
    if request.method not in ("GET", "HEAD") or "text/html" not in accept.lower() or wants_activity(accept):
        return plain
    language = rendering.language_of(request)
    words = phrases(language)
    said = {404: words.not_here, 410: words.gone}.get(plain.status_code, words.trouble)
    html = rendering.render("gone.html", language, title=said, sentences=())
    answer = rendering.page(request, html, status=plain.status_code)
    answer.headers["Vary"] = plain.headers["Vary"]
    for name in PASSED_ON:
        if name in plain.headers:
            answer.headers[name] = plain.headers[name]
    return answer
