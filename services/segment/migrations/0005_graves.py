"""Graves of events say whose they were, and are dug for changed events too: the warehouse finds old rows by both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "segment_0005"
down_revision = "segment_0004"
branch_labels = None
depends_on = None

WITH_VIEWER = """
CREATE OR REPLACE FUNCTION bury_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tombstones (what, key, was) SELECT 'events', event_id, profile_id FROM gone;
  RETURN NULL;
END $$
"""
WITHOUT = """
CREATE OR REPLACE FUNCTION bury_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tombstones (what, key) SELECT 'events', event_id::text FROM gone;
  RETURN NULL;
END $$
"""
WATCH = """
CREATE TRIGGER bury_changed AFTER UPDATE ON events REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION bury_events()
"""


def upgrade() -> None:
    """Add the column and the trigger."""
    op.add_column("tombstones", sa.Column("was", sa.BigInteger))
    op.create_index("tombstones_at", "tombstones", ["at"])
    op.execute(WITH_VIEWER)
    op.execute(WATCH)
    op.create_table_comment(
        "tombstones",
        "Rows of `viewers` and `events` (what) that are gone or, of events, were changed, by key and the viewer they"
        " were of: written by triggers on both tables",
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TRIGGER bury_changed ON events")
    op.execute(WITHOUT)
    op.drop_index("tombstones_at", "tombstones")
    op.drop_column("tombstones", "was")
    op.create_table_comment(
        "tombstones", "Rows of `viewers` and `events` (what) that are gone, by key: written by triggers on both tables"
    )
