"""Quality of the data that comes in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0008"
down_revision = "profile_0007"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def _counters() -> list[sa.Column[int]]:
    return [
        sa.Column(name, sa.BigInteger, nullable=False)
        for name in ("received", "refused", "recorded", "late", "bots", "expected", "filled", "valid")
    ]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "quality_notes",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        *_counters(),
        sa.Column("last", TIME, nullable=False),
        comment="What each batch adds to the counters; appended to, so that batches do not wait for each other",
    )
    op.create_table(
        "quality_counts",
        sa.Column("day", sa.Date, nullable=False, comment="of arrival, UTC"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False, comment="the event, or the call in parentheses: (identify)"),
        *_counters(),
        sa.Column("last", TIME, nullable=False, comment="latest arrival"),
        sa.PrimaryKeyConstraint("day", "source", "event", name="quality_counts_pkey"),
        comment="Calls received and recorded, late ones, and their properties: expected, filled, of the right type",
    )
    op.create_table(
        "quality_snapshots",
        sa.Column("at", TIME, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="empty: all together"),
        sa.Column("event", sa.Text, nullable=False, comment="empty: all together"),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("shares", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("at", "source", "event", name="quality_snapshots_pkey"),
        comment="Scores as they were, hour by hour",
    )


def downgrade() -> None:
    """Drop the tables with everything in them."""
    for table in ("quality_snapshots", "quality_counts", "quality_notes"):
        op.drop_table(table)
