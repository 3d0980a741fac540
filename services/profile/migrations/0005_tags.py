"""Typed traits with ranks of their sources, tags and who has them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0005"
down_revision = "profile_0004"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "trait_definitions",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("enum", JSONB),
        sa.Column("personal", sa.Boolean, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="trait_definitions_pkey"),
        comment="What traits hold; built-in definitions stand in the code until an operator says otherwise",
    )
    op.create_table(
        "trait_sources",
        sa.Column("source", sa.Text, nullable=False, comment="a source, or a kind of sources"),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("source", name="trait_sources_pkey"),
        comment="How far sources are believed, where it is not the default of their kind",
    )
    op.create_table(
        "refused_traits",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", "source", "reason", name="refused_traits_pkey"),
        comment="Values that traits did not take, counted; the values themselves are not kept",
    )
    op.create_table(
        "tags",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("segment", sa.Text, comment="whose members have it, for tags of kind rule"),
        sa.Column("weight", sa.Double, nullable=False, comment="default"),
        sa.Column("lifetime", sa.BigInteger, comment="default, in seconds; null: for good"),
        sa.Column("filling", sa.Text, comment="how far the members of its segment are taken over: the last profile id"),
        sa.Column("problem", sa.Text, comment="why a rule is not followed any more"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="tags_pkey"),
        comment="What tags mean",
    )
    op.create_table(
        "tagged",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.PrimaryKeyConstraint("origin", "key", name="tagged_pkey"),
        comment="Who has which tag, by the identity it was given to",
    )
    op.create_index("tagged_key", "tagged", ["key"])
    op.create_index("tagged_expires_at", "tagged", ["expires_at"], postgresql_where="expires_at IS NOT NULL")
    op.create_table(
        "followers",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column(
            "told",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("false"),
            comment="by the stream, since filling began",
        ),
        sa.PrimaryKeyConstraint("key", "profile_id", name="followers_pkey"),
        comment="Who has a tag by rule: the members of its segment; who left stays as gone while it is filled",
    )
    op.create_index("followers_profile_id", "followers", ["profile_id"])
    op.create_table(
        "heard_segments",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("tags", JSONB, nullable=False, comment="tags its rule asks about"),
        sa.PrimaryKeyConstraint("key", name="heard_segments_pkey"),
        comment="Segments as they were last told: which exist, and which tags each depends on",
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "heard_segments",
        "followers",
        "tagged",
        "tags",
        "refused_traits",
        "trait_sources",
        "trait_definitions",
    ):
        op.drop_table(table)
