"""The key for looking inside values is written otherwise: the clock works it out again, some ten thousand a second."""

from __future__ import annotations

from alembic import op

revision = "profile_0016"
down_revision = "profile_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note every viewer as touched."""
    op.execute("INSERT INTO touched (profile_id, whole) SELECT profile_id, 1 FROM profiles")


def downgrade() -> None:
    """The same: the older code writes its own."""
    op.execute("INSERT INTO touched (profile_id, whole) SELECT profile_id, 1 FROM profiles")
