"""Members are bitmaps with a log, not rows; sizes are told by day."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from pyroaring import BitMap
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "segment_0006"
down_revision = "segment_0005"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)
PARTITIONS, SPAN = 16, 1024
OLD = "Size of a segment as a sum: only inserted, so ticks never wait for each other; folded by the clock"
NEW = (
    "How many came and went, by segment and UTC day; sizes are their sums. Only inserted, so ticks never wait"
    " for each other; folded by the clock"
)


def upgrade() -> None:
    """Write every member into the bitmap of his block, and his entry into the log. Nobody judges meanwhile."""
    connection = op.get_bind()
    segments = [row[0] for row in connection.execute(sa.text("SELECT DISTINCT segment_id FROM members"))]
    for segment_id in segments:
        _carry(connection, segment_id)
    # The log tells of the last entry of everybody who is in, and of nothing before it.
    op.execute("UPDATE segments SET log_from = now()")
    op.drop_table("members")
    op.add_column("tallies", sa.Column("day", sa.Date))
    op.add_column("tallies", sa.Column("left", sa.BigInteger, nullable=False, server_default="0"))
    op.alter_column("tallies", "delta", new_column_name="entered")
    op.execute("UPDATE tallies SET day = (now() AT TIME ZONE 'UTC')::date")
    op.alter_column("tallies", "day", nullable=False)
    op.alter_column("tallies", "left", server_default=None)
    op.drop_index("tallies_segment_id", "tallies")
    op.create_index("tallies_segment_id_day", "tallies", ["segment_id", "day"])
    op.create_table_comment("tallies", NEW)


def _carry(connection: sa.Connection, segment_id: int) -> None:
    places: dict[int, BitMap] = {}
    entries: dict[tuple[datetime, str, int], BitMap] = {}
    rows = connection.execute(
        sa.text("SELECT profile_id, since, cause FROM members WHERE segment_id = :segment ORDER BY since"),
        {"segment": segment_id},
    )
    for profile_id, since, cause in rows:
        place, part = divmod(profile_id, PARTITIONS)
        block = place // SPAN * PARTITIONS + part
        places.setdefault(block, BitMap()).add(place)
        entries.setdefault((since, cause, block), BitMap()).add(place)
    held = sa.table(
        "blocks", *(sa.column(name) for name in ("block", "segment_id", "size")), sa.column("bitmap", sa.LargeBinary)
    )
    log = sa.table(
        "transitions",
        *(sa.column(name) for name in ("segment_id", "block", "cause")),
        sa.column("at", TIME),
        sa.column("entered", sa.LargeBinary),
    )
    connection.execute(
        sa.insert(held),
        [
            {"block": block, "segment_id": segment_id, "size": len(inside), "bitmap": inside.serialize()}
            for block, inside in sorted(places.items())
        ],
    )
    connection.execute(
        sa.insert(log),
        [
            {"segment_id": segment_id, "block": block, "cause": cause, "at": since, "entered": inside.serialize()}
            for (since, cause, block), inside in entries.items()
        ],
    )


def downgrade() -> None:
    """Go back to rows: whoever is in stays, since now."""
    op.create_table(
        "members",
        sa.Column("segment_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "profile_id", name="members_pkey"),
        comment="Who is in, since when and why",
    )
    connection = op.get_bind()
    members = sa.table(
        "members", *(sa.column(name) for name in ("segment_id", "profile_id", "cause")), sa.column("since", TIME)
    )
    for block, segment_id, bitmap in connection.execute(sa.text("SELECT block, segment_id, bitmap FROM blocks")).all():
        rows = [
            {
                "segment_id": segment_id,
                "profile_id": place * PARTITIONS + block % PARTITIONS,
                "cause": "fill",
                "since": sa.func.now(),
            }
            for place in BitMap.deserialize(bitmap)
        ]
        for row in rows:
            connection.execute(sa.insert(members).values(**row))
    op.create_table_comment("tallies", OLD)
    op.drop_index("tallies_segment_id_day", "tallies")
    op.create_index("tallies_segment_id", "tallies", ["segment_id"])
    op.execute('UPDATE tallies SET entered = entered - "left"')
    op.alter_column("tallies", "entered", new_column_name="delta")
    op.drop_column("tallies", "left")
    op.drop_column("tallies", "day")
