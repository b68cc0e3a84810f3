"""The tables of who speaks and what they say. People at risk have no row anywhere: campaigns hold texts, not persons.

An organiser is a random id, a role and the group's own word for them; a token is kept as its hash. Amounts are decimal
strings, moments microseconds since 1970 (as in the tables of the federation).
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from fediverse.store import schema as federation
from fediverse.store.database import Moment

metadata = MetaData()

KEY = String(32)
LANGUAGE = String(16)
AMOUNT = String(64)
_ACTOR = federation.local_actors.c.id

profiles = Table(
    "profiles",
    metadata,
    Column("actor", ForeignKey(_ACTOR), primary_key=True),  # its row is held by every act of this actor
    Column("name", Text, nullable=False),
    Column("summary", Text, nullable=False),  # as typed; the document holds the HTML
    Column("told", Moment),  # when followers were last sent the document
)

organisers = Table(
    "organisers",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("actor", ForeignKey(_ACTOR), nullable=False),
    Column("label", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256 of it
    Column("created", Moment, nullable=False),
    Column("revoked", Moment),
    Index("organisers_by_actor", "actor"),
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("actor", ForeignKey(_ACTOR), nullable=False),
    Column("label", Text, nullable=False),
    Column("url", String(2048), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("currency", String(3)),
    Column("created", Moment, nullable=False),
    UniqueConstraint("actor", "url"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("actor", ForeignKey(_ACTOR), nullable=False),
    Column("slug", String(64), nullable=False, unique=True),  # for ever, also after a retraction
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("languages", Text, nullable=False),  # in their order, with spaces between
    Column("goal_amount", AMOUNT, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("rates", Text, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("opened", Moment),
    Column("paused", Moment),
    Column("closed", Moment),
    Column("reason", String(16)),
    Column("retracted", Moment),
    Column("erased", Boolean, nullable=False),
    Index("campaigns_by_actor", "actor"),
    Index("campaigns_by_end", "state", "expires"),
)

campaign_texts = Table(
    "campaign_texts",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("language", LANGUAGE, primary_key=True),
    Column("appeal", Text),  # NULL once its note was withdrawn
    Column("closing", Text),
)

campaign_destinations = Table(
    "campaign_destinations",
    metadata,
    Column("campaign", ForeignKey(campaigns.c.id), primary_key=True),
    Column("destination", ForeignKey(destinations.c.id), primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("raised", AMOUNT),
    Column("as_of", Moment),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("campaign", ForeignKey(campaigns.c.id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("published", Moment, nullable=False),
    Column("figures", Text, nullable=False),
    Index("announcements_by_campaign", "campaign", "position"),
)

notes = Table(
    "notes",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("announcement", ForeignKey(announcements.c.id), nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("language", LANGUAGE, nullable=False),
    Column("withdrawn", Moment),
    Index("notes_by_announcement", "announcement", "position"),
)

audit = Table(
    "audit",
    metadata,
    Column("actor", ForeignKey(_ACTOR), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 … of this actor
    Column("at", Moment, nullable=False),
    Column("organiser", KEY),  # NULL: an operator on the command line, or the server by itself
    Column("act", String(32), nullable=False),
    Column("campaign", String(64)),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("asker", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),  # SHA-256 of the Idempotency-Key
    Column("body", String(64), nullable=False),
    Column("status", SmallInteger),
    Column("answer", Text),
    Column("at", Moment, nullable=False),
    Index("answers_by_age", "at"),
)
