"""Reads what organisers hand in and makes it a campaign, or says of every field at once what is wrong with it.

The shape is the admin endpoint's, as `strict_json` reads it; field paths name where in it a problem lies:

    {"goal_amount": "5000", "currency": "EUR", "expires": "2026-12-31T00:00:00Z",
     "destinations": ["https://…"],
     "languages": {"en": {"title": …, "lead": …, "ask": …, "full_text": …, "hashtags": […],
                          "closed": {"outcome": …, "projects": [{"name": …, "url": …}]}}}}

The order of the languages counts: the first is the main one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final

from actors.campaign import MAX_LANGUAGES
from actors.model import AppealText, Campaign, ClosedText, Destination, Form, Help, Project, Standing
from actors.money import Money, check_currency
from actors.notices import MAX_LENGTH, preview
from actors.refusals import Problems, Refused
from actors.text import (
    ASK_CAP,
    FULL_TEXT_CAP,
    LEAD_CAP,
    NAME_CAP,
    OUTCOME_CAP,
    TITLE_CAP,
    hashtags,
    length,
    line,
    page_link,
    prose,
)
from actors.wording import check_language
from fediverse.protocol.errors import Malformed
from fediverse.protocol.origins import check_url, host_of

MAX_DESTINATIONS: Final = 20
MAX_PROJECTS: Final = 5
MAX_LINKS: Final = 16 * 1024
"""Bytes of a closed form's links as HTML: each stands in it twice and the whole twice in a note, which has to stay
below Misskey's 64 KiB (mastodon-compat §1.7)."""
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_FIELDS = frozenset({"goal_amount", "currency", "expires", "destinations", "languages"})
_TEXT_FIELDS = frozenset({"title", "lead", "ask", "full_text", "hashtags", "closed"})
_CLOSED_FIELDS = frozenset({"outcome", "projects"})
_PROJECT_FIELDS = frozenset({"name", "url"})


def read_draft(
    body: Mapping[str, object],
    *,
    campaign_id: str,
    slug: str,
    listed: Iterable[Destination],
    now: datetime,
    origin: str,
) -> Campaign:
    """A draft from the organisers' document. `listed` is the actor's list of destinations.

    Raises Refused naming every field at fault. A draft may lack
    destinations and closing texts, and its end may have passed: opening it asks for those.
    """
    known = tuple(listed)
    hosts = destination_hosts(known)
    problems = Problems()
    _only(body, _FIELDS, "", problems)
    problems.attempt(lambda: check_slug(slug))
    currency = problems.attempt(lambda: check_currency(body.get("currency")))
    # Without a currency the amount is still read, with as many decimals as any has.
    goal = problems.attempt(lambda: Money.parse(body.get("goal_amount"), currency or "KWD"))
    expires = problems.attempt(lambda: read_time(body.get("expires"), "expires"))
    places = problems.attempt(lambda: _destinations(body.get("destinations", []), known))
    texts, closings = _languages(body.get("languages"), hosts, problems)
    problems.settle()
    if goal is None or expires is None or places is None:
        raise AssertionError("a value is missing that no problem explains")
    draft = Campaign(
        id=campaign_id,
        slug=slug,
        languages=tuple(text.language for text in texts),
        texts=texts,
        closings=closings,
        goal=goal,
        expires=expires,
        destinations=places,
    )
    check_lengths(draft, now, origin)
    return draft


def check_slug(slug: object, field: str = "slug") -> str:
    """A slug: 1 to 64 lower-case ASCII letters, digits and inner hyphens. Raises Refused."""
    if not isinstance(slug, str) or _SLUG.fullmatch(slug) is None:
        raise Refused.field(field, "must be 1 to 64 lower-case letters, digits and inner hyphens")
    return slug


def read_time(value: object, field: str) -> datetime:
    """A point in time with its offset (RFC 3339), in UTC. Raises Refused naming `field`."""
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        if found.tzinfo is None:
            raise Refused.field(field, "must carry its offset, such as 2026-12-31T18:00:00Z")
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        if isinstance(fault, Refused):
            raise
        raise Refused.field(field, "must be a time, such as 2026-12-31T18:00:00Z") from None


