"""What an answer to a delivery means: whose failure it is, and when to try again. One table, no IO.

    outcome of a post                     whose         what follows
    ─────────────────────────────────────────────────────────────────────────────────────────────
    200–299                               –             Delivered
    DNS, TCP, TLS, time-out, 429, 502–504 the host's    RetryHost: one probe at a time, back-off
    404 or 410 at a shared inbox          the inbox's   TryPersonal: the personal inboxes instead; where no follower is
                                                        behind it, retried as below: one 404 loses no closing
    410 at a personal inbox               the actor's   AskActor, then the follower is removed
    404 or 3xx at a personal inbox        the actor's   AskActor once, then retried; gone after 7 days
    3xx at a shared inbox                 the inbox's   TryPersonal
    400 403 405 413 415 422 501           ours          Refused at once; resend by hand
    401                                   the delivery  RetryDelivery, first after 6 minutes or more
    500 and everything else               the delivery  RetryDelivery, back-off

`Retry-After` always wins, capped at a day. The offsets follow Mastodon's (mastodon-compat §8): n⁴ + 15 seconds and
jitter; ours stop growing at `LONGEST`, because a closure keeps trying for 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import IntEnum

LONGEST = timedelta(hours=12)
RETRY_AFTER_CAP = timedelta(days=1)
FIRST_AFTER_401 = timedelta(minutes=6)  # Mastodon refuses to fetch our key for 5 minutes (mastodon-compat §1.2)
MISSING_FOR = timedelta(days=7)

REFUSED = frozenset({400, 403, 405, 413, 415, 422, 501})
HOST_TROUBLE = frozenset({429, 502, 503, 504})
OUTCOME_UNKNOWN = frozenset({408, 502, 504})  # a proxy gave up: the server behind it may still act


class Priority(IntEnum):
    """What leaves first. A smaller number is more urgent."""

    ANSWER = 0
    RETRACT = 1
    CLOSE = 2
    PAUSE = 3
    CORRECT = 4
    APPEAL = 5
    GOAL = 6
    PROFILE = 7

    @property
    def is_safety(self) -> bool:
        """Retract, withdraw, close, pause and correct: these may empty the pace and wake a resting host."""
        return Priority.RETRACT <= self <= Priority.CORRECT

    @property
    def keeps_trying(self) -> timedelta:
        """How long a delivery is tried before it is parked."""
        return timedelta(days=30) if self.is_safety else timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answered:
    """The host answered with a status; `retry_after` is the raw header value."""

    status: int
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """There was no answer. `why` is a word for it; `sent`: the host may have received it, so it may still act on it."""

    why: str
    sent: bool


Outcome = Answered | Failed


@dataclass(frozen=True, slots=True)
class History:
    """What went before: attempts of this delivery (this one included), failures in a row of the host before it.

    `missing_since` is when its inbox first answered that it is not there, if that was its answer ever since.
    """

    attempts: int
    host_failures: int
    missing_since: datetime | None
    shared: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """Done."""


@dataclass(frozen=True, slots=True)
class RetryHost:
    """Nothing goes to this host before `at`; `asked`: the host itself named the time."""

    at: datetime
    asked: bool


@dataclass(frozen=True, slots=True)
class RetryDelivery:
    """This delivery waits until `at`; the rest of the line goes on."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The host will not have it; only an organiser's resend tries again."""


@dataclass(frozen=True, slots=True)
class TryPersonal:
    """This shared inbox is no more: the followers' personal inboxes take its place.

    What nobody follows there any more waits until `at`; `over`: no more.
    """

    at: datetime
    over: bool


@dataclass(frozen=True, slots=True)
class AskActor:
    """Look the follower up once: a follower goes with its actor. Else wait until `at`; `over`: wait no more."""

    at: datetime
    over: bool


Judgement = Delivered | RetryHost | RetryDelivery | Refused | TryPersonal | AskActor


def judge(outcome: Outcome, history: History, now: datetime, jitter: float) -> Judgement:
    """Read the table above. `jitter` is a random number in [0, 1)."""
    if isinstance(outcome, Failed):
        return RetryHost(now + backoff(history.host_failures, jitter), asked=False)
    status = outcome.status
    asked = retry_after(outcome.retry_after, now)
    if 200 <= status < 300:
        return Delivered()
    if status in HOST_TROUBLE:
        return RetryHost(asked or now + backoff(history.host_failures, jitter), asked=asked is not None)
    if status in {404, 410} or 300 <= status < 400:
        again = asked or now + backoff(history.attempts - 1, jitter)
        over = again > (history.missing_since or now) + MISSING_FOR
        return TryPersonal(again, over) if history.shared else AskActor(again, over)
    if status in REFUSED:
        return Refused()
    if asked is not None:
        return RetryDelivery(asked)
    wait = backoff(history.attempts - 1, jitter)
    return RetryDelivery(now + (max(wait, FIRST_AFTER_401) if status == 401 else wait))


def outcome_unknown(outcome: Outcome) -> bool:
    """Whether the host may still act on this post after we have given up waiting."""
    if isinstance(outcome, Failed):
        return outcome.sent
    return outcome.status in OUTCOME_UNKNOWN


def backoff(failures: int, jitter: float) -> timedelta:
    """The wait after failure number `failures` (from 0): n⁴ + 15 s, up to half as much again, at most LONGEST."""
    if failures > 15:
        return LONGEST
    base = failures**4
    return min(timedelta(seconds=base + 15 + jitter * (base / 2 + 10)), LONGEST)


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """When a `Retry-After` (seconds or a date) ends; None for nonsense; never more than a day ahead, never past."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = int(value) if len(value) < 8 else 10**7
        return now + min(timedelta(seconds=seconds), RETRY_AFTER_CAP)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        return max(now, min(at.astimezone(UTC), now + RETRY_AFTER_CAP))
    except OverflowError:
        return None
