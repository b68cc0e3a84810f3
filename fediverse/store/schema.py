"""The tables of the federation. Nothing here says who follows: see `followers` and `inboxes`.

Moments are microseconds since 1970; ids are the strings they are on the wire; `*_key` columns are keyed hashes and
`sealed` columns are encrypted under the key that lies outside the database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fediverse.store.database import Moment

metadata = MetaData()

ID = String(2048)
KEY = String(64)
HOST = String(260)
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

local_actors = Table(
    "local_actors",
    metadata,
    Column("id", ID, primary_key=True),
    Column("handle", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # Service, or Application for the instance actor
    Column("document", Text, nullable=False),  # the actor document as served now
    Column("public_pem", Text, nullable=False),
    Column("sealed_private", LargeBinary, nullable=False),
    Column("published", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
)

objects = Table(
    "objects",
    metadata,
    Column("id", ID, primary_key=True),
    Column("owner", ForeignKey(local_actors.c.id), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text),  # the newest form; NULL once retracted
    Column("reply_to", ID),
    Column("published", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("valid_until", Moment),  # set on open forms: past it, this form leaves the house no more
    Column("deleted", Moment),
)

activities = Table(
    "activities",
    metadata,
    Column("id", ID, primary_key=True),
    Column("actor", ForeignKey(local_actors.c.id), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object", ID),
    Column("version", Integer),
    Column("body", Text),  # as sent; of a Create the envelope, its object is read at each attempt
    Column("sealed_body", LargeBinary),  # Accept and Reject name a follower: sealed, erased once settled
    Column("valid_until", Moment),
    Column("published", Moment, nullable=False),
    Column("listed", Boolean, nullable=False),  # shown in the outbox
    Index("activities_by_object", "object"),
    Index("activities_listed", "actor", "listed", "published"),
)

featured = Table(
    "featured",
    metadata,
    Column("actor", ForeignKey(local_actors.c.id), primary_key=True),
    Column("object", ForeignKey(objects.c.id), primary_key=True),
    Column("position", Integer, nullable=False),
)

inboxes = Table(
    "inboxes",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("host", HOST, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("url", ID),  # of a shared inbox
    Column("sealed", LargeBinary),  # of a personal one
    Index("inboxes_by_host", "host"),
)

followers = Table(
    "followers",
    metadata,
    Column("actor", ForeignKey(local_actors.c.id), primary_key=True),
    Column("follower", KEY, primary_key=True),
    Column("follow", KEY, nullable=False),
    Column("host", HOST, nullable=False),
    Column("inbox", ForeignKey(inboxes.c.key), nullable=False),  # where posts go: shared, else personal
    Column("personal", ForeignKey(inboxes.c.key), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # actor id, Follow, personal inbox, public key
    Column("since", Moment, nullable=False),
    Index("followers_by_follow", "follow"),
    Index("followers_by_follower", "follower"),
    Index("followers_by_inbox", "inbox"),
    Index("followers_by_personal", "personal"),
)

remote_keys = Table(
    "remote_keys",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("sealed", LargeBinary),  # NULL: asked and not had (negative entry)
    Column("fetched", Moment, nullable=False),
    Index("remote_keys_by_age", "fetched"),
)

seen = Table(
    "seen",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("at", Moment, nullable=False),
    Index("seen_by_age", "at"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("name", HOST, primary_key=True),
    Column("software", String(64)),
    Column("software_asked", Moment),
    Column("due", Moment),  # NULL: nothing is owed
    Column("urgency", SmallInteger, nullable=False, server_default="9"),  # the highest priority waiting
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failed", Moment),
    Column("resting_until", Moment),  # our own back-off
    Column("retry_after", Moment),  # what the host asked for
    Column("tokens", Float, nullable=False, server_default="0"),
    Column("tokens_at", Moment),
    Column("owner", String(32)),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Moment),
    Index("hosts_due", "urgency", "due"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),  # the order owed
    Column("activity", ForeignKey(activities.c.id), nullable=False),
    Column("sender", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("object", ID),
    Column("version", Integer),
    Column("inbox", ForeignKey(inboxes.c.key), nullable=False),
    Column("host", HOST, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("owed", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempted", Moment),
    Column("flying_version", Integer),  # an attempt began and was not settled
    Column("unknown_version", Integer),  # the oldest version whose attempt ended with outcome unknown
    Column("missing_since", Moment),  # since when the inbox has answered that it is not there
    Column("settled", Moment),
    Column("status", Integer),  # of the last answer
    Column("reason", String(32)),
    Column("again", Boolean, nullable=False, server_default=text("false")),  # the last word, said once more
    UniqueConstraint("activity", "inbox"),
    Index(
        "deliveries_line",
        "host",
        "priority",
        "seq",
        sqlite_where=text("state IN ('waiting', 'claimed')"),
        postgresql_where=text("state IN ('waiting', 'claimed')"),
    ),
    Index("deliveries_of_object", "object", "host", "inbox"),
    Index(
        "deliveries_spoken",
        "host",
        "attempted",
        sqlite_where=text("kind = 'update'"),
        postgresql_where=text("kind = 'update'"),
    ),
    Index("deliveries_by_sender", "sender", "host"),
    Index(
        "deliveries_parked",
        "host",
        sqlite_where=text("state = 'parked'"),
        postgresql_where=text("state = 'parked'"),
    ),
)
