"""Domains of pseudonymous exports, suppressions that were lifted, and indexes by which who turns fourteen is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "profile_0010"
down_revision = "profile_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "exports",
        sa.Column("domain", sa.Text, nullable=False, server_default="analytics", comment="of its pseudonyms"),
    )
    op.add_column(
        "erasures",
        sa.Column(
            "lifted", JSONB, nullable=False, server_default=sa.text("'[]'"), comment="when his ids were let in again"
        ),
    )
    op.create_table(
        "comings_of_age",
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("day", name="comings_of_age_pkey"),
        comment="The last day (UTC) of which those who turned fourteen were told; one row",
    )
    op.create_index(
        "identities_birthday",
        "identities",
        [sa.text("left(traits -> 'birthday' ->> 0, 10)")],
        postgresql_where=sa.text("traits ? 'birthday'"),
    )
    op.create_index(
        "identities_birthdays",
        "identities",
        ["origin"],
        postgresql_where=sa.text("(traits -> 'birthday' -> 5 -> 0) IS NOT NULL"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_index("identities_birthdays", "identities")
    op.drop_index("identities_birthday", "identities")
    op.drop_table("comings_of_age")
    op.drop_column("erasures", "lifted")
    op.drop_column("exports", "domain")
