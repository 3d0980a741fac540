"""Search, imports and exports."""

from __future__ import annotations

revision = "profile_0006"
down_revision = "profile_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
