"""What was told last of busy blocks, and whose places on lists came with a merge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "segment_0007"
down_revision = "segment_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables; they fill themselves."""
    op.create_table(
        "latest_moves",
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("segment_id", sa.Integer, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("moves", sa.LargeBinary),
        sa.PrimaryKeyConstraint("block", "segment_id", name="latest_moves_pkey"),
        comment="Of busy blocks, the last entry or exit of each place up to this row of the log: who asks since when"
        " somebody is in reads on from there; wanted: many rows came since",
    )
    op.create_index("latest_moves_wanted", "latest_moves", ["block"], postgresql_where=sa.text("wanted"))
    op.create_table(
        "places",
        sa.Column("segment_id", sa.Integer, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("lent", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "profile_id", name="places_pkey"),
        comment="Places on lists that merges moved: lent, of who is on a list only because a part of him stood there;"
        " else of who stood there and is part of another one since",
    )
    op.create_index("places_profile_id", "places", ["profile_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("places")
    op.drop_table("latest_moves")
