"""SQL of how far a service has read."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ARRAY, BigInteger, SmallInteger, Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.tables import heard, positions

Numbers = dict[tuple[str, int], int]
"""Last message number of each producer and partition."""


class LostPosition(Exception):
    """Another process moved the position: this batch must not happen here."""

    outage = True


# One statement, and one text whatever the number of partitions: it is on the way of every batch.
_MOVE = text(
    """
    WITH moved AS (
      UPDATE positions AS p SET sequence = m.new
      FROM unnest(:parts, :old, :new) AS m (part, old, new)
      WHERE p.stream = :stream AND p.created = :created AND p.part = m.part AND p.sequence = m.old
      RETURNING p.part
    ), noted AS (
      INSERT INTO heard (producer, stream, part, n)
      SELECT producer, :stream, part, n FROM unnest(:producers, :its, :numbers) AS h (producer, part, n)
      ORDER BY producer, part
      ON CONFLICT (producer, stream, part) DO UPDATE SET n = excluded.n
    )
    SELECT count(*) FROM moved
    """
).bindparams(
    bindparam("parts", type_=ARRAY(SmallInteger)),
    bindparam("old", type_=ARRAY(BigInteger)),
    bindparam("new", type_=ARRAY(BigInteger)),
    bindparam("producers", type_=ARRAY(Text)),
    bindparam("its", type_=ARRAY(SmallInteger)),
    bindparam("numbers", type_=ARRAY(BigInteger)),
    bindparam("stream", type_=Text),
    bindparam("created", type_=Text),
)


async def load(session: AsyncSession, stream: str, created: str, parts: list[int]) -> dict[int, int]:
    """Positions of these partitions; those of an earlier incarnation of the stream start at 0 again."""
    statement = upsert(positions).values(
        [{"stream": stream, "part": part, "created": created, "sequence": 0} for part in parts]
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["stream", "part"],
            set_={"created": statement.excluded.created, "sequence": 0},
            where=positions.c.created != statement.excluded.created,
        )
    )
    rows = await session.execute(
        select(positions.c.part, positions.c.sequence).where(positions.c.stream == stream, positions.c.part.in_(parts))
    )
    return {row.part: row.sequence for row in rows}


async def load_numbers(session: AsyncSession, stream: str) -> Numbers:
    """What each producer was last heard with."""
    rows = await session.execute(select(heard.c.producer, heard.c.part, heard.c.n).where(heard.c.stream == stream))
    return {(producer, part): n for producer, part, n in rows}


async def move(
    session: AsyncSession,
    stream: str,
    created: str,
    *,
    old: Mapping[int, int],
    new: Mapping[int, int],
    numbers: Mapping[tuple[str, int], int],
) -> None:
    """Compare-and-set the positions of the partitions in `new`, and note the numbers.

    Raises LostPosition when anybody else has moved one of them: then this batch must not happen.
    """
    moved = await session.scalar(
        _MOVE,
        {
            "stream": stream,
            "created": created,
            "parts": list(new),
            "old": [old[part] for part in new],
            "new": list(new.values()),
            "producers": [producer for producer, _ in numbers],
            "its": [part for _, part in numbers],
            "numbers": list(numbers.values()),
        },
    )
    if moved != len(new):
        raise LostPosition(f"{stream}: another process moved the position")
