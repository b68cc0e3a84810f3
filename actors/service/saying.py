"""What a move obliges us to say, handed to the ledger in the transaction of the act.

SayNote        Create to followers
EditNote       Update to followers and reach; closed or expired: a Delete where edits are not taken
EraseNote      Delete to the whole reach
ChangePins     Add and Remove, reckoned over all campaigns of the actor
ChangeProfile  Update of the actor; for figures alone at most once a day
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select

from actors import notices, pins
from actors.model import Announcement, Campaign, Change, ChangeProfile, EditNote, EraseNote, Form, Kind, SayNote, State
from actors.service.desk import DAY, Desk, NotThere
from actors.store import campaigns, profiles
from actors.store.profiles import Profile
from actors.text import markdown
from fediverse import outbox
from fediverse.outbox import Act
from fediverse.protocol import documents
from fediverse.protocol.retry import Priority
from fediverse.store import collections, local_actors, objects, report, schema
from fediverse.store.database import Transaction
from fediverse.store.local_actors import LocalActor

TAKES_NO_EDITS: Final = ("misskey",)
"""NodeInfo names of software on which an Update of a note has no effect (mastodon-compat §4.1)."""

SAID: Final[Mapping[Kind, Priority]] = MappingProxyType(
    {Kind.APPEAL: Priority.APPEAL, Kind.GOAL_UPDATE: Priority.GOAL, Kind.CLOSURE: Priority.CLOSE}
)
EDITED: Final[Mapping[Form, Priority]] = MappingProxyType(
    {
        Form.OPEN: Priority.APPEAL,
        Form.PAUSED: Priority.PAUSE,
        Form.CLOSED: Priority.CLOSE,
        Form.EXPIRED: Priority.CLOSE,
    }
)
FOR_GOOD: Final = frozenset({Form.CLOSED, Form.EXPIRED})


async def say(tx: Transaction, desk: Desk, act: Act, campaign: Campaign, changes: Iterable[Change]) -> None:
    """Owe what the changes of a move say. `campaign` is the one after the move, already stored."""
    known = tuple(changes)
    for change in known:
        match change:
            case SayNote():
                await _say_note(tx, desk, act, campaign, change)
            case EditNote():
                await _edit_note(tx, desk, act, campaign, change, beside=known)
            case EraseNote(note_id):
                await outbox.retract(tx, act, desk.note_url(note_id))
            case ChangeProfile(urgent):
                await tell_profile(tx, desk, act, urgent=urgent)
            case _:
                await change_pins(tx, desk, act)


async def change_pins(tx: Transaction, desk: Desk, act: Act) -> None:
    """Bring the actor's featured notes to what its campaigns ask for now."""
    every = [kept.campaign for kept in await campaigns.of_actor(tx, act.actor)]
    pinned = [url.rpartition("/")[2] for url in await collections.featured_notes(tx, act.actor)]
    asking = {
        note.id
        for each in every
        if each.state in campaigns.RUNNING
        for said in each.of(Kind.APPEAL)
        for note in said.notes
    }
    for change in pins.pin_changes(pinned, every, act.now):
        # Whatever has to do with an ending is told as urgently as the ending.
        priority = Priority.APPEAL if change.note_id in asking else Priority.CLOSE
        if isinstance(change, pins.Pin):
            await outbox.pin(tx, act, desk.note_url(change.note_id), position=change.position, priority=priority)
        else:
            await outbox.unpin(tx, act, desk.note_url(change.note_id), priority=priority)
    for position, note_id in enumerate(pins.pins(every, act.now)):
        await collections.pin(tx, act.actor, desk.note_url(note_id), position)


async def tell_profile(tx: Transaction, desk: Desk, act: Act, *, urgent: bool = True) -> None:
    """Build the actor document anew and, if it changed, tell followers; what is not urgent at most once a day.

    Raises NotThere if the actor is none of ours that announces.
    """
    actor = await local_actors.by_id(tx, act.actor)
    profile = await profiles.of_actor(tx, act.actor)
    if actor is None or profile is None:
        raise NotThere("there is no such actor")
    every = [kept.campaign for kept in await campaigns.of_actor(tx, act.actor)]
    fields = notices.profile_fields(every, desk.origin, act.now)
    document = actor_document(
        desk, profile, handle=actor.handle, public_pem=actor.public_pem, published=actor.published, fields=fields
    )
    changed = document != actor.document
    if changed:
        actor = await local_actors.replace_document(tx, actor, document, act.now)
    if _is_due(actor, profile, act.now, now_changed=changed, urgent=urgent):
        await outbox.profile(tx, act)
        await profiles.told(tx, act.actor, actor.updated)


