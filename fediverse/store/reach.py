"""Who may hold a note: every host that a delivery of it was ever attempted at."""

from __future__ import annotations

from sqlalchemy import ColumnElement, CompoundSelect, Select, case, func, literal_column, select, union

from fediverse.store.schema import deliveries, followers, inboxes

OPEN = ("waiting", "claimed")
NOTE_KINDS = ("create", "update")


def is_open() -> ColumnElement[bool]:
    """Whether a delivery is still to be made. Spelt out: of bound values SQLite cannot tell that an index applies."""
    return deliveries.c.state.in_([literal_column(f"'{state}'") for state in OPEN])


def follower_inboxes(actor: str) -> Select[str, str]:
    """(inbox, host) of every follower of `actor`: one row where a server shares its inbox."""
    return select(followers.c.inbox, followers.c.host).where(followers.c.actor == actor).distinct()


def of_note(actor: str, note: str) -> Select[str, str]:
    """(inbox, host): one inbox, the shared one if there is one, of each host in reach where no follower is left.

    Inboxes that are gone are left out: nobody reads them.
    """
    ranked = case((inboxes.c.shared, "0"), else_="1").concat(inboxes.c.key)
    followed = select(followers.c.host).where(followers.c.actor == actor)
    return (
        select(func.substr(func.min(ranked), 2).label("inbox"), deliveries.c.host)
        .join(inboxes, inboxes.c.key == deliveries.c.inbox)
        .where(
            deliveries.c.object == note,
            deliveries.c.kind.in_(NOTE_KINDS),
            deliveries.c.attempts > 0,
            deliveries.c.state != "gone",
            deliveries.c.host.not_in(followed),
        )
        .group_by(deliveries.c.host)
    )


def hears_updates(actor: str, note: str) -> CompoundSelect[str, str]:
    """Followers, the rest of the reach, and every inbox where a form of the note is still on its way."""
    on_its_way = select(deliveries.c.inbox, deliveries.c.host).where(
        deliveries.c.object == note, deliveries.c.kind.in_(NOTE_KINDS), is_open()
    )
    return union(follower_inboxes(actor), of_note(actor, note), on_its_way)


def hears_deletes(actor: str, note: str) -> CompoundSelect[str, str]:
    """Every host of the reach: its followers' inboxes, else one inbox that was used."""
    here = followers.c.host.in_(attempted_hosts(note))
    return union(follower_inboxes(actor).where(here), of_note(actor, note))


def attempted_hosts(note: str) -> Select[str]:
    """Hosts where a form of the note was ever attempted, at whatever inbox."""
    return select(deliveries.c.host).where(
        deliveries.c.object == note, deliveries.c.kind.in_(NOTE_KINDS), deliveries.c.attempts > 0
    )
