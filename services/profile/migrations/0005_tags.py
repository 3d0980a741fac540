"""Sources of traits, tags and their validation."""

from __future__ import annotations

revision = "profile_0005"
down_revision = "profile_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
