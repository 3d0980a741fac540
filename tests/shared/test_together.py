"""Writes that are gathered: one statement, all of them, and nothing of a block that raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import ARRAY, Integer, Text, event, select, text

from shared import together
from shared.database import Database
from shared.together import Write
from tests.shared.toy import noted

ADD = Write(
    "INSERT INTO noted (what, who) SELECT what::text, who FROM unnest(:what, :who) AS n (what, who)",
    what=ARRAY(Text),
    who=ARRAY(Integer),
)
RENAME = Write(
    "UPDATE noted SET who = d.who FROM unnest(:what, :who) AS d (what, who) WHERE noted.what = d.what",
    what=ARRAY(Text),
    who=ARRAY(Integer),
)
DROP = Write("DELETE FROM noted WHERE what = ANY (:what)", what=ARRAY(Text))


@pytest.fixture
def statements(db: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def held(db: Database) -> dict[str, int]:
    async with db.transaction() as session:
        rows = await session.execute(select(noted.c.what, noted.c.who))
        return {row.what: row.who for row in rows}


async def begin(db: Database) -> None:
    async with db.transaction() as session:
        await together.write(session, ADD, {"what": ["a", "b", "c"], "who": [1, 2, 3]})


async def test_a_write_outside_a_block_is_sent_at_once(db: Database, statements: list[str]) -> None:
    await begin(db)
    assert len(statements) == 1
    assert await held(db) == {"a": 1, "b": 2, "c": 3}


async def test_writes_of_a_block_are_one_statement_and_are_not_seen_inside_it(
    db: Database, statements: list[str]
) -> None:
    await begin(db)
    statements.clear()
    async with db.transaction() as session:
        async with together.gathered(session):
            await together.write(session, ADD, {"what": ["d"], "who": [4]})
            await together.write(session, RENAME, {"what": ["a", "b"], "who": [10, 20]})
            await together.write(session, DROP, {"what": ["c"]})
            assert await session.scalar(text("SELECT count(*) FROM noted WHERE who < 4")) == 3
        assert len(statements) == 2
        assert await session.scalar(text("SELECT count(*) FROM noted WHERE who < 4")) == 0
    assert await held(db) == {"a": 10, "b": 20, "d": 4}


async def test_the_same_write_again_goes_after_the_first(db: Database, statements: list[str]) -> None:
    """Postgres does not say which of two changes of a row in one statement stays."""
    await begin(db)
    statements.clear()
    async with db.transaction() as session, together.gathered(session):
        for who in (10, 20, 30):
            await together.write(session, RENAME, {"what": ["a"], "who": [who]})
        await together.write(session, DROP, {"what": ["c"]})
    assert len(statements) == 3
    assert await held(db) == {"a": 30, "b": 2}


async def test_a_block_that_raises_sends_nothing(db: Database) -> None:
    await begin(db)
    async with db.transaction() as session:

        async def fail() -> None:
            async with together.gathered(session):
                await together.write(session, DROP, {"what": ["a"]})
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        await together.write(session, DROP, {"what": ["b"]})
    assert await held(db) == {"a": 1, "c": 3}
