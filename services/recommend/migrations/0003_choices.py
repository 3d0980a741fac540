"""Who does not want to be shown what is chosen for him."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "recommend_0003"
down_revision = "recommend_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "choices",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("personal", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="choices_pkey"),
        comment="Who has ever switched personalisation off, and what holds now",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("choices")
