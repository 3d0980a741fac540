"""Calls that the gateway did not take in are counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "profile_0014"
down_revision = "profile_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "turned_away",
        sa.Column("day", sa.Date, nullable=False, comment="UTC"),
        sa.Column("source", sa.Text, nullable=False, comment="write key"),
        sa.Column(
            "event",
            sa.Text,
            nullable=False,
            comment="the event, the call in parentheses, (unread), or * for the rest",
        ),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, comment="of the last one, as all below"),
        sa.Column("message_id", sa.Text),
        sa.Column("last_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", "source", "event", "code", "field", name="turned_away_pkey"),
        comment="Calls that the gateway did not take in, counted; seven days",
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("turned_away")
