"""How far the last download of an export is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "profile_0015"
down_revision = "profile_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("exports", sa.Column("rows", sa.BigInteger, comment="viewers written by the last download so far"))
    op.add_column("exports", sa.Column("finished_at", sa.TIMESTAMP(timezone=True), comment="when it was complete"))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("exports", "finished_at")
    op.drop_column("exports", "rows")