def read_destination(
    destination_id: str, label: object, url: object, kind: object, currency: object = None
) -> Destination:
    """A destination for an actor's list, proposed. Raises Refused naming `label`, `url`, `kind`, `currency`."""
    problems = Problems()
    name = problems.attempt(lambda: line(label, "label", cap=NAME_CAP))
    where = problems.attempt(lambda: page_link(url, "url"))
    helps = Help(kind) if isinstance(kind, str) and kind in set(Help) else None
    if helps is None:
        problems.add("kind", "must be money or offer")
    elif helps is Help.MONEY:
        problems.attempt(lambda: check_currency(currency))
    elif currency is not None:
        problems.add("currency", "only money has one")
    problems.settle()
    if name is None or where is None or helps is None:
        raise AssertionError("a value is missing that no problem explains")
    return Destination(
        destination_id, name, where, helps, Standing.PROPOSED, currency if isinstance(currency, str) else None
    )


def choose_destination(value: object, listed: Iterable[Destination], field: str = "donation_url") -> Destination:
    """The active destination on the actor's list that has exactly this URL, in canonical form. Raises Refused."""
    if not isinstance(value, str):
        raise Refused.field(field, "must be the URL of a destination")
    try:
        url = check_url(value)
    except Malformed as fault:
        raise Refused.field(field, f"must be an https URL: {fault.safe}") from None
    for place in listed:
        if place.url == url and place.state is Standing.ACTIVE:
            return place
    raise Refused.field(field, "is not an active destination on the actor's list")


def destination_hosts(listed: Iterable[Destination]) -> tuple[str, ...]:
    """The hosts of every destination an actor ever listed: none may be named in a text, removed ones included."""
    return tuple(dict.fromkeys(host_of(place.url) for place in listed))


def read_closings(body: object, campaign: Campaign, listed: Iterable[Destination]) -> tuple[ClosedText, ...]:
    """Closing texts handed in at the closing, `{language: {"outcome": …, "projects": […]}}`. Raises Refused."""
    if not isinstance(body, Mapping):
        raise Refused.field("closed", "must be an object with a text for each language")
    hosts = destination_hosts(listed)
    problems = Problems()
    found = []
    for language, each in body.items():
        if language not in campaign.languages:
            problems.add(f"closed.{language}", "is not a language of this campaign")
            continue
        with problems.collecting():
            found.append(_closed(each, str(language), f"closed.{language}", hosts))
    problems.settle()
    return tuple(found)


def check_texts(campaign: Campaign, listed: Iterable[Destination], now: datetime, origin: str) -> None:
    """Reads a stored draft's texts again before it opens: destinations may have been listed since. Raises Refused."""
    hosts = destination_hosts(listed)
    problems = Problems()
    for text in campaign.texts:
        at = f"languages.{text.language}"
        with problems.collecting():
            line(text.title, f"{at}.title", cap=TITLE_CAP, hosts=hosts)
        for name, source, cap in (
            ("lead", text.lead, LEAD_CAP),
            ("ask", text.ask, ASK_CAP),
            ("full_text", text.full_text, FULL_TEXT_CAP),
        ):
            with problems.collecting():
                prose(source, f"{at}.{name}", cap=cap, hosts=hosts, required=name != "full_text")
    for closing in campaign.closings:
        at = f"languages.{closing.language}.closed"
        with problems.collecting():
            prose(closing.outcome, f"{at}.outcome", cap=OUTCOME_CAP, hosts=hosts)
        for index, project in enumerate(closing.projects):
            with problems.collecting():
                line(project.name, f"{at}.projects.{index}.name", cap=NAME_CAP, hosts=hosts)
                page_link(project.url, f"{at}.projects.{index}.url", hosts)
    problems.settle()
    check_lengths(campaign, now, origin)


def check_lengths(campaign: Campaign, now: datetime, origin: str) -> None:
    """That every appeal fits into 500 characters with all that is generated. Raises Refused naming the leads."""
    problems = Problems()
    for text in campaign.texts:
        said = preview(campaign, Form.OPEN, text.language, now, origin)
        over = length(said.content) - MAX_LENGTH
        if over > 0:
            problems.add(
                f"languages.{text.language}.lead",
                f"is {over} characters too long: with title, ask, figures, links and hashtags a post has {MAX_LENGTH}",
            )
    problems.settle()


def _only(body: Mapping[str, object], fields: frozenset[str], path: str, problems: Problems) -> None:
    for name in body:
        if name not in fields:
            problems.add(f"{path}{name}", "is not a field of this document")


