"""The first tables of profile: viewers, identities and the timeline."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0001"
down_revision = None
branch_labels = ("profile",)
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "profiles",
        sa.Column(
            "profile_id", sa.BigInteger, sa.Identity(always=True, minvalue=1, maxvalue=2**32 - 1), nullable=False
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="profiles_pkey"),
        comment="Viewers; what is known of them stands with their identities",
    )
    op.create_table(
        "identities",
        sa.Column("origin", sa.Text, nullable=False, comment="namespace:value"),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("traits", JSONB, nullable=False, server_default=sa.text("'{}'"), comment="name: [value, at, since]"),
        sa.Column("events", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="identities_pkey"),
        comment="What one identity said; profile_id may be rewritten, the origin never",
        # Counters move with every batch: room in the page keeps those updates out of the indexes.
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("identities_profile_id", "identities", ["profile_id"])
    op.execute(sa.schema.CreateSequence(sa.Sequence("event_ids", data_type=sa.BigInteger)))
    op.create_table(
        "events",
        sa.Column("time", TIME, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False, server_default=sa.text("nextval('event_ids')")),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column(
            "message_id", sa.Text, nullable=False, comment="unique within each month, by an index of the partition"
        ),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("event", sa.Text, comment="null for calls that are no events: identify, group, alias"),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("properties", JSONB, nullable=False),
        sa.Column("context", JSONB, nullable=False),
        postgresql_partition_by="RANGE (time)",
        comment="Every tracking call, partitioned by month of its own time",
    )
    op.create_index("events_profile_id_time_id", "events", ["profile_id", "time", "id"])


def downgrade() -> None:
    """Drop the tables with everything in them."""
    op.drop_table("events")
    op.execute(sa.schema.DropSequence(sa.Sequence("event_ids")))
    op.drop_table("identities")
    op.drop_table("profiles")
