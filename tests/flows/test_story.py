"""One group's two years: an appeal, its closing, a second appeal a year later, and the hand-over to others.

The texts are as long as real ones: four kilobytes of paragraphs with quotes, dates, semicolons and apostrophes, and the
same appeal in a right-to-left language. What every server shows and every page says is looked at after every act.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.flows import texts
from tests.flows.shown import Shown, links_of, text_of
from tests.flows.story import Server, Story, notes_of
from tests.peers.content import host

Document = Mapping[str, Any]
_TAG = re.compile(r"<[^>]*>")


def words_of(page: str) -> str:
    """What a reader of a page sees, with single spaces."""
    return " ".join(html.unescape(_TAG.sub(" ", page.partition("</head>")[2])).split())


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a long text, with single spaces."""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


async def followers_of_every_kind(us: Story) -> tuple[Server, Server, Server]:
    harbour = await us.server("harbour.test")
    hill = await us.server("hill.test", shared_inbox=False)
    lagoon = await us.server("lagoon.test", software="misskey")
    for server, names in ((harbour, ("alice", "omid")), (hill, ("bob", "carol")), (lagoon, ("yuki",))):
        for name in names:
            await us.follow(server, name)
    await us.software_known()
    return harbour, hill, lagoon


@pytest.mark.slow
async def test_two_appeals_of_one_group_and_both_their_ends(us: Story) -> None:
    servers = await followers_of_every_kind(us)
    first = await an_appeal(us, servers, "belmara", texts.FIRST, texts.FIRST_FA)
    await half_way(us, servers, first)
    await us.raised("belmara", "9020.00")
    reached = await us.page("belmara", "en")
    assert texts.FUND not in reached, "at the goal it asks nobody until that was checked"
    assert texts.ASKS["en"] not in words_of(reached)
    await an_end(us, servers, "belmara", texts.FIRST, texts.FIRST_FA)

    us.later(days=365)
    await an_appeal(us, servers, "waiting", texts.SECOND, texts.SECOND_FA)
    for server in servers:
        assert texts.FIRST["ask"] not in "".join(server.shown.texts.values())
    assert texts.STOPS["en"] in await us.page("belmara", "en"), "what was closed stays closed"
    handed_over = await an_end(us, servers, "waiting", texts.SECOND, texts.SECOND_FA)
    for server in servers:
        for url in handed_over.values():
            note = server.shown.notes[url]
            for project in texts.HANDED_OVER_TO:
                assert project["url"] in links_of(note)
                assert project["name"] in text_of(note)
            assert "Mention" not in str(note.get("tag", ""))
    for slug in ("belmara", "waiting"):
        report = await us.report(slug)
        assert report["settled"] is True
        assert "harbour.test" not in str(report), "two followers: counted, not named"


async def an_appeal(
    us: Story, servers: Sequence[Server], slug: str, english: Document, persian: Document
) -> dict[str, str]:
    """It opens; every server shows it in both languages, and every page has the whole text and where to give."""
    appeal = await us.opened(slug, texts.document(us.in_days(90), dict(english), dict(persian)))
    await us.told()
    for server in servers:
        asked(server.shown, appeal, english, persian)
        assert server.shown.pins == [appeal["en"], appeal["fa"]], "and nothing of what is long over"
        profile_says(us, server.shown, "Open")
    for language, document in (("en", english), ("fa", persian)):
        page = await us.page(slug, language)
        seen = words_of(page)
        assert f'<html lang="{language}" dir="{"rtl" if language == "fa" else "ltr"}">' in page
        for paragraph in paragraphs(document["full_text"]):
            assert paragraph in seen
        for place in texts.PLACES:
            assert f'href="{place["url"]}"' in page
            assert host(place["url"]) in seen, "the whole host is shown"
        assert document["ask"] in seen
        assert f"@{us.handle}" in seen
    return appeal


async def half_way(us: Story, servers: Sequence[Server], appeal: dict[str, str]) -> None:
    """A goal update, in the main language, under the appeal and without noise."""
    await us.raised("belmara", "4612.50")
    update = notes_of(await us.move("belmara", "goal-update"), "goal_update")
    await us.told()
    assert set(update) == {"en"}
    for server in servers:
        note = server.shown.notes[update["en"]]
        assert note["inReplyTo"] == appeal["en"]
        assert "51%" in text_of(note)
        assert note["to"] == [f"{us.actor}/followers"], "unlisted"
    assert "4,590" in words_of(await us.page("belmara", "en")), "rounded down to one per cent of the goal"


async def an_end(
    us: Story, servers: Sequence[Server], slug: str, english: Document, persian: Document
) -> dict[str, str]:
    """It closes; every server shows how it ended, pinned, in place of what asked, and so does every page."""
    closure = notes_of(await us.move(slug, "close", {"reason": "goal_met"}), "closure")
    await us.told()
    for server in servers:
        ended(server.shown, closure, english, persian)
        profile_says(us, server.shown, "CLOSED")
        assert all("CLOSED" in text for text in server.shown.texts.values())
        assert not server.shown.orphans
    for language, document in (("en", english), ("fa", persian)):
        for closed in (False, True):
            page = await us.page(slug, language, closed=closed)
            for paragraph in paragraphs(document["closed"]["outcome"]):
                assert paragraph in words_of(page)
            for project in document["closed"]["projects"]:
                assert f'href="{project["url"]}"' in page
            assert document["ask"] not in words_of(page)
            assert not any(place in page for place in texts.DESTINATION_HOSTS)
    return closure


def asked(shown: Shown, appeal: Mapping[str, str], english: Document, persian: Document) -> None:
    """That a server shows an appeal in both languages, each whole, with its hashtags and its link."""
    for language, document in (("en", english), ("fa", persian)):
        note = shown.notes[appeal[language]]
        assert list(note["contentMap"]) == [language]
        assert document["title"] in text_of(note)
        assert document["ask"] in text_of(note)
        assert [tag["name"] for tag in note["tag"]] == [f"#{tag}" for tag in document["hashtags"]]
        assert any(link.endswith(f"/{language}") for link in links_of(note))
        assert not note.get("summary")


def ended(shown: Shown, closure: Mapping[str, str], english: Document, persian: Document) -> None:
    """That a server shows how it ended in both languages, pinned, and asks nobody any more."""
    for language, document in (("en", english), ("fa", persian)):
        note = shown.notes[closure[language]]
        assert texts.STOPS[language] in text_of(note)
        for paragraph in paragraphs(document["closed"]["outcome"]):
            assert paragraph in text_of(note)
        assert document["ask"] not in "".join(shown.texts.values())
        assert all(link.endswith("/closed") for link in links_of(note) if "/c/" in link)
    assert shown.pins[:2] == [closure["en"], closure["fa"]]


def profile_says(us: Story, shown: Shown, word: str) -> None:
    """What the one field of the profile says, and that its link leads to a page of ours."""
    (field,) = shown.profile["attachment"]
    assert field["type"] == "PropertyValue"
    assert word in field["value"]
    (link,) = re.findall(r'href="([^"]*)"', field["value"])
    assert link.startswith(f"{us.origin}/c/")
