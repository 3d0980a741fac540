"""The first tables of recommend."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "recommend_0001"
down_revision = None
branch_labels = ("recommend",)
depends_on = None

TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make them."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("placement_revisions")))
    op.create_table(
        "placements",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="placements_pkey"),
        comment="Places on the platform's pages that show creatives",
    )
    op.create_table(
        "creatives",
        sa.Column("placement", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("audience", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("content", postgresql.JSONB, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("placement", "key", name="creatives_pkey"),
        sa.ForeignKeyConstraint(["placement"], ["placements.key"], name="creatives_placement_fkey", ondelete="CASCADE"),
        comment="What a placement may show, to the members of a segment or to everyone",
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("creator_id", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("properties", postgresql.JSONB, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="items_pkey"),
        comment="The catalogue",
    )
    op.create_table(
        "identities",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "value", name="identities_pkey"),
        comment="Whose id is it, as profile tells",
    )
    op.create_index("identities_profile_id", "identities", ["profile_id"])
    op.create_table(
        "memberships",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("segment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", "segment", name="memberships_pkey"),
        comment="Who is in which segment, as segment tells",
    )
    op.create_table(
        "item_days",
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "day", name="item_days_pkey"),
        comment="What was done with an item on a UTC day; also for items the catalogue does not have yet",
    )
    op.create_index("item_days_day", "item_days", ["day"])
    op.create_table(
        "creative_days",
        sa.Column("placement", sa.Text, nullable=False),
        sa.Column("creative", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("shown", sa.BigInteger, nullable=False),
        sa.Column("clicked", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("placement", "creative", "day", name="creative_days_pkey"),
        comment="Feedback on creatives by UTC day; outlives the creative",
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("profile_id", sa.BigInteger),
        sa.Column("user_id", sa.Text),
        sa.Column("anonymous_id", sa.Text),
        sa.Column("shown", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="decisions_pkey"),
        comment="One row per request: what was shown, why, and how probable it was",
    )
    op.create_index("decisions_at", "decisions", ["at"], postgresql_using="brin")
    op.create_index(
        "decisions_by_viewer", "decisions", ["profile_id", "at"], postgresql_where=sa.text("profile_id IS NOT NULL")
    )


def downgrade() -> None:
    """Drop them."""
    for table in (
        "decisions",
        "creative_days",
        "item_days",
        "memberships",
        "identities",
        "items",
        "creatives",
        "placements",
    ):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(sa.Sequence("placement_revisions")))
