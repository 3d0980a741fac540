"""Receipts of erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "kernel_0002"
down_revision = "kernel_0001"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "erasure_receipts",
        sa.Column("erasure_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("rows", JSONB, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("erasure_id", "part", name="erasure_receipts_pkey"),
        comment="Who was forgotten here: how many rows of each table were removed or made nobody's",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("erasure_receipts")
