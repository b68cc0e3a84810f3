"""What the public page of a campaign shows in each state. It fails closed.

Destinations are there only while the campaign is open, before its expiry, and money destinations only below the goal
(product.md, rules 5 and 6): whatever else a page shows, that is what it must not get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from actors.model import Campaign, CloseReason, Destination, Form, Help, Project, Standing, State
from actors.money import Figures, say_date
from actors.notices import closed_url, figures_text, page_url
from actors.text import markdown
from actors.wording import banner, direction, wording


@dataclass(frozen=True, slots=True)
class Page:
    """A public page. `*_html` are safe HTML; all else is plain text, to be escaped.

    `status` is 200, or 410 where the campaign or its text in this language was withdrawn: then there is nothing but
    perhaps a sentence. `form` says which state is shown; `canonical` is the page's own URL.
    """

    status: int
    language: str
    direction: str
    form: Form | None
    canonical: str
    title: str = ""
    banner: str = ""
    sentences: tuple[str, ...] = ()
    lead_html: str = ""
    ask_html: str = ""
    full_text_html: str = ""
    outcome_html: str = ""
    projects: tuple[Project, ...] = ()
    figures: Figures | None = None
    figures_text: str = ""
    destinations: tuple[Destination, ...] = ()
    expires: datetime | None = None
    languages: tuple[tuple[str, str, str], ...] = ()
    """(language, its own name, URL) of the other pages."""


def page(campaign: Campaign, language: str, origin: str, now: datetime, *, closed: bool = False) -> Page | None:
    """The page `/c/<slug>/<language>`, or with `closed` the one below it; None where there is no such page (404).

    Drafts have no page, and no closed page is there before the first closing.
    """
    if campaign.state is State.DRAFT or language not in campaign.languages:
        return None
    if campaign.state is State.CLOSED:
        return _ended(campaign, language, (closed_url if closed else page_url)(campaign, language, origin), origin)
    if closed and campaign.closed is None:
        return None
    if campaign.state is State.RETRACTED:
        return _retracted(campaign, language, page_url(campaign, language, origin))
    if campaign.expires <= now:
        return _expired(campaign, language, origin)
    return _open(campaign, language, origin) if campaign.state is State.OPEN else _paused(campaign, language, origin)


def _bare(language: str, form: Form | None, canonical: str) -> Page:
    return Page(200, language, direction(language), form, canonical)


def _withdrawn(campaign: Campaign, language: str, origin: str) -> Page:
    # The note of this language was withdrawn: nothing of its text is anywhere, but the others and the campaign stay.
    return replace(_bare(language, None, page_url(campaign, language, origin)), status=410)


def _open(campaign: Campaign, language: str, origin: str) -> Page:
    text = campaign.text(language)
    if text is None:
        return _withdrawn(campaign, language, origin)
    active = [place for place in campaign.destinations if place.state is Standing.ACTIVE]
    found = campaign.figures
    if found.reached:
        active = [place for place in active if place.kind is not Help.MONEY]
    return replace(
        _bare(language, Form.OPEN, page_url(campaign, language, origin)),
        title=text.title,
        sentences=(wording(language).being_checked,) if found.reached else (),
        lead_html=markdown(text.lead),
        # At the goal the page asks for nothing until somebody has looked: the ask is mostly one for money.
        ask_html="" if found.reached else markdown(text.ask),
        full_text_html=markdown(text.full_text),
        figures=found,
        figures_text=figures_text(found, language),
        destinations=tuple(active),
        expires=campaign.expires,
        languages=_others(campaign, language, origin),
    )


def _paused(campaign: Campaign, language: str, origin: str) -> Page:
    text = campaign.text(language)
    if text is None:
        return _withdrawn(campaign, language, origin)
    return replace(
        _bare(language, Form.PAUSED, page_url(campaign, language, origin)),
        title=text.title,
        banner=banner("paused", language),
        sentences=(wording(language).paused_text,),
        lead_html=markdown(text.lead),
        figures=campaign.figures,
        figures_text=figures_text(campaign.figures, language),
        languages=_others(campaign, language, origin),
    )


def _expired(campaign: Campaign, language: str, origin: str) -> Page:
    """Past its expiry, whether or not it has been closed for it yet."""
    text = campaign.text(language)
    if text is None and campaign.state is not State.CLOSED:
        return _withdrawn(campaign, language, origin)
    return replace(
        _bare(language, Form.EXPIRED, page_url(campaign, language, origin)),
        title=text.title if text is not None else "",
        banner=banner("expired", language),
        sentences=(wording(language).expired_text,),
        figures=campaign.figures,
        figures_text=figures_text(campaign.figures, language),
        languages=_others(campaign, language, origin),
    )


def _ended(campaign: Campaign, language: str, canonical: str, origin: str) -> Page:
    if campaign.reason is CloseReason.EXPIRED:
        return replace(_expired(campaign, language, origin), canonical=canonical)
    text = campaign.text(language)
    closing = campaign.closing(language)
    words = wording(language)
    return replace(
        _bare(language, Form.CLOSED, canonical),
        title=text.title if text is not None else "",
        banner=banner("closed", language),
        sentences=(words.goal_met if campaign.reason is CloseReason.GOAL_MET else words.by_hand,),
        outcome_html=markdown(closing.outcome) if closing is not None else "",
        projects=closing.projects if closing is not None else (),
        # An empty bar below "the goal has been reached" would be a riddle: sums may have been counted elsewhere.
        figures=campaign.figures if campaign.figures.percent else None,
        figures_text=figures_text(campaign.figures, language),
        languages=_others(campaign, language, origin),
    )


def _retracted(campaign: Campaign, language: str, canonical: str) -> Page:
    said: tuple[str, ...] = ()
    if not campaign.erased and campaign.retracted is not None:
        said = (wording(language).withdrawn.format(date=say_date(campaign.retracted.date(), language)),)
    return replace(_bare(language, None, canonical), status=410, sentences=said)


def _others(campaign: Campaign, language: str, origin: str) -> tuple[tuple[str, str, str], ...]:
    link = closed_url if campaign.state is State.CLOSED else page_url
    there = campaign.languages if campaign.state is State.CLOSED else tuple(text.language for text in campaign.texts)
    return tuple((other, wording(other).name, link(campaign, other, origin)) for other in there if other != language)
