"""What the notes and the profile of a campaign say, in each state and language.

A closed form is written wholly anew from what was prepared for it: banner, outcome, closed URL, projects to support
instead. Nothing of the ask is taken out of a text, because the ask is a part of its own (product.md). Every link leads
to a page of ours, or of a project named by the organisers; never to a destination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from types import MappingProxyType
from typing import Final

from actors.model import Announcement, Campaign, Form, Kind, State
from actors.money import Figures, isolate, say, say_date, say_percent
from actors.pins import SAFETY_DAYS
from actors.text import clean, markdown
from actors.wording import banner, wording

MAX_LENGTH: Final = 500
"""Characters of an open appeal as Mastodon counts them: the length every server shows without folding."""
MAX_FIELDS: Final = 6


@dataclass(frozen=True, slots=True)
class NoteText:
    """What one note says. `content` is HTML that Mastodon keeps as it is; `hashtags` are (`#name`, href) pairs.

    `page_url` is the link it carries. Past `valid_until` it must not leave any more; None: it may leave for ever.
    """

    language: str
    content: str
    summary: str | None
    sensitive: bool
    hashtags: tuple[tuple[str, str], ...]
    page_url: str
    valid_until: datetime | None


def page_url(campaign: Campaign, language: str, origin: str) -> str:
    """The campaign's page in a language, `{origin}/c/<slug>/<language>`."""
    return f"{origin}/c/{campaign.slug}/{language}"


def closed_url(campaign: Campaign, language: str, origin: str) -> str:
    """The page that closed notes link to: another URL, as preview cards live two weeks (mastodon-compat §3.5)."""
    return f"{page_url(campaign, language, origin)}/closed"


def render(campaign: Campaign, said: Announcement, language: str, origin: str) -> NoteText:
    """What a note of a campaign says now. Raises ValueError for drafts, retracted campaigns and withdrawn appeals."""
    return _note(said.kind, campaign.form, _Occasion(campaign, said.figures, said.published, language, origin))


def preview(campaign: Campaign, form: Form, language: str, now: datetime, origin: str) -> NoteText:
    """What the appeal of a campaign says in any form, also before it was opened. Raises ValueError as `render`."""
    return _note(Kind.APPEAL, form, _Occasion(campaign, campaign.figures, now, language, origin))


