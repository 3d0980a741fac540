"""Where origins are since merges and splits, and viewers that became part of another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "segment_0002"
down_revision = "segment_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "homes",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("move", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="homes_pkey"),
        comment="Where each origin is since its last merge or split; origins that never moved are not here",
    )
    op.create_table(
        "redirects",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("into_id", sa.BigInteger, nullable=False),
        sa.Column("move", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="redirects_pkey"),
        comment="Viewers that became part of another one and were not told since",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("redirects")
    op.drop_table("homes")
