"""Accounts of operators, their sessions, and the sign-ins that were wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "gateway_0003"
down_revision = "gateway_0002"
branch_labels = None
depends_on = None

TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "operators",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("preferences", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'approver', 'admin')", name=op.f("operators_role_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("operators_pkey")),
        sa.UniqueConstraint("login", name=op.f("operators_login_key")),
        comment="People with an account; the password as argon2id says it. Nobody is deleted: the audit log names them",
    )
    op.create_table(
        "operator_sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("operator_sessions_pkey")),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=op.f("operator_sessions_operator_id_fkey")),
        comment="Who is signed in: SHA-256 of the token",
    )
    op.create_index("operator_sessions_operator_id", "operator_sessions", ["operator_id"])
    op.create_table(
        "sign_in_tries",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("sign_in_tries_pkey")),
        comment="Sign-ins that were not right, or are under way; account and address as keyed hashes",
    )
    op.create_index("sign_in_tries_account", "sign_in_tries", ["account", "at"])
    op.create_index("sign_in_tries_address", "sign_in_tries", ["address", "at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sign_in_tries")
    op.drop_table("operator_sessions")
    op.drop_table("operators")
