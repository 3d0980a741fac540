"""A crowd for segment's bench: viewers and what they did in the last 90 days, laid straight into segment's database."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import duckdb

from tests.bench.suite import Suite

PIECE = 1_000_000
DAYS = 90
CATEGORIES = ("anime", "gaming", "music", "food", "travel", "sport", "news", "drama", "fashion", "science")
CITIES = ("Shanghai", "Beijing", "Chengdu", "Berlin", "Paris", "Tokyo", "Austin", "Lagos", "Lima", "Oslo")

_VIEWERS = f"""
SELECT id AS profile_id,
  json_object('city', {list(CITIES)}[1 + (hash(id) % {len(CITIES)})::INT], 'age', 12 + (hash(id * 7) % 60)::INT,
    'plan', CASE WHEN hash(id * 11) % 10 = 0 THEN 'vip' ELSE 'free' END)::VARCHAR AS traits
FROM range($low, $high) AS rows (id)
"""

_EVENTS = f"""
SELECT event_id, profile_id, event, time, true AS history, 'user_id:' || profile_id AS origin,
  CASE event
    WHEN 'Video Watched' THEN json_object('content_id', content, 'category', category, 'watch_seconds', amount / 10.0)
    WHEN 'Order Completed' THEN json_object('category', category, 'revenue', amount / 100.0)
    WHEN 'Signed In' THEN json_object()
    ELSE json_object('content_id', content, 'category', category)
  END::VARCHAR AS properties
FROM (
  SELECT 'b' || n AS event_id,
    -- the lower the id, the more a viewer does: the first hundredth does a tenth of everything
    1 + floor($viewers * pow((hash(n) % 1000003) / 1000003.0, 2))::BIGINT AS profile_id,
    CASE WHEN dice < 45 THEN 'Content Shown' WHEN dice < 65 THEN 'Content Opened' WHEN dice < 85 THEN 'Video Watched'
      WHEN dice < 93 THEN 'Content Liked' WHEN dice < 96 THEN 'Content Commented' WHEN dice < 98 THEN 'Creator Followed'
      WHEN dice < 99 THEN 'Order Completed' ELSE 'Signed In' END AS event,
    $now::TIMESTAMPTZ - to_milliseconds((hash(n * 17) % {DAYS * 86_400_000})::BIGINT) AS time,
    'c' || (hash(n * 19) % 10000) AS content,
    {list(CATEGORIES)}[1 + (hash(n * 23) % {len(CATEGORIES)})::INT] AS category,
    (hash(n * 29) % 6000)::INT AS amount
  FROM (SELECT n, (hash(n * 13) % 100)::INT AS dice FROM range($low, $high) AS rows (n))
)
"""


@dataclass(frozen=True)
class Crowd:
    """How many viewers (ids from 1 on) and events there are."""

    viewers: int
    events: int

    def loaded(self, folder: Path) -> bool:
        """Whether this crowd is already in that folder's database."""
        note = folder / "crowd.json"
        return note.exists() and json.loads(note.read_text())["crowd"] == [self.viewers, self.events]


async def load(suite: Suite, crowd: Crowd) -> float:
    """Fill segment's tables, which must be empty; seconds that it took. Nobody may be at work on them."""
    began = time.perf_counter()
    now = datetime.now(UTC)
    with duckdb.connect() as maker:
        maker.execute("SET TimeZone = 'UTC'")
        async with suite.database("segment") as connection, _without_indexes(connection, "viewers", "events"):
            ids, numbers = (1, crowd.viewers + 1), (1, crowd.events + 1)
            await _copy(suite.folder, maker, connection, "viewers", _VIEWERS, ids, {})
            values = {"viewers": crowd.viewers, "now": now}
            await _copy(suite.folder, maker, connection, "events", _EVENTS, numbers, values)
    async with suite.database("segment") as connection:
        say("vacuum and statistics")
        await connection.execute("VACUUM (ANALYZE) viewers", timeout=3600)
        await connection.execute("VACUUM (ANALYZE) events", timeout=3600)
    note = {"crowd": [crowd.viewers, crowd.events], "at": now.isoformat()}
    (suite.folder / "crowd.json").write_text(json.dumps(note))
    return time.perf_counter() - began


async def _copy(
    folder: Path,
    maker: duckdb.DuckDBPyConnection,
    connection: asyncpg.Connection,
    table: str,
    query: str,
    rows: tuple[int, int],
    values: dict[str, object],
) -> None:
    """Make the rows piece by piece and copy them in."""
    first, end = rows
    for low in range(first, end, PIECE):
        high = min(low + PIECE, end)
        file = folder / "piece.csv"
        made = maker.sql(query, params={**values, "low": low, "high": high})
        names = made.columns
        made.write_csv(str(file), header=False)
        await connection.copy_to_table(table, source=file, columns=names, format="csv", timeout=3600)
        file.unlink()
        say(f"{table}: {high - first:,} of {end - first:,}")


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection, *tables: str) -> AsyncIterator[None]:
    """Take the indexes of these tables away and make them again afterwards: that is several times as fast."""
    keys = await connection.fetch(
        "SELECT conrelid::regclass::text AS tab, conname, pg_get_constraintdef(oid) AS def FROM pg_constraint"
        " WHERE contype = 'p' AND conrelid = ANY($1::regclass[])",
        list(tables),
    )
    for row in keys:
        await connection.execute(f'ALTER TABLE {row["tab"]} DROP CONSTRAINT "{row["conname"]}"')
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY($1)", list(tables)
    )
    for row in indexes:
        await connection.execute(f'DROP INDEX "{row["indexname"]}"')
    yield
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for row in indexes:
        say(f"index {row['indexname']}")
        await connection.execute(row["indexdef"], timeout=3600)
    for row in keys:
        say(f"key of {row['tab']}")
        add = f'ALTER TABLE {row["tab"]} ADD CONSTRAINT "{row["conname"]}" {row["def"]}'
        await connection.execute(add, timeout=3600)


def say(words: str) -> None:
    """Progress, beside the numbers."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)
