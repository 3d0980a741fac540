"""A real platform's log comes in through the public API, and every count is what pandas counts in the files."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pandas as pd
import pytest

from shared.contracts import PARTITIONS, partition
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories import crowds
from tests.stories.crowds import Log
from tests.tools import platform

SHARE = int(os.environ.get("MARQUEE_KUAIRAND_SHARE", "6"))
"""One in so many users is imported; MARQUEE_KUAIRAND_SHARE=1 imports the whole log."""
PATIENCE = 300.0

pytestmark = platform.needs_data


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset's folder, or one with every sixth user's rows of it."""
    if SHARE == 1:
        return platform.FOLDER
    folder = tmp_path_factory.mktemp("kuairand")
    for name in (platform.LOG, "user_features.csv.gz", "video_features.csv.gz"):
        table = platform.table(name)
        if "user_id" in table.columns:
            table = table[table["user_id"] % SHARE == 0]
        table.to_csv(folder / name, index=False)
    return folder


@pytest.fixture(scope="module")
def log(files: Path) -> pd.DataFrame:
    """The imported log as pandas reads it."""
    return pd.read_csv(files / platform.LOG)


@pytest.fixture(scope="module")
def users(files: Path) -> pd.DataFrame:
    """The imported users as pandas reads them."""
    return pd.read_csv(files / "user_features.csv.gz")


