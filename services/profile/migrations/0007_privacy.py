"""Data keys, consents, erasures, retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0007"
down_revision = "profile_0006"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "data_keys",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column(
            "wrapped", sa.LargeBinary, nullable=False, comment="the data key, encrypted with the installation's key"
        ),
        sa.Column("root", sa.Text, nullable=False, comment="name of the installation's key it is wrapped with"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="data_keys_pkey"),
        comment="One key per identity; without it whatever is sealed with it is unreadable for good",
    )
    op.create_index("data_keys_root", "data_keys", ["root"])
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean, comment="null: what was said before is taken back"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("version", sa.Text, comment="of the text he agreed to"),
        sa.Column("proof", sa.Text),
        sa.Column("at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="consents_pkey"),
        comment="What every identity said about purposes and channels; only added to",
    )
    op.create_index("consents_origin_id", "consents", ["origin", "id"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("origins", JSONB, nullable=False, comment="blind indexes once all is done"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("receipts", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("verification", JSONB),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="erasures_pkey"),
        comment="Who asked to be forgotten, and what every service answered",
    )
    op.create_index("erasures_open", "erasures", ["id"], postgresql_where=sa.text("state <> 'finished'"))
    op.create_table(
        "suppressed",
        sa.Column("blind", sa.Text, nullable=False, comment="blind index of an erased identity"),
        sa.Column("erasure_id", sa.BigInteger, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("blind", name="suppressed_pkey"),
        comment="Identities whose events are dropped for good",
    )
    op.create_table(
        "retentions",
        sa.Column("event", sa.Text, nullable=False, comment="event name, * for all that have no line of their own"),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("event", name="retentions_pkey"),
        comment="How long events are kept; without a line, for good",
    )


def downgrade() -> None:
    """Drop them. What is sealed stays sealed."""
    for table in ("retentions", "suppressed", "erasures", "consents", "data_keys"):
        op.drop_table(table)
