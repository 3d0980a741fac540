"""Aggregates and interests by origin, and the tags of items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "profile_0003"
down_revision = "profile_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "aggregates",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("month", sa.SmallInteger, nullable=False, comment="months since January 1970, UTC"),
        sa.Column("data", sa.LargeBinary, nullable=False, comment="MessagePack of rules.aggregates.Month"),
        sa.PrimaryKeyConstraint("origin", "month", name="aggregates_pkey"),
        comment="Sums of what came with one identity in one month; a viewer is the sum of his identities and months",
        # A row of the present month moves with every batch: room in the page keeps that out of the index.
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "items",
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("tags", ARRAY(sa.Text), nullable=False, comment="the category among them"),
        sa.Column("heard_at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="items_pkey"),
        comment="What recommend tells of the catalogue: kinds and tags, for interests",
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("items")
    op.drop_table("aggregates")
