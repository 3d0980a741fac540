"""Data quality by source and event."""

from __future__ import annotations

revision = "profile_0008"
down_revision = "profile_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
