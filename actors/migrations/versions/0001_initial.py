"""The tables of the first release: the federation's, then those of the actors.

Moments are 64-bit integers: microseconds since 1970 (docs/adr/0006).
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(length=260), nullable=False),
        sa.Column("software", sa.String(length=64), nullable=True),
        sa.Column("software_asked", sa.BigInteger(), nullable=True),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("urgency", sa.SmallInteger(), server_default="9", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=True),
        sa.Column("resting_until", sa.BigInteger(), nullable=True),
        sa.Column("retry_after", sa.BigInteger(), nullable=True),
        sa.Column("tokens", sa.Float(), server_default="0", nullable=False),
        sa.Column("tokens_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.String(length=32), nullable=True),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("hosts_due", "hosts", ["urgency", "due"], unique=False)
    op.create_table(
        "inboxes",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=260), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("inboxes_by_host", "inboxes", ["host"], unique=False)
    op.create_table(
        "local_actors",
        sa.Column("id", sa.String(length=2048), nullable=False),
        sa.Column("handle", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("public_pem", sa.Text(), nullable=False),
        sa.Column("sealed_private", sa.LargeBinary(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle"),
    )
    op.create_table(
        "remote_keys",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("fetched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("remote_keys_by_age", "remote_keys", ["fetched"], unique=False)
    op.create_table(
        "seen",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("seen_by_age", "seen", ["at"], unique=False)
    op.create_table(
        "activities",
        sa.Column("id", sa.String(length=2048), nullable=False),
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object", sa.String(length=2048), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("activities_by_object", "activities", ["object"], unique=False)
    op.create_index("activities_listed", "activities", ["actor", "listed", "published"], unique=False)
    op.create_table(
        "followers",
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("follower", sa.String(length=64), nullable=False),
        sa.Column("follow", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=260), nullable=False),
        sa.Column("inbox", sa.String(length=64), nullable=False),
        sa.Column("personal", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.ForeignKeyConstraint(
            ["inbox"],
            ["inboxes.key"],
        ),
        sa.ForeignKeyConstraint(
            ["personal"],
            ["inboxes.key"],
        ),
        sa.PrimaryKeyConstraint("actor", "follower"),
    )
    op.create_index("followers_by_follow", "followers", ["follow"], unique=False)
    op.create_index("followers_by_follower", "followers", ["follower"], unique=False)
    op.create_index("followers_by_inbox", "followers", ["inbox"], unique=False)
    op.create_index("followers_by_personal", "followers", ["personal"], unique=False)
    op.create_table(
        "objects",
        sa.Column("id", sa.String(length=2048), nullable=False),
        sa.Column("owner", sa.String(length=2048), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("reply_to", sa.String(length=2048), nullable=True),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "deliveries",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("activity", sa.String(length=2048), nullable=False),
        sa.Column("sender", sa.String(length=2048), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object", sa.String(length=2048), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("inbox", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=260), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owed", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempted", sa.BigInteger(), nullable=True),
        sa.Column("flying_version", sa.Integer(), nullable=True),
        sa.Column("unknown_version", sa.Integer(), nullable=True),
        sa.Column("missing_since", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("again", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.ForeignKeyConstraint(
            ["activity"],
            ["activities.id"],
        ),
        sa.ForeignKeyConstraint(
            ["inbox"],
            ["inboxes.key"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("activity", "inbox"),
    )
    op.create_index("deliveries_by_sender", "deliveries", ["sender", "host"], unique=False)
    op.create_index(
        "deliveries_line",
        "deliveries",
        ["host", "priority", "seq"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'claimed')"),
        postgresql_where=sa.text("state IN ('waiting', 'claimed')"),
    )
    op.create_index("deliveries_of_object", "deliveries", ["object", "host", "inbox"], unique=False)
    op.create_index(
        "deliveries_parked",
        "deliveries",
        ["host"],
        unique=False,
        sqlite_where=sa.text("state = 'parked'"),
        postgresql_where=sa.text("state = 'parked'"),
    )
    op.create_index(
        "deliveries_spoken",
        "deliveries",
        ["host", "attempted"],
        unique=False,
        sqlite_where=sa.text("kind = 'update'"),
        postgresql_where=sa.text("kind = 'update'"),
    )
    op.create_table(
        "featured",
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("object", sa.String(length=2048), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.ForeignKeyConstraint(
            ["object"],
            ["objects.id"],
        ),
        sa.PrimaryKeyConstraint("actor", "object"),
    )
    op.create_table(
        "answers",
        sa.Column("asker", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("asker", "key"),
    )
    op.create_index("answers_by_age", "answers", ["at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("organiser", sa.String(length=32), nullable=True),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("actor", "number"),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("goal_amount", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("rates", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("retracted", sa.BigInteger(), nullable=True),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_index("campaigns_by_actor", "campaigns", ["actor"], unique=False)
    op.create_index("campaigns_by_end", "campaigns", ["state", "expires"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("actor", "url"),
    )
    op.create_table(
        "organisers",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index("organisers_by_actor", "organisers", ["actor"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("actor", sa.String(length=2048), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor"],
            ["local_actors.id"],
        ),
        sa.PrimaryKeyConstraint("actor"),
    )
    op.create_table(
        "announcements",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("campaign", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("announcements_by_campaign", "announcements", ["campaign", "position"], unique=False)
    op.create_table(
        "campaign_destinations",
        sa.Column("campaign", sa.String(length=32), nullable=False),
        sa.Column("destination", sa.String(length=32), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("raised", sa.String(length=64), nullable=True),
        sa.Column("as_of", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.ForeignKeyConstraint(
            ["destination"],
            ["destinations.id"],
        ),
        sa.PrimaryKeyConstraint("campaign", "destination"),
    )
    op.create_table(
        "campaign_texts",
        sa.Column("campaign", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("appeal", sa.Text(), nullable=True),
        sa.Column("closing", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign"],
            ["campaigns.id"],
        ),
        sa.PrimaryKeyConstraint("campaign", "language"),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("announcement", sa.String(length=32), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["announcement"],
            ["announcements.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notes_by_announcement", "notes", ["announcement", "position"], unique=False)
