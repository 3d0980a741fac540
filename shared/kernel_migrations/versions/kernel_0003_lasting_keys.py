"""Keys that outlive the root secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "kernel_0003"
down_revision = "kernel_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "lasting_keys",
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="lasting_keys_pkey"),
        comment="Keys of what stands here for good, each encrypted with one of the root secret",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("lasting_keys")
