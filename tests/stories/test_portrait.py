"""A heavy user of a real platform in full: every part of his portrait is there and is what pandas works out."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_path import ok
from tests.tools import platform

SHARE = int(os.environ.get("MARQUEE_KUAIRAND_SHARE", "2000"))
"""One in so many users is imported, beside the heaviest; MARQUEE_KUAIRAND_SHARE=1 imports the whole log."""
HALF_LIFE = 1000 * 86_400.0
"""Seconds; the log is years old, so interests must fade more slowly than they do by default."""
SAID = {"is_click": 0.2, "is_like": 1.0, "is_follow": 2.0, "is_comment": 1.0, "is_forward": 1.5, "is_hate": -2.0}
"""What an event adds to the interests it is about; a video adds 0.1 to 1 by how much of it was seen."""
SESSION = 1800
CHINA = "Asia/Shanghai"

pytestmark = platform.needs_data


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The five processes, with interests that last."""
    env = {"MARQUEE_INTEREST_HALF_LIFE_DAYS": str(HALF_LIFE / 86_400)}
    with Suite.started(tmp_path_factory.mktemp("town") / "data", env) as running:
        yield running


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Rows of the heaviest users and of a share of the others."""
    whole = platform.table(platform.LOG)
    heaviest = whole["user_id"].value_counts().index[:5]
    return whole[(whole["user_id"] % SHARE == 0) | whole["user_id"].isin(heaviest)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, log: pd.DataFrame) -> Path:
    """The dataset's folder with these rows, and whom and what they name."""
    folder = tmp_path_factory.mktemp("kuairand")
    log.to_csv(folder / platform.LOG, index=False)
    for name, column in (("user_features.csv.gz", "user_id"), ("video_features.csv.gz", "video_id")):
        table = platform.table(name)
        table[table[column].isin(log[column])].to_csv(folder / name, index=False)
    return folder


def tags_of(video: Any) -> set[str]:
    """Tags of a row of video features."""
    return set() if pd.isna(video) else {tag.strip() for tag in str(video).split(",") if tag.strip()}


def interests(rows: pd.DataFrame) -> dict[str, float]:
    """Shares of what these log rows say he cares for, worked out row by row."""
    found: defaultdict[str, float] = defaultdict(float)
    last = rows["time_ms"].max()
    about = platform.table("video_features.csv.gz")[["video_id", "tag"]]
    lines: list[dict[str, Any]] = rows.merge(about, on="video_id").to_dict("records")  # type: ignore[assignment]
    for row in lines:
        said = sum(weight for column, weight in SAID.items() if row[column] > 0)
        if row["play_time_ms"] > 0:
            known = row["duration_ms"] > 0
            said += 0.1 + 0.9 * min(1.0, row["play_time_ms"] / row["duration_ms"]) if known else 0.3
        for tag in tags_of(row["tag"]):
            found[tag] += said * 2 ** (-((last - row["time_ms"]) / 1000) / HALF_LIFE)
    liked = {tag: weight for tag, weight in found.items() if weight > 0}
    return {tag: weight / sum(liked.values()) for tag, weight in liked.items()}


