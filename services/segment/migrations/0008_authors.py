"""Every version of a segment says whose it is, and days are those of the installation's zone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "segment_0008"
down_revision = "segment_0007"
branch_labels = None
depends_on = None


TALLIES = (
    "How many came and went, by segment and {}; sizes are their sums. Only inserted, so ticks never wait"
    " for each other; folded by the clock"
)


def upgrade() -> None:
    """Versions that are there have no author; days that are over stay those of UTC."""
    op.add_column("segment_versions", sa.Column("by", sa.Text()))
    op.create_table_comment("tallies", TALLIES.format("day"), existing_comment=TALLIES.format("UTC day"))


def downgrade() -> None:
    """Forget the authors."""
    op.create_table_comment("tallies", TALLIES.format("UTC day"), existing_comment=TALLIES.format("day"))
    op.drop_column("segment_versions", "by")
