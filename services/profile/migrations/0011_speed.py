"""Lists ordered by events and filtered by when viewers were seen read the index alone."""

from __future__ import annotations

from alembic import op

revision = "profile_0011"
down_revision = "profile_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew, with the time in it."""
    op.drop_index("activity_events", table_name="activity")
    op.create_index("activity_events", "activity", ["events", "profile_id"], postgresql_include=["last_seen"])


def downgrade() -> None:
    """Back to the index without it."""
    op.drop_index("activity_events", table_name="activity")
    op.create_index("activity_events", "activity", ["events", "profile_id"])