async def ask(town: Suite, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """Rows of a service's database."""
    connection = await asyncpg.connect(town.database_url(service))
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def bring_in(town: Suite, files: Path, mark: str) -> None:
    """Import, and wait until everything that was acknowledged has been taken in."""
    done = await asyncio.to_thread(town.run, "import", "kuairand", str(files), timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 refused" in done.stdout
    await all_read(town, mark)


async def all_read(town: Suite, mark: str) -> None:
    """Wait until profile and segment have taken in all that was acknowledged before.

    A last event in each INTAKE partition (of a user `last-…`) comes after everything that was sent before it.
    """
    async with town.client(key="write_key") as client:
        for user in last_users(mark):
            event = {"userId": user, "event": "Signed In", "messageId": user}
            assert (await client.post("/v1/track", json=event)).status_code == 200

    async def read() -> None:
        (profile,) = await ask(
            town, "profile", "SELECT count(*) FROM events WHERE message_id = ANY($1)", last_users(mark)
        )
        assert profile[0] == PARTITIONS
        (whole,) = await ask(town, "profile", "SELECT count(*) FROM events WHERE event IS NOT NULL")
        (copy,) = await ask(town, "segment", "SELECT count(*) FROM events")
        assert copy[0] == whole[0]

    await eventually(read, timeout=PATIENCE)


def last_users(mark: str) -> list[str]:
    """A user of each INTAKE partition."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < PARTITIONS:
        number += 1
        found.setdefault(partition(f"last-{mark}-{number}"), f"last-{mark}-{number}")
    return list(found.values())


async def everything(town: Suite) -> dict[str, Any]:
    """What an import leaves behind in every service."""
    mine = "origin NOT LIKE 'user_id:last-%'"
    profile = f"""
        SELECT (SELECT count(*) FROM events WHERE {mine}),
               (SELECT md5(string_agg(message_id || id || profile_id || time || properties, ',' ORDER BY id))
                FROM events WHERE {mine}),
               (SELECT md5(string_agg(origin || profile_id || traits || events, ',' ORDER BY origin))
                FROM identities WHERE {mine}),
               (SELECT sum(version) FROM profiles WHERE profile_id IN (SELECT profile_id FROM identities WHERE {mine}))
    """
    segment = f"""
        SELECT count(*), md5(string_agg(event_id || time || properties, ',' ORDER BY event_id))
        FROM events WHERE {mine}
    """
    items = "SELECT count(*), md5(string_agg(items::text, ',' ORDER BY id)) FROM items"
    messages = "SELECT count(*) FROM messages"
    services = {"profile": profile, "segment": segment, "recommend": items, "campaign": messages}
    return {service: [tuple(row) for row in await ask(town, service, query)] for service, query in services.items()}


async def test_the_import_is_what_pandas_counts(
    town: Suite, operator: httpx.AsyncClient, files: Path, log: pd.DataFrame, users: pd.DataFrame
) -> None:
    await bring_in(town, files, "once")
    events = await ask(
        town, "profile", "SELECT event, count(*) FROM events WHERE message_id LIKE 'log_%' GROUP BY event"
    )
    assert {row[0]: row[1] for row in events} == platform.counts(log)
    (items,) = await ask(town, "recommend", "SELECT count(*) FROM items WHERE kind = 'video'")
    assert items[0] == len(platform.table("video_features.csv.gz"))
    (people,) = await ask(town, "profile", "SELECT count(*) FROM identities WHERE traits ? 'user_active_degree'")
    assert people[0] == len(users)


async def test_a_viewers_timeline_is_his_rows(operator: httpx.AsyncClient, log: pd.DataFrame) -> None:
    busiest = log["user_id"].value_counts().index[:3]
    for user in busiest:
        rows = log[log["user_id"] == user]
        told = await pages(operator, f"/v1/profiles/user_id:{user}/events")
        assert Counter(event["event"] for event in told if event["event"]) == platform.counts(rows)
        times = [event["time"] for event in told if event["type"] == "track"]
        assert times == sorted(times, reverse=True)
        shown = {
            int(pd.Timestamp(event["time"]).value // 1_000_000) for event in told if event["event"] == "Content Shown"
        }
        assert shown == set(rows["time_ms"])


async def pages(operator: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """All items of a list."""
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await operator.get(f"{path}?limit=200{f'&cursor={cursor}' if cursor else ''}")).json()
        items += answer["items"]
        cursor = answer["next"]
    return items


@pytest.mark.parametrize(
    ("event", "days", "as_of"),
    [
        ("Content Liked", 3, "2022-04-30T00:00:00Z"),
        ("Content Liked", 1, "2022-04-27T12:00:00Z"),
        ("Creator Followed", 6, "2022-04-30T16:00:00Z"),
    ],
)
async def test_a_preview_is_pandas_exactly(
    town: Suite, operator: httpx.AsyncClient, log: pd.DataFrame, event: str, days: int, as_of: str
) -> None:
    rule = {"did": event, "times": {"gte": 1}, "within": f"{days}d"}
    answer = await operator.post("/v1/segments/preview", json={"rule": rule, "as_of": as_of})
    assert answer.status_code == 200, answer.text
    expected = platform.doers(log, platform.COLUMN_OF[event], as_of, days)
    assert answer.json()["count"] == len(expected) > 0
    sample = await ask(
        town,
        "profile",
        "SELECT origin FROM identities WHERE profile_id = ANY($1)",
        [each["profile_id"] if isinstance(each, dict) else each for each in answer.json()["sample"]],
    )
    assert sample
    assert {row[0].removeprefix("user_id:") for row in sample} <= expected


@pytest.mark.parametrize("name", list(crowds.RULES))
async def test_rules_of_every_kind_are_pandas_exactly(
    operator: httpx.AsyncClient, log: pd.DataFrame, users: pd.DataFrame, name: str
) -> None:
    rule, count = crowds.RULES[name]
    expected = count(Log.until(log, users))
    answer = await operator.post("/v1/segments/preview", json={"rule": rule, "as_of": crowds.AT})
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == len(expected) > 0


async def test_a_segment_that_time_cannot_change_has_the_size_that_pandas_counts(
    operator: httpx.AsyncClient, log: pd.DataFrame, users: pd.DataFrame
) -> None:
    end = "2100-01-01T00:00:00Z"
    for name in ("active-days", "never", "where"):
        rule, count = crowds.RULES[name]
        expected = count(Log.until(log, users, end))
        made = await operator.post("/v1/segments", json={"key": f"kuairand-{name}", "name": name, "rule": rule})
        assert made.status_code == 201, made.text

        async def filled(name: str = name, size: int = len(expected)) -> None:
            told = (await operator.get(f"/v1/segments/kuairand-{name}")).json()
            assert (told["filling"], told["size"]) == (None, size)

        await eventually(filled, timeout=120)


async def test_insights_are_pandas_exactly(operator: httpx.AsyncClient, log: pd.DataFrame, users: pd.DataFrame) -> None:
    whole = Log.until(log, users)
    period = {"from": "2022-04-25", "as_of": crowds.AT, "zone": crowds.ZONE}
    rows = whole.did("Content Liked")
    rows = rows[rows["time"] < pd.Timestamp(crowds.AT)]
    local = rows["time"].dt.tz_convert(crowds.ZONE)
    rows = rows[local >= pd.Timestamp("2022-04-25", tz=crowds.ZONE)]
    local = rows["time"].dt.tz_convert(crowds.ZONE)
    measure = {"viewers": True}
    trend = await asked(operator, "trends", event="Content Liked", measure=measure, **period)
    by_day = rows.groupby(local.dt.date)["user_id"].nunique()
    assert [value for value in trend["lines"][0]["values"] if value] == by_day.to_list()
    assert trend["lines"][0]["total"] == rows["user_id"].nunique()
    hours = await asked(operator, "hours", event="Content Liked", **period)
    grid = rows.groupby([local.dt.day_of_week, local.dt.hour]).size()
    assert {(day, hour): hours["count"][day][hour] for day, hour in grid.index} == grid.to_dict()
    assert sum(map(sum, hours["count"])) == len(rows)
    spread = await asked(operator, "distribution", event="Content Liked", **period)
    counts = rows.groupby("user_id").size()
    assert (spread["viewers"], spread["max"], spread["quantiles"]["p50"]) == (
        len(counts),
        counts.max(),
        counts.median(),
    )
    assert spread["mean"] == pytest.approx(counts.mean())
    by_tab = await asked(operator, "trends", event="Content Liked", split={"property": "tab", "top": 50}, **period)
    assert {line["split"]["value"]: line["total"] for line in by_tab["lines"][1:]} == rows.groupby(
        "tab"
    ).size().to_dict()


async def asked(operator: httpx.AsyncClient, kind: str, **body: Any) -> Any:
    """The answer of an insight."""
    answer = await operator.post(f"/v1/insights/{kind}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_second_import_changes_nothing(town: Suite, files: Path) -> None:
    before = await everything(town)
    await bring_in(town, files, "twice")
    assert await everything(town) == before