async def tell_late(tx: Transaction, desk: Desk, act: Act, campaign: Campaign) -> None:
    """Hosts found out to take no edits only after the closing get the Deletes and the closure notes they had missed.

    Deleting a note there may take its answers along, so the closure notes are said again, to all hosts of that kind.
    """
    if campaign.state is not State.CLOSED:
        return
    closures = [desk.note_url(note.id) for said in campaign.of(Kind.CLOSURE) for note in said.standing]
    asking = [desk.note_url(note.id) for said in campaign.of(Kind.APPEAL, Kind.GOAL_UPDATE) for note in said.standing]
    held = await report.still_held(tx, asking, TAKES_NO_EDITS)
    for url in asking:
        if url in held:
            await outbox.delete_at(tx, act, url, priority=Priority.CLOSE, software=TAKES_NO_EDITS)
    for url in closures if held else ():
        await outbox.create_instead(tx, act, url, priority=Priority.CLOSE, software=TAKES_NO_EDITS)


def actor_document(
    desk: Desk,
    profile: Profile,
    *,
    handle: str,
    public_pem: str,
    published: datetime,
    fields: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The actor as it is served; fields are (name, HTML) pairs."""
    return documents.actor(
        documents.ActorProfile(
            id=profile.actor,
            type="Service",
            preferred_username=handle,
            webfinger=f"{handle}@{desk.handle_domain}",
            name=profile.name,
            summary=markdown(profile.summary),
            url=f"{desk.origin}/@{handle}",
            shared_inbox=f"{desk.origin}/inbox",
            published=published,
            public_key_pem=public_pem,
            icon=documents.Picture(f"{desk.origin}/pictures/{profile.actor.rpartition('/')[2]}.png", "image/png"),
            fields=[documents.Field(name, value) for name, value in fields],
        )
    )


def _is_due(actor: LocalActor, profile: Profile, now: datetime, *, now_changed: bool, urgent: bool) -> bool:
    """Whether followers are to be told: a change now, or one that waited for its day to pass."""
    if urgent:
        return now_changed
    never_told = profile.told is None or profile.told < actor.updated
    return never_told and (profile.told is None or now - profile.told >= DAY)


async def _say_note(tx: Transaction, desk: Desk, act: Act, campaign: Campaign, change: SayNote) -> None:
    said = _announcement(campaign, change.note_id)
    address = documents.unlisted_to if change.unlisted else documents.public_to
    to, cc = address(act.actor)
    note = _note(
        desk,
        campaign,
        said,
        change.language,
        id=desk.note_url(change.note_id),
        actor_id=act.actor,
        to=to,
        cc=cc,
        published=act.now,
        in_reply_to=desk.note_url(change.reply_to) if change.reply_to else None,
    )
    priority = SAID[change.kind]
    closing = TAKES_NO_EDITS if change.kind is Kind.CLOSURE else ()
    text = notices.render(campaign, said, change.language, desk.origin)
    await outbox.create(tx, act, note, priority=priority, valid_until=text.valid_until, leave_out=closing)
    if closing:
        await outbox.create_instead(tx, act, note["id"], priority=priority, software=closing)


async def _edit_note(
    tx: Transaction, desk: Desk, act: Act, campaign: Campaign, change: EditNote, *, beside: Iterable[Change]
) -> None:
    url = desk.note_url(change.note_id)
    before = await objects.current(tx, url)
    if before is None or before.body is None:
        raise LookupError("a note that stands in its campaign is not in the tables of the federation")
    said = _announcement(campaign, change.note_id)
    text = notices.render(campaign, said, change.language, desk.origin)
    answers = [each.note_id for each in beside if isinstance(each, SayNote) and each.reply_to == change.note_id]
    note = _note(
        desk,
        campaign,
        said,
        change.language,
        id=url,
        actor_id=act.actor,
        to=before.body["to"],
        cc=before.body["cc"],
        published=before.published,
        in_reply_to=before.reply_to,
        replies=[*await _replies(tx, url), *map(desk.note_url, answers)],
    )
    # Where no edit is taken the note that asks is deleted; a closure note never asked.
    instead = TAKES_NO_EDITS if change.form in FOR_GOOD and change.kind is not Kind.CLOSURE else ()
    priority = EDITED[change.form]
    await outbox.change(tx, act, note, priority=priority, valid_until=text.valid_until, leave_out=instead)
    if instead:
        await outbox.delete_at(tx, act, url, priority=priority, software=instead)


def _note(desk: Desk, campaign: Campaign, said: Announcement, language: str, **fixed: Any) -> dict[str, Any]:
    text = notices.render(campaign, said, language, desk.origin)
    return documents.note(
        content=text.content,
        language=text.language,
        summary=text.summary,
        sensitive=text.sensitive,
        hashtags=text.hashtags,
        context=f"{desk.origin}/contexts/{campaign.id}",
        **fixed,
    )


async def _replies(tx: Transaction, url: str) -> list[str]:
    """Our own notes that answer this one, oldest first: listed, they heal threads that missed one."""
    standing = (schema.objects.c.reply_to == url, schema.objects.c.deleted.is_(None))
    rows = await tx.rows(
        select(schema.objects.c.id).where(*standing).order_by(schema.objects.c.published, schema.objects.c.id)
    )
    return [row["id"] for row in rows]


def _announcement(campaign: Campaign, note_id: str) -> Announcement:
    return next(said for said in campaign.announcements if any(note.id == note_id for note in said.notes))
