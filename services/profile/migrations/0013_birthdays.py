"""Birthdays of all viewers are told, a thousand at a time: how far it has come stands beside the day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "profile_0013"
down_revision = "profile_0010"
branch_labels = None
depends_on = None

COMMENT = "How far telling those who are a year older has come; one row"


def upgrade() -> None:
    """The table of those who come of age is that of all birthdays."""
    op.rename_table("comings_of_age", "birthdays")
    op.execute("ALTER TABLE birthdays RENAME CONSTRAINT comings_of_age_pkey TO birthdays_pkey")
    op.add_column(
        "birthdays",
        sa.Column("told", sa.BigInteger, comment="the last profile told on this day (UTC); null when all were"),
    )
    op.create_table_comment("birthdays", COMMENT)


def downgrade() -> None:
    """It is about the fourteenth birthday alone."""
    op.create_table_comment(
        "birthdays",
        "The last day (UTC) of which those who turned fourteen were told; one row",
        existing_comment=COMMENT,
    )
    op.drop_column("birthdays", "told")
    op.execute("ALTER TABLE birthdays RENAME CONSTRAINT birthdays_pkey TO comings_of_age_pkey")
    op.rename_table("birthdays", "comings_of_age")
