"""How long the copy of events is kept, and an index by which old events of a type are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "segment_0003"
down_revision = "segment_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and index all events. Nobody writes events meanwhile."""
    op.create_table(
        "retentions",
        sa.Column("event", sa.Text, nullable=False, comment="event name, * for all that have no line of their own"),
        sa.Column("days", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("event", name="retentions_pkey"),
        comment="How long the copy of events is kept, as profile tells; without a line, for good",
    )
    op.create_index("events_event_time", "events", ["event", "time"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("events_event_time", "events")
    op.drop_table("retentions")
