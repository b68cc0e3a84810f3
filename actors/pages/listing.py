"""Campaigns as one line each, for the pages that list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors import notices
from actors.model import Campaign, Form, State
from actors.service.desk import Desk
from actors.store.campaigns import Kept
from actors.wording import banner, direction, wording


@dataclass(frozen=True, slots=True)
class Entry:
    """A campaign in a list: `state` is what it says of itself, a word while it is open and else a banner."""

    title: str
    language: str
    direction: str
    url: str
    state: str
    form: Form


def entries(desk: Desk, kept: Sequence[Kept]) -> list[Entry]:
    """Campaigns for a list, the running ones first, then the newest; drafts and retracted ones are in no list."""
    shown = [each.campaign for each in kept if each.campaign.state not in (State.DRAFT, State.RETRACTED)]
    shown.sort(key=lambda each: each.opened or desk.clock(), reverse=True)
    shown.sort(key=lambda each: each.state is State.CLOSED)
    return [_entry(desk, each) for each in shown]


def _entry(desk: Desk, campaign: Campaign) -> Entry:
    language = campaign.languages[0]
    text = campaign.text(language)
    form = Form.EXPIRED if campaign.form is Form.OPEN and campaign.expires <= desk.clock() else campaign.form
    link = notices.closed_url if campaign.state is State.CLOSED else notices.page_url
    return Entry(
        title=text.title if text is not None else campaign.slug,
        language=language,
        direction=direction(language),
        url=link(campaign, language, desk.origin),
        state=wording(language).open_word if form is Form.OPEN else banner(form.value, language),
        form=form,
    )
