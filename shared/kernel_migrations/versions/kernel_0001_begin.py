"""The kernel's tables: positions, outbox, dead letters, idempotency keys, jobs, catch-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "positions",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "part", name="positions_pkey"),
        comment="How far this service has read: moved in the transaction that holds the effects",
    )
    op.create_table(
        "heard",
        sa.Column("producer", sa.Text),
        sa.Column("stream", sa.Text),
        sa.Column("part", sa.SmallInteger, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("producer", "stream", "part", name="heard_pkey"),
        comment="Last message number of each producer: lower ones are repeats, a jump is a gap",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("part", sa.SmallInteger, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("at", TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="outbox_pkey"),
        sa.UniqueConstraint("stream", "part", "n", name="outbox_stream_part_n_key"),
        comment="Finished messages that wait for their stream",
    )
    # Rows live for milliseconds: without a keen autovacuum every poll would walk over their corpses.
    op.execute("ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)")
    op.create_table(
        "outbox_numbers",
        sa.Column("stream", sa.Text),
        sa.Column("part", sa.SmallInteger, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "part", name="outbox_numbers_pkey"),
        comment="Last message number given out; its row lock makes number order commit order",
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("part", sa.SmallInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("replayed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="dead_letters_pkey"),
        comment="What could not be taken in because of its content, with the reason; can be played again",
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("content_type", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="idempotency_pkey"),
        comment="Answers of unsafe calls that carried an Idempotency-Key",
    )
    op.create_index("idempotency_at", "idempotency", ["at"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("params", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="jobs_pkey"),
        comment="Long work in steps: each step one transaction, the cursor says where to go on",
    )
    op.create_index("jobs_open", "jobs", ["id"], postgresql_where=sa.text("state = 'running'"))
    op.create_table(
        "catch_ups",
        sa.Column("kind", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("numbers", JSONB),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("kind", name="catch_ups_pkey"),
        comment="Snapshots a newcomer pages from their owners before it reads on",
    )


def downgrade() -> None:
    """Drop them."""
    for name in (
        "catch_ups",
        "jobs",
        "idempotency",
        "dead_letters",
        "outbox_numbers",
        "outbox",
        "heard",
        "positions",
    ):
        op.drop_table(name)
