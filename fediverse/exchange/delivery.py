"""Sending: claim the hosts that are due, and take each through its line, one post at a time.

There is no recovery code. A sender that dies leaves a lease that lapses; another begins at the first unsettled
delivery, with the same activity ids. At most the posts in flight are repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fediverse import outbox
from fediverse.exchange import discovery
from fediverse.exchange.client import Client, Unanswered
from fediverse.protocol.errors import FederationError, Gone
from fediverse.protocol.keys import KeyPair
from fediverse.protocol.retry import (
    Answered,
    AskActor,
    Delivered,
    Failed,
    History,
    Judgement,
    Outcome,
    Refused,
    RetryDelivery,
    RetryHost,
    TryPersonal,
    judge,
    outcome_unknown,
)
from fediverse.store import followers, queue, upkeep
from fediverse.store.database import Database, Transaction
from fediverse.store.followers import Follower
from fediverse.store.queue import Lease, LeaseLost, Pace, Post

LOOK_AGAIN = timedelta(seconds=1)  # polling, behind the wake-ups, which may be lost
SWEEP_EVERY = timedelta(minutes=5)
DRAIN = timedelta(seconds=15)  # what is cut off then is put away too, all within the 20 s of a stop (must-survive K3)
ASKED_AT_ONCE = 2  # actors behind one inbox: with the post (20 s) and their GETs (15 s each) well within a lease
ANSWERS = frozenset({"accept", "reject"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """What a sender needs. `key` gives the key pair of one of our actors; `instance` signs our GETs."""

    database: Database
    client: Client
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    random: Callable[[], float]
    key: Callable[[str], Awaitable[KeyPair]]
    instance: str
    pace: Pace | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is behind an inbox: nobody we know, followers who are gone, followers who moved to another, or neither."""

    nobody: bool = False
    gone: tuple[Follower, ...] = ()
    moved: tuple[tuple[Follower, discovery.RemoteActor], ...] = ()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt, made: how it ended and what that means."""

    post: Post
    outcome: Outcome
    verdict: Judgement
    asked: _Asked


async def send_forever(sending: Sending, *, at_once: int, stop: asyncio.Event) -> None:
    """Deliver to up to `at_once` hosts at a time until `stop` is set; then finish the posts in flight (15 s)."""
    owner = sending.new_id()
    lines: set[asyncio.Task[None]] = set()
    swept = sending.clock() - SWEEP_EVERY
    while not stop.is_set():
        if sending.clock() - swept >= SWEEP_EVERY:
            swept = sending.clock()
            await _sweep(sending)
        if not await _start_lines(sending, owner, at_once, lines, stop):
            await sending.database.wait(LOOK_AGAIN)
    if lines:
        await asyncio.wait(lines, timeout=DRAIN.total_seconds())
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)


async def send_due(sending: Sending, *, at_once: int = 8) -> int:
    """Deliver whatever is due now, until nothing is; the number of turns taken."""
    owner, turns, stop = sending.new_id(), 0, asyncio.Event()
    while True:
        async with sending.database.write() as tx:
            leases = await queue.claim(tx, owner=owner, now=sending.clock(), limit=at_once)
        if not leases:
            return turns
        turns += len(leases)
        await asyncio.gather(*(send_line(sending, lease, stop) for lease in leases))


async def send_line(sending: Sending, lease: Lease, stop: asyncio.Event) -> None:
    """One turn: everything this host is owed and may have now, over one connection."""
    try:
        async with sending.database.write() as tx:
            post = await queue.begin(tx, lease, now=sending.clock(), pace=sending.pace)
        while post is not None:
            post = await _step(sending, post, stop)
    except LeaseLost:
        log.info("a lease ran out during a turn; the other sender goes on")
    except FederationError as error:
        log.warning("a turn ended early: %s", error.safe)


async def _start_lines(
    sending: Sending, owner: str, at_once: int, lines: set[asyncio.Task[None]], stop: asyncio.Event
) -> bool:
    free = at_once - len(lines)
    if free <= 0:
        return False
    try:
        async with sending.database.write() as tx:
            leases = await queue.claim(tx, owner=owner, now=sending.clock(), limit=free)
    except FederationError as error:
        log.warning("no host could be claimed: %s", error.safe)
        return False
    for lease in leases:
        line = asyncio.create_task(send_line(sending, lease, stop))
        lines.add(line)
        line.add_done_callback(lambda done: _ended(sending, lines, done))
    return bool(leases)


def _ended(sending: Sending, lines: set[asyncio.Task[None]], line: asyncio.Task[None]) -> None:
    lines.discard(line)
    if not line.cancelled() and (problem := line.exception()) is not None:
        where = traceback.extract_tb(problem.__traceback__)[-1]  # no message: it may hold an address
        log.error("a turn failed and its lease will lapse: %s, %s:%s", type(problem).__name__, where.name, where.lineno)
    sending.database.wake()


async def _sweep(sending: Sending) -> None:
    with contextlib.suppress(FederationError):
        async with sending.database.write() as tx:
            found = await upkeep.sweep(tx, now=sending.clock())
        if found:
            log.error("%d hosts had open deliveries and no due time", found)


async def _step(sending: Sending, post: Post, stop: asyncio.Event) -> Post | None:
    """Make one attempt, write down how it ended, and begin the next."""
    attempt = await _attempt(sending, post)
    async with sending.database.write() as tx:
        now = sending.clock()
        await _conclude(tx, sending, attempt, now)
        if isinstance(attempt.verdict, RetryHost) or stop.is_set():
            await queue.release(tx, post.lease, now=now)
            return None
        return await queue.begin(tx, post.lease, now=now, pace=sending.pace)


async def _attempt(sending: Sending, post: Post) -> _Attempt:
    outcome = await _post(sending, post)
    history = History(post.attempts, post.host_failures, post.missing_since, post.shared)
    verdict = judge(outcome, history, sending.clock(), sending.random())
    return _Attempt(post, outcome, verdict, await _ask(sending, post, outcome, verdict))


async def _post(sending: Sending, post: Post) -> Outcome:
    key = await sending.key(post.sender)
    try:
        answer = await sending.client.post(post.url, post.body, key=key, now=sending.clock())
    except Unanswered as failed:
        return Failed(failed.kind.value, failed.sent)
    return Answered(answer.status, answer.header("retry-after"))


async def _ask(sending: Sending, post: Post, outcome: Outcome, verdict: Judgement) -> _Asked:
    """Look up, once, who should be behind a personal inbox that says it is not there, and again if it says "gone".

    A few at most: all of it has to end within the lease.
    """
    if not isinstance(verdict, AskActor) or _was_asked(post.last_status, outcome):
        return _Asked()
    async with sending.database.read() as tx:
        behind = await followers.behind(tx, post.sender, post.inbox)
    gone, moved = [], []
    for follower in behind[:ASKED_AT_ONCE]:
        try:
            actor = await discovery.fetch_actor(
                sending.client, follower.id, key=await sending.key(sending.instance), now=sending.clock()
            )
        except Gone as nobody:
            if 410 in (nobody.answer, _status(outcome)):  # 404 twice may be a server that has lost its way for an hour
                gone.append(follower)
        except FederationError:
            continue
        else:
            if actor.inbox != post.url:
                moved.append((follower, actor))
    return _Asked(not behind, tuple(gone), tuple(moved))


def _was_asked(last_status: int | None, outcome: Outcome) -> bool:
    now_gone = _status(outcome) == 410 != last_status
    was_missing = last_status is not None and (300 <= last_status < 400 or last_status in {404, 410})
    return was_missing and not now_gone


def _status(outcome: Outcome) -> int | None:
    return outcome.status if isinstance(outcome, Answered) else None


async def _conclude(tx: Transaction, sending: Sending, attempt: _Attempt, now: datetime) -> None:
    post, outcome, verdict = attempt.post, attempt.outcome, attempt.verdict
    state, not_before = _state(attempt)
    await queue.settle(
        tx,
        post,
        now=now,
        state=state,
        status=_status(outcome),
        reason=outcome.why if isinstance(outcome, Failed) else None,
        unknown=outcome_unknown(outcome),
        not_before=not_before,
        missing=None if isinstance(verdict, RetryHost) else isinstance(verdict, AskActor | TryPersonal),
    )
    if isinstance(verdict, RetryHost):
        await queue.host_rests(tx, post.lease.host, until=verdict.at, asked=verdict.asked, now=now)
    elif post.host_rested:
        await queue.host_answers(tx, post.lease.host)
    match verdict:
        case Delivered():
            await outbox.say_once_more(tx, post, now=now, new_id=sending.new_id)
        case TryPersonal():
            await upkeep.try_personal(tx, post, now)
        case AskActor():
            await _believe(tx, post, attempt.asked, now)
    if post.kind in ANSWERS:
        await queue.erase_answer(tx, post)


async def _believe(tx: Transaction, post: Post, asked: _Asked, now: datetime) -> None:
    """Forget followers who are gone; send to the new inbox of those who moved."""
    for follower in asked.gone:
        await followers.remove(tx, follower.actor, follower.id)
    for follower, actor in asked.moved:
        moved = await followers.add(
            tx,
            actor=follower.actor,
            follow=follower.follow,
            personal=actor.inbox,
            shared=actor.shared_inbox,
            key=actor.key,
            now=now,
        )
        await upkeep.redirect(tx, post, to=moved.personal if post.kind in ANSWERS else moved.inbox, now=now)


def _state(attempt: _Attempt) -> tuple[str, datetime | None]:
    """The state a delivery goes into, and when it may be tried again."""
    outcome, asked = attempt.outcome, attempt.asked
    match attempt.verdict:
        case Delivered():
            return "delivered", None
        case Refused():
            return "refused", None
        case RetryHost():
            return "waiting", None
        case RetryDelivery(at):
            return "waiting", at
        case TryPersonal(at, over):  # moved, if there are personal inboxes, in the same transaction
            return ("gone", None) if over else ("waiting", at)
        case AskActor(at, over):
            nobody = asked.nobody and _status(outcome) == 410
            return ("gone", None) if asked.gone or asked.moved or over or nobody else ("waiting", at)
