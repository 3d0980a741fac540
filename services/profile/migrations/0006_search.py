"""Search, imports and exports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0006"
down_revision = "profile_0005"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    # A trusted extension: the owner of the database may make it.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "search",
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False, comment="a trait, or $name, $has (channels), $tag"),
        sa.Column("value", sa.Text, nullable=False, comment="at most 200 characters; numbers and booleans as in JSON"),
        sa.Column("number", sa.Double),
        sa.Column("key", sa.Text, comment="the value for looking inside it: see rules.search.key"),
        sa.PrimaryKeyConstraint("profile_id", "name", "value", name="search_pkey"),
        comment="Values that viewers are found by; no contact data",
    )
    op.create_index("search_name_value", "search", ["name", "value", "profile_id"])
    op.create_index(
        "search_name_number", "search", ["name", "number", "profile_id"], postgresql_where="number IS NOT NULL"
    )
    for name, where in (
        ("search_names_key", "name = '$name'"),
        ("search_others_key", "name <> '$name' AND key IS NOT NULL"),
    ):
        op.create_index(
            name,
            "search",
            ["key"],
            postgresql_using="gin",
            postgresql_ops={"key": "gin_trgm_ops"},
            postgresql_where=where,
        )
    op.create_table(
        "activity",
        sa.Column("profile_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        comment="When viewers were seen and how often, over all their identities, for ordering lists",
    )
    # What lists are ordered by stands in it too: thousands of matches are put in order without a look at their rows.
    op.execute("ALTER TABLE activity ADD CONSTRAINT activity_pkey PRIMARY KEY (profile_id) INCLUDE (last_seen, events)")
    op.create_index("activity_last_seen", "activity", ["last_seen", "profile_id"])
    op.create_index("activity_events", "activity", ["events", "profile_id"])
    op.create_table(
        "touched",
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column(
            "whole", sa.BigInteger, nullable=False, comment="0: only counters moved, 1: everything may have changed"
        ),
        comment="Viewers whose rows in search and activity are to be worked out again; "
        "appended to, emptied by the clock",
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False, comment="csv or xlsx"),
        sa.Column("encoding", sa.Text),
        sa.Column("delimiter", sa.Text),
        sa.Column("columns", JSONB, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="uploaded, checking, checked, running, finished"),
        sa.Column("mapping", JSONB),
        sa.Column("counts", JSONB, nullable=False, comment="of the last check or run"),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("by", sa.Text, nullable=False, comment="the key that brought it"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="imports_pkey"),
        comment="Files of viewers; their lines are dropped when they are taken in, or after seven days",
    )
    op.create_table(
        "import_lines",
        sa.Column("import_id", sa.BigInteger, nullable=False),
        sa.Column("first", sa.Integer, nullable=False, comment="line number of the first; the header is line 1"),
        sa.Column("lines", sa.Text, nullable=False, comment="cells as text, line by line, sealed"),
        sa.PrimaryKeyConstraint("import_id", "first", name="import_lines_pkey"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="import_lines_import_id_fkey", ondelete="CASCADE"),
        comment="The lines of a file, some hundred in a row: every replica can go on with it",
    )
    op.create_table(
        "import_errors",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("import_id", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="import_errors_pkey"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="import_errors_import_id_fkey", ondelete="CASCADE"),
        comment="Lines that could not be taken in, and why",
    )
    op.create_index("import_errors_import_id", "import_errors", ["import_id", "id"])
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False, comment="csv or xlsx"),
        sa.Column("filter", JSONB, nullable=False),
        sa.Column("columns", JSONB, nullable=False),
        sa.Column("pseudonymous", sa.Boolean, nullable=False),
        sa.Column("by", sa.Text, nullable=False, comment="the key that asked"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="exports_pkey"),
        comment="What each export holds; the file is written while it is downloaded and kept nowhere",
    )
    # Viewers who were there before are to be found too.
    op.execute("INSERT INTO touched (profile_id, whole) SELECT profile_id, 1 FROM profiles")


def downgrade() -> None:
    """Drop the tables with everything in them."""
    for table in ("exports", "import_errors", "import_lines", "imports", "touched", "activity", "search"):
        op.drop_table(table)
    op.execute("DROP EXTENSION pg_trgm")
