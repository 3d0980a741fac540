"""The rows of KuaiRand become the events, viewers and items that pandas counts in the same files."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.tools import kuairand
from deploy.tools.parcels import Parcel
from deploy.tools.sheets import Sheet, Unreadable
from tests.tools import platform

LOG_HEADER = ",".join(kuairand.LOG_COLUMNS)


def said(folder: Path, *, limit: int | None = None) -> dict[str, list[Parcel]]:
    """Parcels by file name."""
    phases = kuairand.phases(folder, limit=limit)
    return {phase.path.name: list(phase.parcels(Sheet(phase.path))) for phase in phases}


def write(folder: Path, *, log: str = "1,10,1650812741436,1,0,0,0,0,0,500,1000,0,1\n", **other: str) -> Path:
    """A folder with the three files, tiny."""
    texts = {
        "user_features.csv": "user_id,user_active_degree,fans_user_num,fans_user_num_range,onehot_feat4\n1,high,3,0,\n",
        "video_features.csv": 'video_id,author_id,tag\n10,77,"5,6"\n',
        "log_a.csv": f"{LOG_HEADER}\n{log}",
    } | other
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


@platform.needs_data
def test_every_row_becomes_the_events_pandas_counts() -> None:
    log, videos = platform.table(platform.LOG), platform.table("video_features.csv.gz").set_index("video_id")
    parcels = said(platform.FOLDER)[platform.LOG]
    events: list[dict[str, Any]] = [message for parcel in parcels for message in parcel.messages]
    assert len(parcels) == len(log) == 94_784
    assert Counter(event["event"] for event in events) == platform.counts(log)
    assert len({event["messageId"] for event in events}) == len(events)
    frame = pd.DataFrame(
        {
            "row": [parcel.row for parcel in parcels for _ in parcel.messages],
            "user": [event["userId"] for event in events],
            "time": [event["timestamp"] for event in events],
            "event": [event["event"] for event in events],
            "content": [event["properties"]["content_id"] for event in events],
            "creator": [event["properties"]["creator_id"] for event in events],
            "category": [event["properties"].get("category") for event in events],
            "completion": [event["properties"].get("completion") for event in events],
        }
    )
    source = log.iloc[frame["row"] - 1].reset_index(drop=True)
    milliseconds = pd.to_datetime(frame["time"], utc=True).dt.as_unit("ms").astype("int64")
    assert (milliseconds == source["time_ms"]).all()
    assert (frame["user"] == source["user_id"].astype(str)).all()
    assert (frame["content"] == source["video_id"].astype(str)).all()
    features = videos.loc[source["video_id"]].reset_index(drop=True)
    assert (frame["creator"] == features["author_id"].astype(str)).all()
    first = features["tag"].str.split(",").str[0]
    assert (frame["category"].fillna("") == first.fillna("")).all()
    watched = frame["event"] == "Video Watched"
    share = (source["play_time_ms"] / source["duration_ms"]).clip(upper=1).where(watched & (source["duration_ms"] > 0))
    pd.testing.assert_series_equal(frame["completion"].astype(float), share, check_names=False)


@platform.needs_data
def test_viewers_and_items_carry_their_features() -> None:
    users, videos = platform.table("user_features.csv.gz"), platform.table("video_features.csv.gz")
    parcels = said(platform.FOLDER, limit=None)
    people = [parcel.messages[0] for parcel in parcels["user_features.csv.gz"]]
    assert [person["userId"] for person in people] == [str(user) for user in users["user_id"]]
    assert len(people) == 27_285
    for column in users.columns.drop("user_id"):
        empty = users[column].isna()
        traits = pd.Series([person["traits"].get(column) for person in people])
        assert (traits.isna() == empty).all(), column
        assert traits[~empty].tolist() == users.loc[~empty, column].tolist(), column
    items = [parcel.messages[0] for parcel in parcels["video_features.csv.gz"]]
    assert [item["id"] for item in items] == [str(video) for video in videos["video_id"]]
    assert [",".join(item["tags"]) for item in items] == videos["tag"].fillna("").tolist()


@platform.needs_data
def test_a_limit_takes_the_first_rows_and_whom_they_name() -> None:
    head = platform.table(platform.LOG).head(500)
    parcels = said(platform.FOLDER, limit=500)
    assert len(parcels[platform.LOG]) == 500
    assert {parcel.viewer for parcel in parcels["user_features.csv.gz"]} == set(head["user_id"].astype(str))
    assert {parcel.viewer for parcel in parcels["video_features.csv.gz"]} == set(head["video_id"].astype(str))


@given(st.integers(0, 4_102_444_800_000))
def test_times_are_exact(milliseconds: int) -> None:
    back = pd.Timestamp(kuairand.rfc3339(milliseconds))
    assert back == pd.Timestamp(milliseconds, unit="ms", tz="UTC")


def test_one_row_says_everything_it_holds(tmp_path: Path) -> None:
    parcels = said(write(tmp_path, log="1,10,1650812741436,1,1,1,1,1,1,1500,1000,1,2\n"))
    (row,) = parcels["log_a.csv"]
    assert [message["messageId"] for message in row.messages] == [
        f"log_a.csv:1:{suffix}"
        for suffix in (
            *("shown", "opened", "watched", "liked", "followed", "commented", "shared", "disliked", "creator"),
        )
    ]
    assert {message["timestamp"] for message in row.messages} == {"2022-04-24T15:05:41.436Z"}
    assert row.messages[2]["properties"] == {
        "content_id": "10",
        "creator_id": "77",
        "category": "5",
        "tags": ["5", "6"],
        "tab": 2,
        "watch_seconds": 1.5,
        "duration_seconds": 1.0,
        "completion": 1.0,
    }
    (user,) = parcels["user_features.csv"]
    assert user.messages[0]["traits"] == {"user_active_degree": "high", "fans_user_num": 3, "fans_user_num_range": "0"}
    assert user.messages[0]["timestamp"] == "2022-04-24T15:05:41.436Z"


def test_a_row_that_makes_no_sense_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = "1,10,yesterday,1,0,0,0,0,0,500,1000,0,1\n"
    good = "1,10,1650812741436,0,0,0,0,0,0,0,1000,0,1\n"
    first, second, third = said(write(tmp_path, log=good + bad + good))["log_a.csv"]
    assert second.wrong == "log_a.csv row 2: time_ms is 'yesterday', not a whole number"
    assert not second.messages
    assert first.wrong is third.wrong is None


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "user_features.csv").unlink(), "has no user_features.csv"),
        (lambda folder: (folder / "log_a.csv").unlink(), r"has no log_\*.csv"),
        (
            lambda folder: (folder / "log_a.csv").write_text("user_id,video_id\n1,2\n"),
            "log_a.csv has no column time_ms",
        ),
        (lambda folder: (folder / "video_features.csv").write_text("video_id\n1\n"), "has no column author_id, tag"),
        (lambda folder: (folder / "log_a.csv").write_text(LOG_HEADER + "\n1,2\n"), "row 1 has 2 columns, not 13"),
        (lambda folder: (folder / "log_a.csv").write_text(LOG_HEADER + "\n"), "log_a.csv has no rows"),
        (lambda folder: (folder / "log_a.csv.gz").write_bytes(b""), "both log_a.csv and log_a.csv.gz"),
    ],
)
def test_files_that_cannot_be_imported_are_named(tmp_path: Path, spoil: Any, complaint: str) -> None:
    spoil(write(tmp_path))
    with pytest.raises(Unreadable, match=complaint):
        said(tmp_path)


def test_a_packed_file_cut_short_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "log_a.csv").unlink()
    whole = gzip.compress(f"{LOG_HEADER}\n".encode() + b"1,10,1650812741436,1,0,0,0,0,0,500,1000,0,1\n" * 5000)
    (tmp_path / "log_a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match=r"log_a.csv.gz is damaged"):
        said(tmp_path)
