"""Whether anybody is still asked, reckoned from what the recording servers hold and from nothing else.

A note asks if it shows a sentence that asks or links to the page of the open campaign; a profile asks if it links
there. A server shows the campaign as closed if it asks nobody, and each of its followers sees in every language that
it is over. The service's own report is not consulted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actors.demo.timelines import Status, Timelines


@dataclass(frozen=True, slots=True)
class Signs:
    """What to look for: sentences that ask, the open pages' URLs, and per language the words that say it is over."""

    asks: frozenset[str]
    pages: frozenset[str]
    closed: Mapping[str, str]

    def asking(self, status: Status) -> bool:
        """Whether this note asks whoever reads it."""
        return any(each in status.text for each in self.asks) or not self.pages.isdisjoint(status.links)

    def ending(self, status: Status) -> bool:
        """Whether this note says, in its language, that it is over."""
        return status.language in self.closed and self.closed[status.language] in status.text


@dataclass(frozen=True, slots=True)
class Held:
    """What one server holds at the end. `asked` and `told` are people: still asked; told in every language."""

    server: str
    followers: frozenset[str]
    asked: frozenset[str]
    told: frozenset[str]
    profile_asks: bool

    @property
    def asks(self) -> bool:
        return bool(self.asked) or self.profile_asks

    @property
    def shows_closed(self) -> bool:
        return not self.asks and self.told == self.followers


def held(server: str, timelines: Timelines, actor: str, signs: Signs) -> Held:
    """Look through one server: every follower's feed, the pinned notes, the profile."""
    followers = frozenset(who for (who, whom), yes in timelines.follows.items() if yes and whom == actor)
    pinned_ask = any(signs.asking(each) for each in timelines.pins())
    return Held(
        server=server,
        followers=followers,
        asked=frozenset(who for who in followers if any(signs.asking(each) for each in timelines.home(who))),
        told=frozenset(who for who in followers if set(signs.closed) <= _languages_told(timelines.home(who), signs)),
        profile_asks=pinned_ask
        or any(not signs.pages.isdisjoint(links) for _, links in timelines.profile_texts(actor)),
    )


def _languages_told(feed: Iterable[Status], signs: Signs) -> set[str]:
    return {status.language for status in feed if signs.ending(status)}


def closing_line(servers: Sequence[Held]) -> tuple[str, bool]:
    """The last line of the demo, and whether nobody is asked any more and everybody was told."""
    followers = sum(len(each.followers) for each in servers)
    closed = sum(each.shows_closed for each in servers)
    asked = sum(len(each.asked) for each in servers)
    parts = [f"{closed} of {len(servers)} servers show the campaign as closed", *_shortcomings(servers)]
    if asked:
        parts.append(f"{asked} of {followers} followers {'is' if asked == 1 else 'are'} still asked to donate")
    else:
        parts.append(f"none of {followers} followers is still asked to donate")
    done = bool(servers) and followers > 0 and closed == len(servers)
    return f"{'Closed' if done else 'Not closed everywhere'}: {'; '.join(parts)}.", done


def _shortcomings(servers: Sequence[Held]) -> Iterator[str]:
    asking = [each.server for each in servers if each.asks]
    silent = [each.server for each in servers if not each.asks and not each.shows_closed]
    if asking:
        verb = "asks" if len(asking) == 1 else "ask"
        yield f"{len(asking)} of {len(servers)} servers still {verb} ({', '.join(asking)})"
    if silent:
        yield f"{len(silent)} of {len(servers)} servers did not tell everybody ({', '.join(silent)})"
