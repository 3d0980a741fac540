"""Ten and more rules over KuaiRand's log, each with the independent count by pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from tests.tools.platform import COLUMN_OF

AT = "2022-04-30T00:00:00Z"
ZONE = "Asia/Shanghai"

Users: TypeAlias = set[int]


@dataclass(frozen=True)
class Log:
    """The log up to the instant of asking, and the users' features."""

    rows: pd.DataFrame
    users: pd.DataFrame

    @classmethod
    def until(cls, log: pd.DataFrame, users: pd.DataFrame, at: str = AT) -> Log:
        """With a column `time`; what comes later is not there."""
        timed = log.assign(time=pd.to_datetime(log["time_ms"], unit="ms", utc=True))
        return cls(timed[timed["time"] <= pd.Timestamp(at)].sort_values("time"), users)

    def did(self, event: str, first: str = "", last: str = "") -> pd.DataFrame:
        """Rows of an event in at - first < time <= at - last (all, and up to at, without them)."""
        rows = self.rows if event == "Content Shown" else self.rows[self.rows[COLUMN_OF[event]] > 0]
        if first:
            rows = rows[rows["time"] > pd.Timestamp(AT) - _long(first)]
        return rows[rows["time"] <= pd.Timestamp(AT) - _long(last)] if last else rows

    def who(self, event: str, first: str = "", last: str = "") -> Users:
        """Users of these rows."""
        return set(self.did(event, first, last)["user_id"])


def _long(days: str) -> pd.Timedelta:
    return pd.Timedelta(days=int(days.removesuffix("d")))


def often(rows: pd.DataFrame, least: int) -> Users:
    """Users with at least so many rows."""
    counts = rows.groupby("user_id").size()
    return set(counts[counts >= least].index)


def watched(log: Log) -> Users:
    """Ten minutes of watching in two days; milliseconds are whole, so that the sum is exact."""
    total = log.did("Video Watched", "2d").groupby("user_id")["play_time_ms"].sum()
    return set(total[total >= 600_000].index)


def different(log: Log) -> Users:
    """Twenty different videos opened in four days."""
    counts = log.did("Content Opened", "4d").groupby("user_id")["video_id"].nunique()
    return set(counts[counts >= 20].index)


def days(log: Log) -> Users:
    """Shown something on at least five days as clocks in Shanghai count them."""
    rows = log.did("Content Shown")
    local = rows.assign(day=rows["time"].dt.tz_convert(ZONE).dt.date)
    counts = local.groupby("user_id")["day"].nunique()
    return set(counts[counts >= 5].index)


def liked_then_followed(log: Log) -> Users:
    """A like, and strictly later, but within a day, a follow; all of it in the last four days."""
    likes, follows = log.did("Content Liked", "4d"), log.did("Creator Followed", "4d")
    found: Users = set()
    for user, times in likes.groupby("user_id")["time"]:
        theirs = follows.loc[follows["user_id"] == user, "time"]
        if any(((theirs > time) & (theirs <= time + _long("1d"))).any() for time in times):
            found.add(int(str(user)))
    return found


def first_followed(log: Log) -> Users:
    """Followed somebody for the first time in the last two days."""
    first = log.did("Creator Followed").groupby("user_id")["time"].min()
    return set(first[first > pd.Timestamp(AT) - _long("2d")].index)


def daily(log: Log) -> Users:
    """Watched in each of the last four periods of 24 hours."""
    found = [log.who("Video Watched", f"{ago + 1}d", f"{ago}d") for ago in range(4)]
    return set.intersection(*found)


def registered(log: Log) -> Users:
    """Registered for a year and more."""
    return set(log.users.loc[log.users["register_days"] >= 365, "user_id"])


RULES: dict[str, tuple[dict[str, Any], Callable[[Log], Users]]] = {
    "often": (
        {"did": "Content Liked", "times": {"gte": 3}, "within": "3d"},
        lambda log: often(log.did("Content Liked", "3d"), 3),
    ),
    "between": (
        {"did": "Content Commented", "between": ["4d", "1d"]},
        lambda log: log.who("Content Commented", "4d", "1d"),
    ),
    "sum": (
        {"did": "Video Watched", "measure": {"sum": "watch_seconds"}, "times": {"gte": 600}, "within": "2d"},
        watched,
    ),
    "distinct": (
        {"did": "Content Opened", "measure": {"distinct": "content_id"}, "times": {"gte": 20}, "within": "4d"},
        different,
    ),
    "active-days": (
        {"did": "Content Shown", "measure": {"active_days": True, "zone": ZONE}, "times": {"gte": 5}},
        days,
    ),
    "never": (
        {"all": [{"trait": "register_days", "exists": True}, {"did": "Content Liked", "times": {"eq": 0}}]},
        lambda log: set(log.users["user_id"]) - log.who("Content Liked"),
    ),
    "where": (
        {"did": "Content Liked", "where": [{"property": "tab", "in": [0, 1]}], "times": {"between": [2, 5]}},
        lambda log: (
            often(log.did("Content Liked").query("tab in (0, 1)"), 2)
            - often(log.did("Content Liked").query("tab in (0, 1)"), 6)
        ),
    ),
    "sequence": (
        {"sequence": [{"event": "Content Liked"}, {"event": "Creator Followed"}], "within": "4d", "gap": "1d"},
        liked_then_followed,
    ),
    "stopped": (
        {"stopped": "Content Liked", "quiet": "1d", "before": "3d"},
        lambda log: log.who("Content Liked", "4d", "1d") - log.who("Content Liked", "1d"),
    ),
    "restarted": (
        {"restarted": "Content Liked", "recent": "1d", "quiet": "1d", "before": "3d"},
        lambda log: (
            (log.who("Content Liked", "1d") & log.who("Content Liked", "5d", "2d"))
            - log.who("Content Liked", "2d", "1d")
        ),
    ),
    "first": ({"first": "Creator Followed", "within": "2d"}, first_followed),
    "regularly": ({"regularly": "Video Watched", "every": "1d", "periods": 4, "at_least": 4}, daily),
    "groups": (
        {
            "all": [
                {"trait": "register_days", "gte": 365},
                {"any": [{"did": "Creator Viewed", "within": "2d"}, {"did": "Content Shared"}]},
            ]
        },
        lambda log: registered(log) & (log.who("Creator Viewed", "2d") | log.who("Content Shared")),
    ),
}
