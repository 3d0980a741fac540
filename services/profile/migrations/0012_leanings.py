"""Tags by interests, and ids that are nobody's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "profile_0012"
down_revision = "profile_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; tags of kind interest that there are ask for the interest of their key."""
    op.add_column(
        "tags", sa.Column("interest", JSONB, comment="tags, share and weight that give it, for tags of kind interest")
    )
    op.execute(
        "UPDATE tags SET interest = jsonb_build_object('tags', jsonb_build_array(key), 'share', 0.1, 'weight', 0.5)"
        " WHERE kind = 'interest'"
    )
    op.create_table(
        "leaning",
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        comment="Viewers whose tags by interests are to be worked out again; appended to, emptied by a step",
    )
    op.execute(
        "INSERT INTO leaning SELECT profile_id FROM profiles WHERE EXISTS (SELECT FROM tags WHERE kind = 'interest')"
    )
    op.add_column(
        "namespaces",
        sa.Column(
            "blocked", ARRAY(sa.Text), comment="values that are nobody's id; null: those that come with the code"
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_column("namespaces", "blocked")
    op.drop_table("leaning")
    op.drop_column("tags", "interest")
