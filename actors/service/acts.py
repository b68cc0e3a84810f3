"""The moves of a campaign, one function each: what campaign.py decides, carried out whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from actors import campaign as life
from actors import drafting
from actors.model import ClosedText, CloseReason, Kind, Move, Moved, SayNote
from actors.refusals import MoveRefused, Refused
from actors.service.desk import DAY, By, Desk, at_hand
from actors.service.saying import change_pins, say, tell_late, tell_profile
from actors.store import audit, campaigns, destinations
from actors.store.campaigns import Kept
from fediverse.protocol.strict_json import Json
from fediverse.store import local_actors
from fediverse.store.database import Transaction

BUDGETED = (Kind.APPEAL, Kind.GOAL_UPDATE)


async def open(tx: Transaction, desk: Desk, by: By, slug: str, *, expected: int | None = None) -> Kept:
    """Open a draft: appeals to followers, pins, profile. Raises Refused, MoveRefused (also for the posting budget)."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    listed = await destinations.of_actor(tx, kept.actor)
    moved = life.open(kept.campaign, listed, now, desk.new_id)
    drafting.check_texts(kept.campaign, listed, now, desk.origin)
    return await _carry_out(tx, desk, by, kept, Move.OPEN, moved=moved, now=now)


async def goal_update(tx: Transaction, desk: Desk, by: By, slug: str, *, expected: int | None = None) -> Kept:
    """Say how far the campaign is, in reply to its appeal. Raises MoveRefused, also for the posting budget."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    moved = life.goal_update(kept.campaign, now, desk.new_id)
    detail: dict[str, Json] = {"percent": kept.campaign.figures.percent}
    return await _carry_out(tx, desk, by, kept, Move.GOAL_UPDATE, moved=moved, now=now, detail=detail)


async def pause(tx: Transaction, desk: Desk, by: By, slug: str, *, expected: int | None = None) -> Kept:
    """Stop asking for now, in every note. Raises MoveRefused."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    return await _carry_out(tx, desk, by, kept, Move.PAUSE, moved=life.pause(kept.campaign, now), now=now)


async def resume(tx: Transaction, desk: Desk, by: By, slug: str, *, expected: int | None = None) -> Kept:
    """Ask again, in every note. Raises Refused, MoveRefused."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    listed = await destinations.of_actor(tx, kept.actor)
    moved = life.resume(kept.campaign, listed, now)
    return await _carry_out(tx, desk, by, kept, Move.RESUME, moved=moved, now=now)


async def close(
    tx: Transaction,
    desk: Desk,
    by: By,
    slug: str,
    *,
    reason: CloseReason = CloseReason.BY_HAND,
    closed: Mapping[str, object] | None = None,
    expected: int | None = None,
) -> Kept:
    """Close: every note in its closed form, everywhere, and a closure note per language.

    `closed` replaces closing texts, `{language: {"outcome": …, "projects": […]}}`. Closing a closed campaign changes
    nothing and is no error; closing one that expired replaces reason and texts. Raises Refused, MoveRefused.
    """
    if reason is CloseReason.EXPIRED:
        raise Refused.field("reason", "must be goal_met or by_hand")
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    closings: tuple[ClosedText, ...] = ()
    if closed is not None:
        closings = drafting.read_closings(closed, kept.campaign, await destinations.of_actor(tx, kept.actor))
    moved = life.close(kept.campaign, reason, now, desk.new_id, closings)
    return await _carry_out(tx, desk, by, kept, Move.CLOSE, moved=moved, now=now, detail={"reason": reason.value})


async def withdraw_note(
    tx: Transaction, desk: Desk, by: By, slug: str, note_id: str, *, expected: int | None = None
) -> Kept:
    """Delete one note (32 hex digits) everywhere, before everything else. Raises MoveRefused."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    moved = life.withdraw(kept.campaign, note_id, now)
    return await _carry_out(tx, desk, by, kept, Move.WITHDRAW, moved=moved, now=now, detail={"note": note_id})


async def retract(
    tx: Transaction, desk: Desk, by: By, slug: str, *, erase: bool = False, expected: int | None = None
) -> Kept:
    """Delete every note everywhere and forget every text; the slug stays taken. Raises MoveRefused."""
    kept = await at_hand(tx, by, slug, expected=expected)
    now = desk.clock()
    moved = life.retract(kept.campaign, now, erase=erase)
    return await _carry_out(tx, desk, by, kept, Move.RETRACT, moved=moved, now=now, detail={"erase": erase})


async def expire_due(desk: Desk) -> list[str]:
    """Close every campaign whose end has come, each in a transaction of its own; their slugs. The sweeper calls this.

    One that cannot be closed does not keep the others from it: what went wrong is raised at the end, together.
    """
    async with desk.database.read() as tx:
        due = await campaigns.overdue(tx, desk.clock())
    closed, wrong = [], []
    for _, slug in due:
        try:
            async with desk.database.write() as tx:
                kept = await at_hand(tx, None, slug)
                now = desk.clock()
                moved = life.expire(kept.campaign, now, desk.new_id)
                await _carry_out(tx, desk, None, kept, Move.EXPIRE, moved=moved, now=now)
        except MoveRefused:
            continue  # somebody closed it, or the clock went back, since we looked
        except Exception as error:  # noqa: BLE001 - every other campaign has to be closed all the same
            wrong.append(error)
        else:
            closed.append(slug)
    if wrong:
        raise ExceptionGroup("campaigns past their end that could not be closed", wrong)
    return closed


async def tidy(desk: Desk) -> None:
    """Bring pins, profiles and late findings up to date; the sweeper calls this, hourly or so.

    Closure notes leave their place after 30 days, figures that waited for their day are told, and hosts that turned out
    to take no edits after a closing get the Deletes they had missed.
    """
    async with desk.database.read() as tx:
        every = [actor.id for actor in await local_actors.services(tx)]
    for actor in every:
        async with desk.database.write() as tx:
            await campaigns.lock_actor(tx, actor)
            act = desk.act(actor, desk.clock())
            for kept in await campaigns.of_actor(tx, actor):
                await tell_late(tx, desk, act, kept.campaign)
            await change_pins(tx, desk, act)
            await tell_profile(tx, desk, act, urgent=False)


async def _carry_out(
    tx: Transaction,
    desk: Desk,
    by: By,
    kept: Kept,
    move: Move,
    *,
    moved: Moved,
    now: datetime,
    detail: dict[str, Json] | None = None,
) -> Kept:
    after, changes = moved
    if after == kept.campaign:
        return kept
    await _check_budget(tx, desk, kept, moved=moved, move=move, now=now)
    saved = await campaigns.save(tx, kept, after)
    await say(tx, desk, desk.act(kept.actor, now), after, changes)
    await audit.write(
        tx,
        kept.actor,
        move.value,
        now=now,
        organiser=by.id if by else None,
        campaign=after.slug,
        detail={"version": saved.version, **(detail or {})},
    )
    return saved


async def _check_budget(tx: Transaction, desk: Desk, kept: Kept, *, move: Move, moved: Moved, now: datetime) -> None:
    new = sum(isinstance(change, SayNote) and change.kind in BUDGETED for change in moved[1])
    if not new:
        return
    total = new + await campaigns.notes_since(tx, kept.actor, now - DAY, BUDGETED)
    if total > desk.notes_per_day:
        raise MoveRefused(
            move,
            kept.campaign.state,
            f"that would be {total} notes of this actor within a day, and {desk.notes_per_day} are the most a follower"
            " should get; closing, pausing and withdrawing are always possible",
        )