def profile_fields(campaigns: Iterable[Campaign], origin: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """The actor's PropertyValue fields, (name as plain text, value as HTML): a campaign each, running ones first.

    Closed campaigns stay for as long as their closure note is pinned.
    """
    known = tuple(campaigns)
    running = [each for each in known if each.state in (State.OPEN, State.PAUSED)]
    ended = [
        each
        for each in known
        if each.state is State.CLOSED and each.closed is not None and (now - each.closed).days < SAFETY_DAYS
    ]
    running.sort(key=lambda each: each.opened or now, reverse=True)
    ended.sort(key=lambda each: each.closed or now, reverse=True)
    return tuple(_field(each, origin, now) for each in (running + ended)[:MAX_FIELDS])


def figures_text(found: Figures, language: str) -> str:
    """The public figures as one phrase: the goal alone while nothing was raised."""
    words = wording(language)
    if found.percent == 0:
        return f"{words.goal} {say(found.goal, language)}"
    return words.raised_of.format(
        raised=say(found.raised, language, approximate=found.approximate),
        goal=say(found.goal, language),
        percent=say_percent(found.percent, language),
    )


@dataclass(frozen=True, slots=True)
class _Occasion:
    """Everything the content of a note is made of."""

    campaign: Campaign
    figures: Figures
    published: datetime
    language: str
    origin: str

    @property
    def page(self) -> str:
        return page_url(self.campaign, self.language, self.origin)

    @property
    def closed_page(self) -> str:
        return closed_url(self.campaign, self.language, self.origin)


def _open_appeal(at: _Occasion) -> str:
    text = at.campaign.text(at.language)
    if text is None:
        raise ValueError(f"the appeal in {at.language} was withdrawn")
    words = wording(at.language)
    tags = " ".join(
        f'<a href="{escape(at.page)}" class="mention hashtag" rel="tag">#{escape(tag)}</a>' for tag in text.hashtags
    )
    return "".join(
        (
            _strong(text.title),
            markdown(text.lead),
            markdown(text.ask),
            _paragraph(figures_text(at.figures, at.language)),
            _labelled(words.more, at.page),
            _other_languages(at),
            f"<p>{tags}</p>" if tags else "",
        )
    )


def _paused_appeal(at: _Occasion) -> str:
    text = at.campaign.text(at.language)
    if text is None:
        raise ValueError(f"the appeal in {at.language} was withdrawn")
    words = wording(at.language)
    return "".join(
        (
            _strong(banner("paused", at.language)),
            _paragraph(text.title),
            markdown(text.lead),
            _paragraph(words.paused_text),
            _labelled(words.current, at.page),
        )
    )


def _closed(at: _Occasion) -> str:
    words = wording(at.language)
    text = at.campaign.closing(at.language)
    projects = ""
    if text is not None and text.projects:
        items = "".join(
            f"<li>{escape(isolate(project.name, at.language))}: {_link(project.url)}</li>" for project in text.projects
        )
        projects = f"{_paragraph(words.support_instead)}<ul>{items}</ul>"
    return "".join(
        (
            _strong(banner("closed", at.language)),
            markdown(text.outcome) if text is not None else "",
            _labelled(words.current, at.closed_page),
            projects,
        )
    )


def _expired(at: _Occasion) -> str:
    words = wording(at.language)
    return (
        _strong(banner("expired", at.language))
        + _paragraph(words.expired_text)
        + _labelled(words.current, at.closed_page)
    )


def _open_update(at: _Occasion) -> str:
    return _paragraph(figures_text(at.figures, at.language)) + _labelled(wording(at.language).more, at.page)


def _stopped_update(phrase: str) -> Callable[[_Occasion], str]:
    def content(at: _Occasion) -> str:
        words = wording(at.language)
        day = say_date((at.figures.as_of or at.published).date(), at.language)
        return (
            _strong(banner(phrase, at.language))
            + _paragraph(f"{figures_text(at.figures, at.language)} · {words.as_of} {day}")
            + _labelled(words.current, at.page if phrase == "paused" else at.closed_page)
        )

    return content


_CONTENT: Final[Mapping[tuple[Kind, Form], Callable[[_Occasion], str]]] = MappingProxyType(
    {
        (Kind.APPEAL, Form.OPEN): _open_appeal,
        (Kind.APPEAL, Form.PAUSED): _paused_appeal,
        (Kind.APPEAL, Form.CLOSED): _closed,
        (Kind.APPEAL, Form.EXPIRED): _expired,
        (Kind.GOAL_UPDATE, Form.OPEN): _open_update,
        (Kind.GOAL_UPDATE, Form.PAUSED): _stopped_update("paused"),
        (Kind.GOAL_UPDATE, Form.CLOSED): _stopped_update("closed"),
        (Kind.GOAL_UPDATE, Form.EXPIRED): _stopped_update("expired"),
        (Kind.CLOSURE, Form.CLOSED): _closed,
        (Kind.CLOSURE, Form.EXPIRED): _expired,
    }
)
"""What each kind of note says in each form. A closure note is there only once its campaign is closed."""


def _note(kind: Kind, form: Form, at: _Occasion) -> NoteText:
    text = at.campaign.text(at.language)
    asks = form is Form.OPEN
    # A closure note is news: a content warning would fold it away. On what people boosted, it is the banner.
    summary = None if asks or kind is Kind.CLOSURE else banner(form.value, at.language)
    tags = text.hashtags if asks and kind is Kind.APPEAL and text is not None else ()
    return NoteText(
        language=at.language,
        content=clean(_CONTENT[kind, form](at)),
        summary=summary,
        sensitive=summary is not None,
        # Their links lead to the campaign's page: apps open their own hashtag view, and a browser finds something.
        hashtags=tuple((f"#{tag}", at.page) for tag in tags),
        page_url=at.page if form in (Form.OPEN, Form.PAUSED) else at.closed_page,
        valid_until=at.campaign.expires if asks else None,
    )


def _field(campaign: Campaign, origin: str, now: datetime) -> tuple[str, str]:
    language = campaign.languages[0]
    text = campaign.text(language)
    name = text.title if text is not None else campaign.slug
    form = Form.EXPIRED if campaign.form is Form.OPEN and campaign.expires <= now else campaign.form
    if form is Form.OPEN:
        found = campaign.figures
        state = f"{wording(language).open_word} ({say_percent(found.percent, language)})"
    else:
        state = banner(form.value, language)
    url = (closed_url if campaign.state is State.CLOSED else page_url)(campaign, language, origin)
    return name, clean(f"{escape(state)}: {_link(url)}")


def _other_languages(at: _Occasion) -> str:
    others = [text.language for text in at.campaign.texts if text.language != at.language]
    if not others:
        return ""
    links = " · ".join(
        f'<a href="{escape(page_url(at.campaign, other, at.origin))}">'
        f"{escape(isolate(wording(other).name, at.language))}</a>"
        for other in others
    )
    return f"<p>{escape(wording(at.language).other_languages)} {links}</p>"


def _strong(text: str) -> str:
    return f"<p><strong>{escape(text)}</strong></p>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _link(url: str) -> str:
    return f'<a href="{escape(url)}">{escape(url)}</a>'


def _labelled(label: str, url: str) -> str:
    return f"<p>{escape(label)} {_link(url)}</p>"
