"""The story: five people follow, a campaign opens, comes half-way, reaches its goal while a server is down, and closes.

Every step is done the way people do it, the organiser's through the admin endpoint, and checked on what the recording
servers hold. Nothing waits for a back-off: a server that comes back sends something signed, as real ones do, and is
believed to be alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from actors.demo import texts
from actors.demo.neighbour import Neighbour
from actors.demo.person import Person
from actors.demo.stage import Stage, StepFailed
from actors.demo.timelines import Status
from actors.demo.verdict import Held, Signs, held
from actors.demo.view import View

PATIENCE: Final = 12.0
"""Seconds to wait for any one thing."""
ALL_IN_ALL: Final = 50.0
"""Seconds after which nothing is waited for any more: a demo ends within a minute, whatever it has to say."""
LOOK_AGAIN: Final = 0.1
LASTS: Final = timedelta(days=60)


class Story:
    """The acts, in their order; `verdict` is what the servers hold at any time."""

    def __init__(self, stage: Stage, view: View, *, longest_wait: float = PATIENCE) -> None:
        self._longest_wait = longest_wait
        self._stage = stage
        self._view = view
        self._actor = ""
        self._places: dict[str, str] = {}
        pages = [f"{stage.place.origin}/c/{texts.SLUG}/{language}" for language in texts.LANGUAGES]
        self.signs = Signs(frozenset(texts.ASKS.values()), frozenset(pages), texts.STOP_WORDS)

    def verdict(self) -> list[Held]:
        """What each recording server holds now."""
        return [self._held(neighbour) for neighbour in self._stage.neighbours]

    async def play(self) -> None:
        """All of it. Raises StepFailed where it cannot go on."""
        await self.follow()
        await self.open()
        await self.half_way()
        away = self._stage.neighbours[0]
        await self.close_without(away)
        await self.come_back(away)
        await self.account()

    async def follow(self) -> None:
        """Everybody looks the actor up and follows."""
        everybody = self._everybody()
        self._view.chapter(f"{len(everybody)} people on {len(self._stage.neighbours)} servers follow @{texts.HANDLE}")
        found = await asyncio.gather(*(neighbour.follow(person, self._stage.handle) for neighbour, person in everybody))
        self._actor = found[0]
        await self._everywhere(lambda each: len(self._held(each).followers) == len(each.people))
        accepted = sum(len(each.followers) for each in self.verdict())
        self._view.check(
            "every Follow is accepted, signed by the one who is followed",
            accepted == len(everybody) and len(set(found)) == 1,
            f"{accepted} of {len(everybody)} accepted",
        )

    async def open(self) -> None:
        """An organiser writes the campaign and opens it."""
        self._view.chapter("An organiser opens a campaign in English and Persian, at the admin endpoint")
        for place in texts.DESTINATIONS:
            made = await self._stage.organiser.ask("POST", f"/actors/{texts.HANDLE}/destinations", place)
            self._places[place["label"]] = str(made["id"])
        expires = datetime.now(UTC) + LASTS
        await self._stage.organiser.ask("PUT", f"/campaigns/{texts.SLUG}", texts.campaign(expires))
        await self._move("open")
        await self._everywhere(lambda each: self._heard(each, "Update{Actor}"))  # the least urgent comes last
        self._view.check(
            "every follower sees the appeal in both languages",
            all(self._all_see(each, len(texts.LANGUAGES), self.signs.asking) for each in self._stage.neighbours),
            self._counted("notes", lambda each: len(each.timelines.statuses)),
        )
        self._view.check(
            "it is pinned to the profile",
            all(len(each.timelines.pins()) == len(texts.LANGUAGES) for each in self._stage.neighbours),
            self._counted("pins", lambda each: len(each.timelines.pins())),
        )
        await self._check_pages("the public page says where to give", destinations=True)
        self._view.feeds(self._stage.neighbours, self.signs)

    async def half_way(self) -> None:
        """Money has come in, and an organiser says so."""
        self._view.chapter("More than half has come in: a goal update, under the appeal")
        await self._raise(texts.HALFWAY)
        await self._move("goal-update")
        await self._everywhere(lambda each: self._all_see(each, len(texts.LANGUAGES) + 1))
        self._view.check(
            "every follower sees it, in reply to the appeal",
            all(self._all_see(each, 1, _is_reply) for each in self._stage.neighbours),
            self._counted("replies", lambda each: sum(map(_is_reply, each.timelines.statuses.values()))),
        )
        self._view.feeds(self._stage.neighbours[:1], self.signs)
        await self._until(self._software_is_known)
        noted = await self._stage.software()
        self._view.check(
            "every server was asked once, in the background, what it runs",
            await self._software_is_known() and all(each.asked_for_software == 1 for each in self._stage.neighbours),
            f"{self._counted('requests', lambda each: each.asked_for_software)}; noted: {', '.join(map(str, noted))}",
        )

    async def close_without(self, away: Neighbour) -> None:
        """The goal is reached while a server is down; the organiser closes all the same."""
        self._view.chapter(f"{away.name} goes down; the goal is reached; the organiser closes the campaign")
        await self._until(self._nothing_waits)
        await away.down()
        await self._raise(texts.REACHED)
        await self._move("close", {"reason": "goal_met"})
        await self._check_pages("the public page is closed before anybody was told", destinations=False)
        others = [each for each in self._stage.neighbours if each is not away]
        await self._everywhere(lambda each: self._heard(each, "Update{Actor}", 2), others)
        for each in others:
            how = "edits and closure notes" if each.manners.takes_edits else "Deletes, then closure notes"
            self._view.check(
                f"{each.name} shows the closing", self._shows_the_closing(each), f"{how}: {self._say_what(each)}"
            )
        asks = [each.server for each in self.verdict() if each.asks]
        self._view.check(
            "only the server that is down still asks, and nobody can tell it yet", asks == [away.name], ", ".join(asks)
        )
        waiting = (await self._report())["counts"].get("waiting", 0)
        self._view.check("the delivery report says so", waiting > 0, f"{waiting} last words wait")
        self._view.feeds(self._stage.neighbours, self.signs)

    async def come_back(self, away: Neighbour) -> None:
        """The server comes back, one of its people likes something: it is alive, and hears what it missed."""
        self._view.chapter(f"{away.name} comes back, and one of its people likes the old appeal")
        before = len(away.seen)
        await away.up()
        feed = away.timelines.home(away.people[0].id)
        if not feed:
            raise StepFailed(f"{away.people[0].name} sees nothing that could be liked")
        await away.like(away.people[0], self._actor, feed[0].id)
        await self._everywhere(lambda each: self._heard(each, "Update{Actor}", 2), [away])
        first = [each.kind for each in away.seen[before:]][: len(texts.LANGUAGES) + 1]
        self._view.check(
            "it is told first that what it shows is over",
            first == ["Update{Note}"] * (len(texts.LANGUAGES) + 1),
            f"the first it heard: {', '.join(first) or 'nothing'}",
        )
        self._view.check(f"{away.name} shows the closing", self._shows_the_closing(away), self._say_what(away))
        self._view.feeds([away], self.signs)

    async def account(self) -> None:
        """The organiser reads the delivery report."""
        self._view.chapter("The delivery report, as the organiser sees it (servers with few followers are not named)")
        await self._until(self._nothing_waits)
        report = await self._report()
        self._view.report(report)
        self._view.check(
            "nobody is left who has not confirmed", report["settled"] is True, f"settled: {report['settled']}"
        )
        posts = [seen for each in self._stage.neighbours for seen in each.seen]
        refused = [seen for seen in posts if seen.refusal is not None]
        self._view.check(
            "every POST was proven by the recording servers' own code",
            bool(posts) and not refused,
            f"{len(posts) - len(refused)} of {len(posts)} verified",
        )

    # What the acts are made of

    async def _move(self, name: str, body: dict[str, Any] | None = None) -> None:
        key = {"Idempotency-Key": f"demo-{name}"}
        said = await self._stage.organiser.ask("POST", f"/campaigns/{texts.SLUG}/{name}", body or {}, **key)
        self._view.say(f"  the organiser: POST …/{texts.SLUG}/{name}: 200, the campaign is {said['state']}")

    async def _raise(self, amounts: Iterable[tuple[str, str]]) -> None:
        for label, amount in amounts:
            path = f"/campaigns/{texts.SLUG}/raised/{self._places[label]}"
            await self._stage.organiser.ask("PUT", path, {"amount": amount})
            self._view.say(f"  the organiser: {label}: {amount} EUR so far")

    async def _report(self) -> Any:
        return await self._stage.organiser.ask("GET", f"/campaigns/{texts.SLUG}/deliveries")

    async def _check_pages(self, what: str, *, destinations: bool) -> None:
        saw, right = [], True
        for language in texts.LANGUAGES:
            status, text = await self._stage.page(language)
            shown = [place["url"] for place in texts.DESTINATIONS if place["url"] in text]
            stops = texts.STOP_WORDS[language] in text
            right = right and status == 200 and bool(shown) is destinations and stops is not destinations
            saw.append(f"{language}: {status}, {len(shown)} destinations, {'says stop' if stops else 'open'}")
        self._view.check(what, right, "; ".join(saw))

    async def _software_is_known(self) -> bool:
        return await self._stage.software() == [each.manners.software for each in self._stage.neighbours]

    async def _nothing_waits(self) -> bool:
        return not (await self._report())["counts"].get("waiting", 0)

    def _held(self, neighbour: Neighbour) -> Held:
        return held(neighbour.name, neighbour.timelines, self._actor, self.signs)

    def _shows_the_closing(self, neighbour: Neighbour) -> bool:
        """Asks nobody, told everybody, and has pinned what says that it is over."""
        pins = neighbour.timelines.pins()
        return self._held(neighbour).shows_closed and bool(pins) and all(map(self.signs.ending, pins))

    def _all_see(self, neighbour: Neighbour, at_least: int, like: Callable[[Status], bool] | None = None) -> bool:
        feeds = [neighbour.timelines.home(person.id) for person in neighbour.people]
        return all(len([each for each in feed if like is None or like(each)]) >= at_least for feed in feeds)

    def _everybody(self) -> list[tuple[Neighbour, Person]]:
        return [(neighbour, person) for neighbour in self._stage.neighbours for person in neighbour.people]

    def _heard(self, neighbour: Neighbour, kind: str, times: int = 1) -> bool:
        """Whether an activity of a kind came to each of its inboxes, that many times."""
        return sum(seen.kind == kind for seen in neighbour.seen) >= times * neighbour.inboxes

    def _say_what(self, neighbour: Neighbour) -> str:
        shown = {each.id: each for person in neighbour.people for each in neighbour.timelines.home(person.id)}.values()
        stops, asks = sum(map(self.signs.ending, shown)), sum(map(self.signs.asking, shown))
        return f"{len(shown)} notes shown, {stops} of them say stop, {asks} of them ask"

    def _counted(self, what: str, count: Callable[[Neighbour], int]) -> str:
        return f"{what}: " + ", ".join(f"{each.name} {count(each)}" for each in self._stage.neighbours)

    # Waiting

    def _patience(self) -> float:
        return max(0.0, min(self._longest_wait, ALL_IN_ALL - self._view.seconds))

    async def _everywhere(
        self, condition: Callable[[Neighbour], bool], among: Sequence[Neighbour] | None = None
    ) -> None:
        """Wait until something holds at each neighbour, or patience ends; the check that follows says what it saw."""
        seconds = self._patience()
        waits = (each.until(partial(condition, each), seconds=seconds) for each in among or self._stage.neighbours)
        await asyncio.gather(*waits)

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask the service again and again until something holds, or patience ends."""
        end = self._view.seconds + self._patience()
        while not await condition() and self._view.seconds < end:  # noqa: ASYNC110 - an answer over HTTPS sets no event
            await asyncio.sleep(LOOK_AGAIN)


def _is_reply(status: Status) -> bool:
    return status.answers is not None
