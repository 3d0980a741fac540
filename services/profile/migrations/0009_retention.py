"""An index by which old events of a type are found."""

from __future__ import annotations

from alembic import op

revision = "profile_0009"
down_revision = "profile_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index every storage month. Nobody writes to the timeline meanwhile."""
    op.create_index("events_event_time", "events", ["event", "time"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("events_event_time", "events")
