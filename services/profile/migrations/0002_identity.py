"""Links between identities, with causes, vetoes and redirects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "profile_0002"
down_revision = "profile_0001"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)

KNOWN = (
    # name, priority, most, merges a day, shared, contact
    ("user_id", 100, 1, 50, False, False),
    ("wechat_openid", 80, 5, 20, False, False),
    ("shop_id", 70, 5, 20, False, False),
    ("phone", 60, 3, 10, False, True),
    ("email", 50, 5, 10, False, True),
    ("custom", 40, 10, 10, False, False),
    ("anonymous_id", 20, 200, 50, False, False),
    ("device_id", 10, 50, 10, True, False),
)


def upgrade() -> None:
    """Make the tables, and the namespaces everybody has."""
    op.add_column(
        "identities",
        sa.Column(
            "move",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="the last merge or split it went with",
        ),
    )
    made = op.create_table(
        "namespaces",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "priority",
            sa.Integer,
            nullable=False,
            comment="of two profiles the one with the higher id survives a merge",
        ),
        sa.Column("most", sa.Integer, nullable=False, comment="ids of this namespace that one viewer may have"),
        sa.Column(
            "merges_per_day", sa.Integer, nullable=False, comment="merges through such an id into one profile in 24 h"
        ),
        sa.Column(
            "shared", sa.Boolean, nullable=False, comment="several people may use it: it never draws a stranger in"
        ),
        sa.Column(
            "contact",
            sa.Boolean,
            nullable=False,
            comment="its values are contact data: only their blind index is kept",
        ),
        sa.Column("updated_at", TIME),
        sa.PrimaryKeyConstraint("name", name="namespaces_pkey"),
        comment="Kinds of ids; a name that is not here is treated as `custom`",
    )
    names = ("name", "priority", "most", "merges_per_day", "shared", "contact")
    op.bulk_insert(made, [dict(zip(names, row, strict=True)) for row in KNOWN])
    op.create_table(
        "links",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("one", sa.Text, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="links_pkey"),
        sa.CheckConstraint("state IN ('active', 'refused', 'vetoed')", name=op.f("links_state_check")),
        comment="What was said of two identities being one viewer, the first cause, and what came of it; one < other",
    )
    op.create_index("links_one_other", "links", ["one", "other"], unique=True)
    op.create_index("links_other", "links", ["other"])
    op.create_table(
        "moves",
        sa.Column("move", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("from_id", sa.BigInteger, nullable=False),
        sa.Column("into_id", sa.BigInteger, nullable=False),
        sa.Column("origins", ARRAY(sa.Text), nullable=False),
        sa.Column("one", sa.Text, comment="the link that caused it; null where an operator did"),
        sa.Column("other", sa.Text),
        sa.Column("message_id", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="write key, or who asked for it"),
        sa.Column("reason", sa.Text),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("move", name="moves_pkey"),
        sa.CheckConstraint("kind IN ('merge', 'split')", name=op.f("moves_kind_check")),
        comment="Merges and splits in order",
    )
    op.create_index("moves_into_id_at", "moves", ["into_id", "at"])
    op.create_index("moves_from_id", "moves", ["from_id"])
    op.create_table(
        "vetoes",
        sa.Column("move", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("left", sa.Boolean, nullable=False, comment="whether it is one of those that went"),
        sa.PrimaryKeyConstraint("move", "origin", name="vetoes_pkey"),
        comment="Two sides of a split: no call brings them together again",
    )
    op.create_index("vetoes_origin", "vetoes", ["origin"])
    op.create_table(
        "redirects",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("into_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="redirects_pkey"),
        comment="Profiles that became part of another one; a split can bring them back",
    )
    op.create_index("redirects_into_id", "redirects", ["into_id"])


def downgrade() -> None:
    """Drop them; who was merged stays merged."""
    for table in ("redirects", "vetoes", "moves", "links", "namespaces"):
        op.drop_table(table)
    op.drop_column("identities", "move")
