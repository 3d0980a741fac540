"""Sending: hashes of addresses, whose a link is, clicks of programs, figures as they change, what is called off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "campaign_0005"
down_revision = "campaign_0004"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)

_CHANGES = {
    "INSERT": ("NEW TABLE AS came", "SELECT campaign_id, state, reason, 1 AS n FROM came"),
    "DELETE": ("OLD TABLE AS went", "SELECT campaign_id, state, reason, -1 AS n FROM went"),
    "UPDATE": (
        "OLD TABLE AS went NEW TABLE AS came",
        "SELECT campaign_id, state, reason, 1 AS n FROM came UNION ALL SELECT campaign_id, state, reason, -1 FROM went",
    ),
}
"""By the kind of statement: what its trigger sees, and the change of the figures that follows from it."""


def upgrade() -> None:
    """New columns, then the figures with what keeps them."""
    op.add_column("campaigns", sa.Column("withdraw", sa.Text))
    op.create_index("campaigns_withdrawn", "campaigns", ["id"], postgresql_where=sa.text("withdraw IS NOT NULL"))
    op.add_column("messages", sa.Column("address", sa.LargeBinary))
    op.add_column("messages", sa.Column("machine_clicked_at", TIME))
    op.add_column("suppressions", sa.Column("message_id", sa.BigInteger))
    op.add_column("suppressions", sa.Column("said", sa.Text))
    op.create_index("suppressions_listed", "suppressions", ["at", "channel", "digest"])
    op.add_column("links", sa.Column("message_id", sa.BigInteger))
    op.create_index("links_of_message", "links", ["message_id"], postgresql_where=sa.text("message_id IS NOT NULL"))
    # A link goes with the viewer it was written for, and its clicks with it.
    op.drop_constraint("clicks_link_id_fkey", "clicks")
    op.create_foreign_key("clicks_link_id_fkey", "clicks", "links", ["link_id"], ["id"], ondelete="CASCADE")
    _tallies()


def _tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("at", TIME, nullable=False),
        comment="Changes of how many messages of a campaign are in which state; their sum is how many are",
    )
    op.create_index("tallies_of_campaign", "tallies", ["campaign_id", "at"])
    op.execute(
        "INSERT INTO tallies SELECT campaign_id, state, reason, count(*), 'epoch' FROM messages GROUP BY 1, 2, 3"
    )
    for kind, (seen, change) in _CHANGES.items():
        name = f"messages_tally_{kind.lower()}"
        op.execute(
            f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              INSERT INTO tallies (campaign_id, state, reason, n, at)
              SELECT campaign_id, state, reason, sum(n), statement_timestamp() FROM ({change}) AS changes
              GROUP BY campaign_id, state, reason HAVING sum(n) <> 0;
              RETURN NULL;
            END $$
            """  # noqa: S608 - our own text
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER {kind} ON messages REFERENCING {seen} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