def sessions(rows: pd.DataFrame) -> list[int]:
    """Lengths in seconds of runs of events with no more than half an hour between them."""
    seconds = sorted(int(time) // 1000 for time in rows["time_ms"])
    cuts = [0, *(n + 1 for n, (one, two) in enumerate(pairwise(seconds)) if two - one > SESSION), len(seconds)]
    return [seconds[end - 1] - seconds[begin] for begin, end in pairwise(cuts)]


async def portrait(operator: httpx.AsyncClient, user: Any, events: int) -> dict[str, Any]:
    """His portrait, once it counts so many events."""

    async def counted() -> dict[str, Any]:
        found: dict[str, Any] = await ok(operator.get(f"/v1/profiles/user_id:{user}/portrait"))
        assert sum(found["interactions"].values()) == events
        return found

    whole: dict[str, Any] = await eventually(counted, timeout=120)
    return whole


async def test_the_portrait_of_a_heavy_user_is_what_pandas_works_out(
    town: Suite, operator: httpx.AsyncClient, front_end: httpx.AsyncClient, files: Path, log: pd.DataFrame
) -> None:
    done = await asyncio.to_thread(town.run, "import", "kuairand", str(files), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for user in log["user_id"].value_counts().index[:3]:
        rows = log[log["user_id"] == user]
        expected = platform.counts(rows)
        found = await portrait(operator, user, sum(expected.values()))
        features = platform.table("user_features.csv.gz").set_index("user_id").loc[user]
        assert found["traits"]["user_active_degree"] == features["user_active_degree"]
        assert found["traits"]["register_days"] == features["register_days"]
        assert found["interactions"] == expected
        shares = {one["tag"]: one["share"] for one in found["interests"]}
        assert shares == pytest.approx(interests(rows), rel=1e-3, abs=2e-6)
        assert sum(shares.values()) + found["other_interests"] == pytest.approx(1, abs=1e-4)
        habits = found["habits"]
        # Every event of a row is at the row's own time.
        local = pd.to_datetime(rows["time_ms"], unit="ms", utc=True).dt.tz_convert(CHINA)
        weights = sum((rows[column] > 0).astype(int) for column in platform.COLUMN_OF.values()) + 1
        hours = [[0] * 24 for _ in range(7)]
        for at, number in zip(local, weights, strict=True):
            hours[at.weekday()][at.hour] += number
        assert habits["hours"] == hours
        assert habits["active_days"] == local.dt.date.nunique()
        lengths = sessions(rows)
        assert habits["sessions"] == {
            "count": len(lengths),
            "total_seconds": sum(lengths),
            "mean_seconds": pytest.approx(sum(lengths) / len(lengths), abs=1e-3),
            "longest_seconds": max(lengths),
        }
        watched = rows[rows["play_time_ms"] > 0]
        rated = watched[watched["duration_ms"] > 0]
        completion = (rated["play_time_ms"] / rated["duration_ms"]).clip(upper=1.0).mean()
        assert habits["watching"] == {
            "videos": len(watched),
            "watch_seconds": pytest.approx(watched["play_time_ms"].sum() / 1000),
            "duration_seconds": pytest.approx(rated["duration_ms"].sum() / 1000),
            "completion_rate": pytest.approx(completion, abs=1e-3),
        }
        assert [one["name"] for one in habits["favourite_kinds"]] == ["video"]
        assert sum(one["events"] for one in found["sources"]) == sum(expected.values())
        assert pd.Timestamp(found["last_seen"]).value // 1_000_000 == rows["time_ms"].max()


async def test_what_the_log_does_not_tell_stands_there_too(
    operator: httpx.AsyncClient, front_end: httpx.AsyncClient, log: pd.DataFrame
) -> None:
    """Devices, campaigns, orders and consent come from the front-ends; then no part of the portrait is empty."""
    user = str(log["user_id"].value_counts().index[0])
    before = sum(platform.counts(log[log["user_id"] == int(user)]).values())
    phone = {"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)", "timezone": CHINA}
    campaigns = [{"source": "weibo", "medium": "social", "name": name} for name in ("spring", "summer")]
    for day, campaign in enumerate(campaigns, start=1):
        context = phone | {"campaign": campaign}
        time = f"2022-05-0{day}T12:00:00Z"
        await ok(front_end.post("/v1/page", json={"userId": user, "context": context, "timestamp": time}))
        order = {"revenue": 10.5 * day, "currency": "CNY"}
        body = {"userId": user, "event": "Order Completed", "properties": order, "context": phone, "timestamp": time}
        await ok(front_end.post("/v1/track", json=body))
    consent = {"consent": {"email": True, "sms": False}, "email": "heavy@example.com"}
    await ok(front_end.post("/v1/identify", json={"userId": user, "traits": consent}))
    await ok(operator.put("/v1/tags/regular", json={"name": "Regular"}))
    await ok(operator.put(f"/v1/profiles/user_id:{user}/tags/regular", json={}))
    await portrait(operator, user, before + 4)

    async def said() -> dict[str, Any]:
        found: dict[str, Any] = await ok(operator.get(f"/v1/profiles/user_id:{user}/portrait"))
        assert found["has"] == ["email"]
        return found

    found = await eventually(said, timeout=30)
    assert found["consent"] == {"email": True, "sms": False}
    assert found["spending"] == [
        {
            "currency": "CNY",
            "orders": 2,
            "amount": 31.5,
            "average": 15.75,
            "last_order_at": "2022-05-02T12:00:00Z",
            "refunds": 0,
            "refunded": 0.0,
        }
    ]
    assert found["habits"]["devices"] == [{"name": "phone/iOS", "events": 4, "share": 1.0}]
    touches = [found[name]["campaign"] for name in ("first_touch", "last_touch")]
    assert touches == ["spring", "summer"]
    assert all(found[part] for part in found if part not in ("other_interests", "since", "bots")), found
    assert [one["key"] for one in found["tags"]] == ["regular"]
    page = await ok(operator.get(f"/v1/viewers/user_id:{user}"))
    assert page["portrait"]["interactions"] == found["interactions"]
