"""The warehouse holds what the database holds, whatever happened to either, and answers in time or says why not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import duckdb
import psutil
import pyarrow as pa
import pytest

from services.segment.outside.warehouse.client import (
    Place,
    Warehouse,
    WarehouseBuilding,
    WarehouseBusy,
    WarehouseDown,
    WarehouseTooSlow,
)
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.segment import words
from tests.segment.words import NOW

SLOW = "SELECT count(*) AS n FROM range(100000000) a, range(100000) b WHERE hash(a.range, b.range) % 7 = 3"


@pytest.fixture(scope="module")
async def url(databases: Databases) -> AsyncIterator[str]:
    """A database of this module, made once."""
    made = await databases.clone("segment")
    yield made
    await databases.drop(made)


@pytest.fixture
async def database(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the database, which is empty again after the test."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    yield connection
    await connection.execute("TRUNCATE viewers, events, tombstones")
    await connection.close()


@asynccontextmanager
async def opened(url: str, folder: Path, **options: int) -> AsyncIterator[Warehouse]:
    warehouse = Warehouse(Place(folder=folder, url=url, **options))
    try:
        yield warehouse
    finally:
        await warehouse.close()


@pytest.fixture
async def warehouse(url: str, database: asyncpg.Connection, tmp_path: Path) -> AsyncIterator[Warehouse]:
    """A warehouse of that database."""
    async with opened(url, tmp_path) as one:
        yield one


async def did(connection: asyncpg.Connection, id_: str, viewer: int, event: str = "likes", **properties: str) -> None:
    await connection.execute("INSERT INTO viewers (profile_id) VALUES ($1) ON CONFLICT DO NOTHING", viewer)
    await connection.execute(
        "INSERT INTO events (event_id, profile_id, event, time, history, origin, properties)"
        " VALUES ($1, $2, $3, $4, false, 'o', to_jsonb($5::json))",
        id_,
        viewer,
        event,
        NOW,
        json.dumps(properties),
    )


async def held(warehouse: Warehouse) -> list[tuple[str, int]]:
    table = await warehouse.query("SELECT event_id, profile_id FROM events ORDER BY 1, 2")
    return [(row["event_id"], row["profile_id"]) for row in table.to_pylist()]


async def people(warehouse: Warehouse) -> list[int]:
    table = await warehouse.query("SELECT profile_id FROM viewers ORDER BY 1")
    return list(table["profile_id"].to_pylist())


async def test_a_question_sees_all_that_was_committed_before(
    warehouse: Warehouse, database: asyncpg.Connection, url: str
) -> None:
    assert await held(warehouse) == []
    await did(database, "e1", 1)
    assert await held(warehouse) == [("e1", 1)]
    older = await asyncpg.connect(url)
    async with older.transaction():
        await did(older, "e2", 2)  # runs on: what others commit meanwhile is the tail
        await did(database, "e3", 3)
        assert await held(warehouse) == [("e1", 1), ("e3", 3)]
        await database.execute("UPDATE events SET profile_id = 9, stamp = DEFAULT WHERE event_id = 'e3'")
        await database.execute("DELETE FROM events WHERE event_id = 'e1'")
        await database.execute("DELETE FROM viewers WHERE profile_id = 1")
        assert await held(warehouse) == [("e3", 9)]
        assert await people(warehouse) == [3]
        await did(database, "e1", 1)
        assert await held(warehouse) == [("e1", 1), ("e3", 9)]
    assert await held(warehouse) == [("e1", 1), ("e2", 2), ("e3", 9)]
    assert await people(warehouse) == [1, 2, 3]
    await older.close()


async def test_who_commits_late_into_an_emptied_place_is_not_in_the_grave(
    warehouse: Warehouse, database: asyncpg.Connection, url: str
) -> None:
    await did(database, "e1", 1)
    assert await held(warehouse) == [("e1", 1)]
    early, later = await asyncpg.connect(url), await asyncpg.connect(url)
    first, second = early.transaction(), later.transaction()
    await first.start()
    await early.execute("SELECT pg_current_xact_id()")
    await second.start()
    await later.execute("SELECT pg_current_xact_id()")
    await database.execute("DELETE FROM events")
    await database.execute("DELETE FROM viewers")
    await did(early, "e1", 1)
    await first.commit()  # its number is below the second's, which runs, and that is below the deletion's
    for _ in range(2):
        assert (await held(warehouse), await people(warehouse)) == ([("e1", 1)], [1])
    await second.commit()
    for _ in range(2):
        assert (await held(warehouse), await people(warehouse)) == ([("e1", 1)], [1])
    await early.close()
    await later.close()


async def test_values_come_over_as_they_are(warehouse: Warehouse, database: asyncpg.Connection) -> None:
    for place, text in enumerate((*words.HOSTILE, "", ",", '""', "\\N", "{}")):
        await did(database, f"e{place} {text}", place, text or " ", value=text)
    sql = "SELECT event_id, event, time, properties->>'value' AS value FROM events ORDER BY profile_id"
    found = (await warehouse.query(sql)).to_pylist()
    for place, text in enumerate((*words.HOSTILE, "", ",", '""', "\\N", "{}")):
        assert (found[place]["event_id"], found[place]["value"]) == (f"e{place} {text}", text)
        assert (found[place]["event"], found[place]["time"]) == (text or " ", NOW)


async def test_parameters_and_tables_go_with_a_question(warehouse: Warehouse) -> None:
    ids = pa.table({"profile_id": [1, 2, 3]})
    sql = "SELECT sum(profile_id) AS total FROM given WHERE profile_id > $least"
    assert (await warehouse.query(sql, {"least": 1}, inputs={"given": ids}))["total"].to_pylist() == [5]
    with pytest.raises(ValueError, match="given"):
        await warehouse.query("SELECT * FROM given")


async def test_a_question_too_long_is_stopped_and_the_next_one_answered(warehouse: Warehouse) -> None:
    await warehouse.refresh()
    pid = warehouse.pid
    with pytest.raises(WarehouseTooSlow, match=r"0\.3 s"):
        await warehouse.query(SLOW, seconds=0.3)
    assert (await warehouse.query("SELECT 1 AS one"))["one"].to_pylist() == [1]
    assert warehouse.pid == pid


async def test_a_question_nobody_waits_for_is_stopped(warehouse: Warehouse) -> None:
    await warehouse.refresh()
    asking = asyncio.create_task(warehouse.query(SLOW))
    await asyncio.sleep(0.2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await warehouse.query("SELECT 1 AS one", seconds=5))["one"].to_pylist() == [1]


async def test_only_so_many_wait(url: str, database: asyncpg.Connection, tmp_path: Path) -> None:
    async with opened(url, tmp_path, waiting=2) as warehouse:
        await warehouse.refresh()
        waiting = [asyncio.create_task(warehouse.query(SLOW, seconds=1)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(WarehouseBusy, match="try again") as refused:
            await warehouse.query("SELECT 1")
        assert refused.value.headers == {"Retry-After": "5"}
        for one in waiting:
            with pytest.raises(WarehouseTooSlow):
                await one


async def test_a_killed_process_is_started_again(warehouse: Warehouse, database: asyncpg.Connection) -> None:
    await did(database, "e1", 1)
    assert await held(warehouse) == [("e1", 1)]
    assert warehouse.pid is not None
    os.kill(warehouse.pid, signal.SIGKILL)
    await did(database, "e2", 2)
    assert await held(warehouse) == [("e1", 1), ("e2", 2)]
    asking = asyncio.create_task(warehouse.query("SELECT count(*) AS n FROM events, range(3000000000)"))
    await asyncio.sleep(0.3)
    first = warehouse.pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: warehouse.pid not in (None, first))
    os.kill(warehouse.pid, signal.SIGKILL)  # a question that kills twice is not asked a third time
    with pytest.raises(WarehouseDown, match="twice"):
        await asking
    assert await held(warehouse) == [("e1", 1), ("e2", 2)]


@pytest.mark.parametrize("harm", ["lost", "corrupt", "cut", "other version"])
async def test_a_file_that_is_of_no_use_is_made_again(
    harm: str, url: str, database: asyncpg.Connection, tmp_path: Path
) -> None:
    await did(database, "e1", 1)
    async with opened(url, tmp_path) as warehouse:
        assert await held(warehouse) == [("e1", 1)]
    (file,) = tmp_path.rglob("warehouse.duckdb")  # noqa: ASYNC240
    if harm == "lost":
        file.unlink()
    elif harm == "corrupt":
        file.write_bytes(os.urandom(file.stat().st_size))
    elif harm == "cut":
        os.truncate(file, 4096 * 2)
    else:
        with duckdb.connect(str(file)) as db:
            db.execute("UPDATE meta SET value = '0' WHERE name = 'version'")
    async with opened(url, tmp_path) as warehouse:
        assert await held(warehouse) == [("e1", 1)]


async def test_another_database_of_the_same_name_is_noticed(databases: Databases, tmp_path: Path) -> None:
    url = await databases.clone("segment")
    connection = await asyncpg.connect(url)
    await did(connection, "before", 1)
    await connection.close()
    async with opened(url, tmp_path) as warehouse:
        assert await held(warehouse) == [("before", 1)]
    await databases.drop(url)
    name = url.rsplit("/", 1)[1]
    await databases._admin.execute(f"CREATE DATABASE {name} TEMPLATE segment_template OWNER segment")
    connection = await asyncpg.connect(url)
    await did(connection, "after", 1)
    await connection.close()
    async with opened(url, tmp_path) as warehouse:
        assert await held(warehouse) == [("after", 1)]
    await databases.drop(url)


def _bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def test_what_was_forgotten_leaves_the_file(
    warehouse: Warehouse, database: asyncpg.Connection, tmp_path: Path
) -> None:
    await did(database, "stays-with-me", 1, kind="keeps-this-canary")
    await did(database, "goes-from-here", 2, kind="sings-no-more-canary")
    await warehouse.query("SELECT 1")
    await warehouse.close()  # a checkpoint: from the log into the pages
    await database.execute("DELETE FROM events WHERE profile_id = 2")
    await database.execute("DELETE FROM viewers WHERE profile_id = 2")
    assert await people(warehouse) == [1]
    assert warehouse.forgotten == 2
    carried = _bytes(tmp_path)
    assert b"keeps-this-canary" in carried
    assert b"sings-no-more-canary" in carried
    await warehouse.refresh(rewrite=True)
    assert warehouse.forgotten == 0
    kept = _bytes(tmp_path)
    assert b"keeps-this-canary" in kept
    assert b"sings-no-more-canary" not in kept
    assert b"goes-from-here" not in kept
    assert await held(warehouse) == [("stays-with-me", 1)]


async def test_a_build_that_was_broken_off_goes_on(
    url: str, database: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.execute(
        "INSERT INTO viewers (profile_id, traits) SELECT n, jsonb_build_object('n', n, 'pad', repeat('x', 1500))"
        " FROM generate_series(1, 60000) AS n"
    )
    expected = 60000 * 60001 // 2
    async with opened(url, tmp_path) as warehouse:
        asking = asyncio.create_task(warehouse.query("SELECT 1"))
        await eventually(lambda: warehouse.built is not None)
        with pytest.raises(WarehouseBuilding, match="are there"):
            await warehouse.query("SELECT 1", seconds=0.001)
        asking.cancel()
        await asyncio.wait([asking])
        await database.execute("UPDATE viewers SET traits = '{\"n\": 0}', stamp = DEFAULT WHERE profile_id = 60000")
        await database.execute("DELETE FROM viewers WHERE profile_id = 1")
        await did(database, "late", 70000)
        found = await warehouse.query(
            "SELECT count(*) AS n, count(DISTINCT profile_id) AS ids, sum((traits->>'n')::BIGINT) AS total FROM viewers"
        )
        assert found.to_pylist() == [{"n": 60000, "ids": 60000, "total": expected - 60000 - 1}]


async def test_rows_of_a_restored_dump_are_stamped_anew(url: str, database: asyncpg.Connection, tmp_path: Path) -> None:
    """A dump carries the stamps of the database it was made of; here they may be of transactions yet to come."""
    await did(database, "e1", 1)
    await database.execute("UPDATE events SET stamp = stamp + 1000000")
    await database.execute("UPDATE viewers SET stamp = stamp + 1000000")
    await database.execute("UPDATE tombstones SET stamp = stamp + 1000000")
    async with opened(url, tmp_path) as warehouse:
        assert await held(warehouse) == [("e1", 1)]
    assert await database.fetchval("SELECT count(*) FROM events WHERE stamp >= pg_current_xact_id()::text::bigint") == 0


async def test_two_processes_have_a_file_each(url: str, database: asyncpg.Connection, tmp_path: Path) -> None:
    await did(database, "e1", 1)
    async with opened(url, tmp_path) as one, opened(url, tmp_path) as other:
        assert await held(one) == await held(other) == [("e1", 1)]
    assert len(list(tmp_path.rglob("warehouse.duckdb"))) == 2  # noqa: ASYNC240


async def test_a_statement_reaches_no_other_file(warehouse: Warehouse, tmp_path: Path) -> None:
    secret = tmp_path.parent / "secret.csv"
    secret.write_text("a\n1\n")
    with pytest.raises(ValueError, match="disabled"):
        await warehouse.query(f"SELECT * FROM read_csv('{secret}')")
    with pytest.raises(ValueError, match="disabled"):
        await warehouse.query("SELECT * FROM read_csv('/etc/passwd')")


async def test_the_process_ends_with_its_parent(url: str, database: asyncpg.Connection, tmp_path: Path) -> None:
    script = (
        "import asyncio, sys, os, signal\n"
        "from pathlib import Path\n"
        "from services.segment.outside.warehouse.client import Place, Warehouse\n"
        "async def main():\n"
        f"    warehouse = Warehouse(Place(folder=Path({str(tmp_path)!r}), url={url!r}))\n"
        "    await warehouse.refresh()\n"
        "    print(warehouse.pid, flush=True)\n"
        f"    await warehouse.query({SLOW!r})\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    await parent.wait()

    def gone() -> None:
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE

    await eventually(gone)
