"""A letter that comes twice has another key for looking inside values: all keys are worked out again.

Programs are marked anew too, since now the mark is also told; who became part of another before merges told this table
leaves the lists.
"""

from __future__ import annotations

from alembic import op

revision = "profile_0018"
down_revision = "profile_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note every viewer as touched: the clock works his rows out, some ten thousand a second."""
    op.execute("DELETE FROM search WHERE name = '$bot'")
    for table in ("activity", "search"):
        gone = f"NOT EXISTS (SELECT FROM identities WHERE identities.profile_id = {table}.profile_id)"
        op.execute(f"DELETE FROM {table} WHERE {gone}")  # noqa: S608 - our own words
    op.execute("INSERT INTO touched (profile_id, whole) SELECT profile_id, 1 FROM profiles")


def downgrade() -> None:
    """The same: the older code writes its own."""
    op.execute("INSERT INTO touched (profile_id, whole) SELECT profile_id, 1 FROM profiles")