def _destinations(value: object, listed: Iterable[Destination]) -> tuple[Destination, ...]:
    if not isinstance(value, list) or len(value) > MAX_DESTINATIONS:
        raise Refused.field("destinations", f"must be a list of at most {MAX_DESTINATIONS} URLs")
    problems = Problems()
    chosen = []
    for index, each in enumerate(value):
        with problems.collecting():
            chosen.append(choose_destination(each, listed, f"destinations.{index}"))
    problems.settle()
    if len({place.id for place in chosen}) < len(chosen):
        raise Refused.field("destinations", "holds one twice")
    return tuple(chosen)


def _languages(
    value: object, hosts: Iterable[str], problems: Problems
) -> tuple[tuple[AppealText, ...], tuple[ClosedText, ...]]:
    if not isinstance(value, Mapping) or not 1 <= len(value) <= MAX_LANGUAGES:
        problems.add("languages", f"must be an object with 1 to {MAX_LANGUAGES} languages")
        return (), ()
    texts, closings = [], []
    for language, body in value.items():
        at = f"languages.{language}"
        with problems.collecting():
            check_language(language, at)
            if not isinstance(body, Mapping):
                raise Refused.field(at, "must be an object")
            texts.append(_appeal(body, language, at, hosts))
        # A draft may still lack its closing texts; opening it asks for them.
        if isinstance(body, Mapping) and body.get("closed") is not None:
            with problems.collecting():
                closings.append(_closed(body.get("closed"), language, f"{at}.closed", hosts))
    return tuple(texts), tuple(closings)


def _appeal(body: Mapping[str, object], language: str, at: str, hosts: Iterable[str]) -> AppealText:
    problems = Problems()
    _only(body, _TEXT_FIELDS, f"{at}.", problems)
    title = problems.attempt(lambda: line(body.get("title"), f"{at}.title", cap=TITLE_CAP, hosts=hosts))
    lead = problems.attempt(lambda: prose(body.get("lead"), f"{at}.lead", cap=LEAD_CAP, hosts=hosts))
    ask = problems.attempt(lambda: prose(body.get("ask"), f"{at}.ask", cap=ASK_CAP, hosts=hosts))
    whole = problems.attempt(
        lambda: prose(body.get("full_text", ""), f"{at}.full_text", cap=FULL_TEXT_CAP, hosts=hosts, required=False)
    )
    tags = problems.attempt(lambda: hashtags(body.get("hashtags", []), f"{at}.hashtags"))
    problems.settle()
    return AppealText(language, title or "", lead or "", ask or "", whole or "", tags or ())


def _closed(body: object, language: str, at: str, hosts: Iterable[str]) -> ClosedText:
    if not isinstance(body, Mapping):
        raise Refused.field(at, "must be an object with outcome and projects")
    problems = Problems()
    _only(body, _CLOSED_FIELDS, f"{at}.", problems)
    outcome = problems.attempt(lambda: prose(body.get("outcome"), f"{at}.outcome", cap=OUTCOME_CAP, hosts=hosts))
    projects = problems.attempt(lambda: _projects(body.get("projects", []), f"{at}.projects", hosts))
    if projects and sum(2 * len(escape(project.url)) for project in projects) > MAX_LINKS:
        problems.add(f"{at}.projects", "have addresses that are too long, taken together, for a post")
    problems.settle()
    return ClosedText(language, outcome or "", projects or ())


def _projects(value: object, at: str, hosts: Iterable[str]) -> tuple[Project, ...]:
    if not isinstance(value, list) or len(value) > MAX_PROJECTS:
        raise Refused.field(at, f"must be a list of at most {MAX_PROJECTS} projects")
    problems = Problems()
    found = []
    for index, each in enumerate(value):
        with problems.collecting():
            if not isinstance(each, Mapping):
                raise Refused.field(f"{at}.{index}", "must be an object with name and url")
            _only(each, _PROJECT_FIELDS, f"{at}.{index}.", problems)
            name = line(each.get("name"), f"{at}.{index}.name", cap=NAME_CAP, hosts=hosts)
            found.append(Project(name, page_link(each.get("url"), f"{at}.{index}.url", hosts)))
    problems.settle()
    return tuple(found)
