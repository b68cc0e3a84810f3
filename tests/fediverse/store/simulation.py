"""A small fediverse for the ledger: receivers that behave as real servers were seen to, and a wire that loses answers.

Every note says what it is: version and form stand in its content, "3 closed". The wire stands in for the network only;
what an answer means is decided by the sender itself.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fediverse.exchange.client import Failure, Fetched, Unanswered
from fediverse.protocol.messages import Response
from fediverse.protocol.origins import host_of
from fediverse.protocol.strict_json import loads_object

KINDS = ("mastodon", "gotosocial", "snac", "misskey")
LATEST = timedelta(minutes=10)  # how late a post may still be acted upon that we have given up on
OPEN = "open"


class Killed(Exception):
    """The sender died in the middle of a post: its lease will lapse."""


@dataclass
class Receiver:
    """One server: the notes it shows, as (version, form), and how it takes what comes (peers, mastodon-compat §4.1)."""

    host: str
    kind: str
    down_until: datetime
    shown: dict[str, tuple[int, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def take(self, activity: dict[str, Any]) -> None:
        """Act on an activity; a repeated id is dropped."""
        if activity["id"] in self.seen:
            return
        self.seen.add(activity["id"])
        if activity["type"] == "Delete":
            note = activity["object"]["id"]
            self.shown.pop(note, None)
            self.deleted.add(note)
        elif (form := form_of(activity)) is not None:
            note = activity["object"]["id"]
            stays_deleted = self.kind == "mastodon" or (self.kind == "gotosocial" and activity["type"] == "Create")
            if not (stays_deleted and note in self.deleted):
                self._show(activity["type"], note, form)

    def _show(self, kind: str, note: str, form: tuple[int, str]) -> None:
        known = self.shown.get(note)
        if known is None:
            if kind == "Create" or self.kind in ("mastodon", "gotosocial"):
                self.shown[note] = form
        elif kind == "Update" and (
            self.kind in ("gotosocial", "snac") or (self.kind == "mastodon" and form[0] > known[0])
        ):
            self.shown[note] = form


def form_of(activity: dict[str, Any]) -> tuple[int, str] | None:
    """Version and form of the note an activity carries, if it carries one."""
    inner = activity["object"]
    if activity["type"] not in {"Create", "Update"} or inner["type"] != "Note":
        return None
    version, form = inner["content"].removeprefix("<p>").removesuffix("</p>").split()
    return int(version), form


class Wire:
    """What a sender takes for its client: each post is answered, refused, lost, or acted upon too late.

    `begun` is told of every post before anything becomes of it; `meanwhile` is what happens while it is in flight.
    """

    def __init__(
        self,
        chance: random.Random,
        clock: Callable[[], datetime],
        begun: Callable[[Receiver, dict[str, Any]], None],
        meanwhile: Callable[[], Awaitable[None]],
    ) -> None:
        self._chance = chance
        self._clock = clock
        self._begun = begun
        self._meanwhile = meanwhile
        self.receivers: dict[str, Receiver] = {}
        self.late: list[tuple[datetime, Receiver, dict[str, Any]]] = []
        self.gone: set[str] = set()
        self.calm = False

    async def post(self, url: str, body: bytes, **_: Any) -> Response:
        """One post to an inbox. Raises as the client does, or Killed."""
        receiver, activity = self.receivers[host_of(url)], loads_object(body)
        self._begun(receiver, activity)
        await self._meanwhile()
        if url in self.gone:
            return Response(410, ())
        if self.calm:
            receiver.take(activity)
            return Response(202, ())
        if receiver.down_until > self._clock():
            if self._chance.random() < 0.5:
                raise Unanswered(Failure.CONNECT, sent=False)
            return Response(503, (("retry-after", "90"),) if self._chance.random() < 0.3 else ())
        outcome = self._chance.choices(
            ["taken", "500", "401", "404", "taken, unheard", "late", "lost", "gone", "killed"],
            [45, 7, 1, 0.5, 6, 22, 3, 0.3, 8],
        )[0]
        return self._become(outcome, url, receiver, activity)

    def _become(self, outcome: str, url: str, receiver: Receiver, activity: dict[str, Any]) -> Response:
        match outcome:
            case "500" | "401" | "404":
                return Response(int(outcome), ())
            case "gone" if "/users/" in url:
                self.gone |= {url, url.removesuffix("/inbox")}
                return Response(410, ())
            case "taken, unheard":
                receiver.take(activity)
                raise Unanswered(Failure.TIMEOUT, sent=True)
            case "late" | "killed":
                self.late.append((self._clock() + LATEST * self._chance.random(), receiver, activity))
                if outcome == "killed":
                    raise Killed
                raise Unanswered(Failure.RESET, sent=True)
            case "lost":
                raise Unanswered(Failure.TIMEOUT, sent=True)
        receiver.take(activity)
        return Response(202, ())

    async def get(self, url: str, **_: Any) -> Fetched:
        """The actor behind an inbox: gone, or it cannot be asked."""
        if url in self.gone:
            return Fetched(url, Response(410, ()))
        raise Unanswered(Failure.TIMEOUT, sent=True)

    def catch_up(self, now: datetime) -> None:
        """Let arrive what is late, up to now."""
        for item in sorted((item for item in self.late if item[0] <= now), key=lambda item: item[0]):
            self.late.remove(item)
            item[1].take(item[2])
