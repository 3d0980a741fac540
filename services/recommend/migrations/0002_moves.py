"""Which merge or split brought an id to its profile, so that facts of two profiles may come in any order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "recommend_0002"
down_revision = "recommend_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("identities", sa.Column("move", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_table_comment(
        "identities", "Whose id is it, as profile tells; of two facts the one with the later move counts"
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_column("identities", "move")
    op.create_table_comment("identities", "Whose id is it, as profile tells")
