"""What is wrong with the lines of a file, as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

from services.profile.rules import cells
from services.profile.store import imports as store
from shared.database import Database


async def errors(database: Database, import_id: int) -> AsyncIterator[bytes]:
    """What is wrong with an import's lines, as CSV. The import must exist."""
    yield "\ufeff".encode() + _csv([["line", "column", "message"]])
    after: int | None = 0
    while after is not None:
        async with database.transaction() as session:
            rows = await store.errors(session, import_id, after=after, limit=1000)
        yield _csv([[str(row.line), cells.safe(row.column), cells.safe(row.message)] for row in rows])
        after = rows[-1].id if rows else None


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(lines)
    return text.getvalue().encode()
