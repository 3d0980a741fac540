"""Keys, and how far the readers of the streams are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0001"
down_revision = None
branch_labels = ("gateway",)
depends_on = None

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text()),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("origins", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rate", sa.Float()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.CheckConstraint("kind IN ('write', 'secret')", name=op.f("keys_kind_check")),
        sa.CheckConstraint(
            "(kind = 'secret') = (digest IS NOT NULL AND role IS NOT NULL)", name=op.f("keys_proof_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("keys_pkey")),
        comment="Write keys (public) and secret keys (only their SHA-256); a revoked one stays as a record",
    )
    op.create_table(
        "readers",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("part", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("service", "stream", "part", name=op.f("readers_pkey")),
        comment="How far each service has read each stream, as it reported; the trimmer purges behind the slowest",
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("readers")
    op.drop_table("keys")
