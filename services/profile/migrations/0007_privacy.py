"""Keys, contact data, consents, erasures."""

from __future__ import annotations

revision = "profile_0007"
down_revision = "profile_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
