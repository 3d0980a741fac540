"""Stamps for what is derived from viewers and events, all that profile tells of a viewer, members as bitmaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "segment_0004"
down_revision = "segment_0003"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)
STAMP = sa.text("(pg_current_xact_id()::text)::bigint")

OBJECTS = ("weights", "tag_since", "scores", "consent", "consent_since")

BURY = """
CREATE FUNCTION bury_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tombstones (what, key) SELECT '{what}', {key}::text FROM gone;
  RETURN NULL;
END $$
"""
WATCH = """
CREATE TRIGGER bury AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION bury_{table}()
"""


def upgrade() -> None:
    """Make the columns and tables."""
    empty = sa.text("'{}'::jsonb")
    for name in OBJECTS:
        op.add_column("viewers", sa.Column(name, JSONB, nullable=False, server_default=empty))
    op.add_column("viewers", sa.Column("has", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")))
    op.create_table(
        "tombstones",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False, server_default=STAMP),
        sa.Column("at", TIME, nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="tombstones_pkey"),
        comment="Rows of `viewers` and `events` (what) that are gone, by key: written by triggers on both tables",
    )
    op.create_index("tombstones_stamp", "tombstones", ["stamp"])
    for table, key in (("viewers", "profile_id"), ("events", "event_id")):
        op.add_column(table, sa.Column("stamp", sa.BigInteger, nullable=False, server_default=STAMP))
        op.create_index(f"{table}_stamp", table, ["stamp"])
        op.execute(BURY.format(table=table, what=table, key=key))
        op.execute(WATCH.format(table=table))
    for column in (
        sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("'rule'")),
        sa.Column("log_from", TIME, nullable=False, server_default=sa.text("now()")),
    ):
        op.add_column("segments", column)
    op.alter_column("segments", "rule", nullable=True)
    op.alter_column("segment_versions", "rule", nullable=True)
    op.create_table_comment(
        "segments",
        "Definitions; `filling` is the cause of transitions (fill, definition) until every viewer is judged;"
        " `log_from` is since when every transition is in the log; a static list has no rule",
    )
    op.create_table(
        "blocks",
        sa.Column("block", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("segment_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("bitmap", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("block", "segment_id", name="blocks_pkey"),
        comment="Who is in: of each 1,024 neighbouring profile ids (block = profile_id >> 10) a Roaring bitmap of ids",
    )
    op.create_index("blocks_segment_id_block", "blocks", ["segment_id", "block"])
    op.create_table(
        "transitions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("segment_id", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("entered", sa.LargeBinary),
        sa.Column("left", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="transitions_pkey"),
        comment="Who came and went, when and why: Roaring bitmaps of ids, a row per segment, block and cause of a tick",
    )
    op.create_index("transitions_block_segment_id_id", "transitions", ["block", "segment_id", "id"])
    op.create_index("transitions_segment_id_at", "transitions", ["segment_id", "at"])
    op.create_table(
        "list_rows",
        sa.Column("job_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("unmatched", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("job_id", "place", name="list_rows_pkey"),
        comment="Rows of uploaded lists that wait to be resolved; those that nobody is found for stay as the report",
    )
    op.create_index("list_rows_origin", "list_rows", ["origin"])


def downgrade() -> None:
    """Drop them again."""
    for table in ("list_rows", "transitions", "blocks"):
        op.drop_table(table)
    op.execute("DELETE FROM segment_versions WHERE rule IS NULL")
    op.execute("DELETE FROM segments WHERE rule IS NULL")
    op.alter_column("segment_versions", "rule", nullable=False)
    op.alter_column("segments", "rule", nullable=False)
    op.drop_column("segments", "log_from")
    op.drop_column("segments", "kind")
    op.create_table_comment(
        "segments",
        "Definitions; `filling` is the cause of transitions (fill, definition) until every viewer is judged",
    )
    for table in ("viewers", "events"):
        op.execute(f"DROP TRIGGER bury ON {table}")
        op.execute(f"DROP FUNCTION bury_{table}()")
        op.drop_column(table, "stamp")
    op.drop_table("tombstones")
    for name in (*OBJECTS, "has"):
        op.drop_column("viewers", name)
