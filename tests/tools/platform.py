"""KuaiRand as pandas sees it: the independent count that the importer and the stories are compared with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "kuairand"
LOG = "log_20220425_20220430.csv.gz"
COLUMN_OF = {
    "Content Opened": "is_click",
    "Video Watched": "play_time_ms",
    "Content Liked": "is_like",
    "Creator Followed": "is_follow",
    "Content Commented": "is_comment",
    "Content Shared": "is_forward",
    "Content Disliked": "is_hate",
    "Creator Viewed": "is_profile_enter",
}
needs_data = pytest.mark.skipif(
    not (FOLDER / LOG).exists(), reason="the KuaiRand files are not beside this checkout (../shared/data/kuairand)"
)


@cache
def table(name: str) -> pd.DataFrame:
    """One of the files, as pandas reads it."""
    return pd.read_csv(FOLDER / name)


def counts(log: pd.DataFrame) -> dict[str, int]:
    """Events by name that these log rows are."""
    found = {event: int((log[column] > 0).sum()) for event, column in COLUMN_OF.items()}
    return {"Content Shown": len(log)} | {event: count for event, count in found.items() if count}


def likers(log: pd.DataFrame, as_of: str, days: int) -> set[str]:
    """Users with at least one like in as_of - days < time <= as_of."""
    return doers(log, "is_like", as_of, days)


def doers(log: pd.DataFrame, column: str, as_of: str, days: int) -> set[str]:
    """Users with at least one row where the column is above 0 in as_of - days < time <= as_of."""
    at = pd.Timestamp(as_of)
    time = pd.to_datetime(log["time_ms"], unit="ms", utc=True)
    inside = log[(log[column] > 0) & (time > at - pd.Timedelta(days=days)) & (time <= at)]
    return {str(user) for user in inside["user_id"].unique()}
