"""Events of programs are counted by identity, so that viewers who are nothing but programs can be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "profile_0017"
down_revision = "profile_0016"
branch_labels = None
depends_on = None

WORDS = "a trait, or $name, $has (channels), $tag"


def upgrade() -> None:
    """Add the counter, and count what is there: one walk over all events that are kept."""
    op.add_column(
        "identities",
        sa.Column("bots", sa.BigInteger, nullable=False, server_default="0", comment="of these, events of programs"),
    )
    op.execute(
        """
        UPDATE identities AS i SET bots = least(i.events, e.bots)
        FROM (
          SELECT origin, count(*) AS bots FROM events WHERE event IS NOT NULL AND context ? 'bot' GROUP BY origin
        ) AS e
        WHERE i.origin = e.origin
        """
    )
    op.execute("INSERT INTO touched (profile_id, whole) SELECT DISTINCT profile_id, 0 FROM identities WHERE bots > 0")
    op.alter_column("search", "name", comment=f"{WORDS}, $bot (of programs)", existing_comment=WORDS)


def downgrade() -> None:
    """Remove it."""
    op.alter_column("search", "name", comment=WORDS, existing_comment=f"{WORDS}, $bot (of programs)")
    op.execute("DELETE FROM search WHERE name = '$bot'")
    op.drop_column("identities", "bots")
