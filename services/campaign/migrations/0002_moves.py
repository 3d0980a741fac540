"""Messages follow their viewers through merges and splits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "campaign_0002"
down_revision = "campaign_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whom a message was planned for, and where ids and profiles are today."""
    op.add_column("messages", sa.Column("planned_for", sa.BigInteger))
    op.execute("UPDATE messages SET planned_for = profile_id")
    op.alter_column("messages", "planned_for", nullable=False)
    op.add_column("messages", sa.Column("origin", sa.Text))
    op.create_index("messages_planned_for", "messages", ["planned_for"])
    op.create_index("messages_origin", "messages", ["origin"], postgresql_where=sa.text("origin IS NOT NULL"))
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
        sa.Column("into_id", sa.BigInteger),
        sa.Column("move", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="redirects_pkey"),
        comment="Profiles that became part of another one; into_id is null once a split brought them back",
    )
    op.create_index("redirects_into_id", "redirects", ["into_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("redirects")
    op.drop_table("homes")
    op.drop_index("messages_origin", "messages")
    op.drop_index("messages_planned_for", "messages")
    op.drop_column("messages", "origin")
    op.drop_column("messages", "planned_for")
