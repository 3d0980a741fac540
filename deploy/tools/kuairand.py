"""Turns the files of KuaiRand (a short-video platform's own log) into viewers, items and events.

The dataset is Gao et al., "KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos",
CIKM 2022. Its ids stand as they are: `userId` is its user_id, `content_id` its video_id. Authors and tags of all videos
are held in memory while the log is read; users and log rows are streamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from deploy.tools.parcels import Parcel, Phase
from deploy.tools.sheets import Sheet, Unreadable, find

Row = dict[str, str]

USER_COLUMNS = ("user_id",)
VIDEO_COLUMNS = ("video_id", "author_id", "tag")
LOG_COLUMNS = (
    *("user_id", "video_id", "time_ms", "is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate"),
    *("play_time_ms", "duration_ms", "is_profile_enter", "tab"),
)
FLAGS = (
    ("is_like", "liked", "Content Liked"),
    ("is_follow", "followed", "Creator Followed"),
    ("is_comment", "commented", "Content Commented"),
    ("is_forward", "shared", "Content Shared"),
    ("is_hate", "disliked", "Content Disliked"),
    ("is_profile_enter", "creator", "Creator Viewed"),
)
"""Column of the log, suffix of the message id, event: said when the column is above 0."""


@dataclass(frozen=True, slots=True)
class Video:
    """What every event about a video repeats of it."""

    creator_id: str
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Files:
    """Where the three kinds of files are."""

    users: Path
    videos: Path
    logs: list[Path]


def files(folder: Path) -> Files:
    """The files in the folder, under these names or the publisher's. Raises Unreadable naming what is missing."""
    if not folder.is_dir():
        raise Unreadable(f"{folder} is not a folder")
    users = find(folder, "user_features", "user_features_*")
    videos = find(folder, "video_features", "video_features_basic*")
    logs = find(folder, "log_*")
    wanted = (("user_features.csv", users), ("video_features.csv", videos), ("log_*.csv", logs))
    missing = [name for name, found in wanted if not found]
    if missing:
        raise Unreadable(f"{folder} has no {' and no '.join(missing)} (or the same with .gz)")
    for name, found in wanted[:2]:
        if len(found) > 1:
            raise Unreadable(f"{folder} has more than one {name}: {', '.join(path.name for path in found)}")
    return Files(users=users[0], videos=videos[0], logs=logs)


def phases(folder: Path, *, limit: int | None = None) -> list[Phase]:
    """Viewers, then items, then the logs by name. With a limit: that many log rows, and whom and what they name."""
    found = files(folder)
    known = videos(found.videos)
    people: set[str] | None = None
    shown: set[str] | None = None
    share: dict[Path, int | None] = dict.fromkeys(found.logs)
    if limit is not None:
        people, shown, left = set(), set(), limit
        for path in found.logs:
            share[path] = 0
            for number, row in Sheet(path).rows(LOG_COLUMNS):
                if left == 0:
                    break
                people.add(row["user_id"])
                shown.add(row["video_id"])
                share[path], left = number, left - 1
    since = _first_time(found.logs[0])

    def viewers(sheet: Sheet) -> Iterator[Parcel]:
        rows = (each for each in sheet.rows(USER_COLUMNS) if people is None or each[1]["user_id"] in people)
        return _parcels(sheet, rows, "user_id", lambda row: [identify(row, since)])

    def items(sheet: Sheet) -> Iterator[Parcel]:
        rows = (each for each in sheet.rows(VIDEO_COLUMNS) if shown is None or each[1]["video_id"] in shown)
        return _parcels(sheet, rows, "video_id", lambda row: [item(row)])

    def log(sheet: Sheet) -> Iterator[Parcel]:
        rows = islice(sheet.rows(LOG_COLUMNS), share[sheet.path])
        return _parcels(sheet, rows, "user_id", lambda row: events(row, known))

    return [
        Phase(path=found.users, door="batch", parcels=viewers),
        Phase(path=found.videos, door="items", parcels=items),
        *(Phase(path=path, door="batch", parcels=log) for path in found.logs),
    ]


def videos(path: Path) -> dict[str, Video]:
    """Author and tags by video id."""
    return {
        row["video_id"]: Video(creator_id=row["author_id"], tags=_tags(row["tag"]))
        for _, row in Sheet(path).rows(VIDEO_COLUMNS)
    }


def identify(row: Row, since: int) -> dict[str, Any]:
    """The identify call of a row of user features: every column is a trait, numbers as numbers, empty ones left out.

    `since` (epoch ms) is the beginning of the log: the features describe the viewer as he was then, so that they are
    history, start no campaign, and count for any `as_of` within the log.
    """
    traits = {name: _typed(name, text) for name, text in row.items() if name != "user_id" and text != ""}
    return {"type": "identify", "userId": _required(row, "user_id"), "timestamp": rfc3339(since), "traits": traits}


def item(row: Row) -> dict[str, Any]:
    """The item of a row of video features. The videos of the dataset have no titles, so one is made."""
    properties: dict[str, Any] = {
        name: row[name] for name in ("video_type", "upload_type", "upload_dt", "music_id") if row.get(name)
    }
    if row.get("video_duration"):
        properties["duration_seconds"] = _number(row, "video_duration") / 1000
    tags = _tags(row["tag"])
    if tags:
        properties["category"] = tags[0]
    return {
        "id": _required(row, "video_id"),
        "kind": "video",
        "title": f"Video {row['video_id']}",
        "creator_id": _required(row, "author_id"),
        "tags": tags,
        "properties": properties,
    }


def events(row: Row, known: dict[str, Video]) -> list[dict[str, Any]]:
    """The events of one log row, each a track call with a `suffix` for its message id, all at the row's own time.

    Watch time exceeds the duration when a video is played again; `completion` is the share seen and stays within 1.
    """
    user, content = _required(row, "user_id"), _required(row, "video_id")
    timestamp = rfc3339(_whole(row, "time_ms"))
    common: dict[str, Any] = {"content_id": content, "tab": _whole(row, "tab")}
    video = known.get(content)
    if video is not None:
        common["creator_id"] = video.creator_id
        common["tags"] = video.tags
        if video.tags:
            common["category"] = video.tags[0]
    said: list[tuple[str, str, dict[str, Any]]] = [("shown", "Content Shown", common)]
    if _whole(row, "is_click") > 0:
        said.append(("opened", "Content Opened", common))
    played, duration = _whole(row, "play_time_ms"), _whole(row, "duration_ms")
    if played > 0:
        watched = {**common, "watch_seconds": played / 1000}
        if duration > 0:
            watched |= {"duration_seconds": duration / 1000, "completion": min(1.0, played / duration)}
        said.append(("watched", "Video Watched", watched))
    said += [(suffix, event, common) for column, suffix, event in FLAGS if _whole(row, column) > 0]
    return [
        {
            "type": "track",
            "suffix": suffix,
            "event": event,
            "userId": user,
            "timestamp": timestamp,
            "properties": properties,
        }
        for suffix, event, properties in said
    ]


def rfc3339(milliseconds: int) -> str:
    """Epoch milliseconds as RFC 3339 UTC, exactly (no float on the way)."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _parcels(
    sheet: Sheet, rows: Iterable[tuple[int, Row]], owner: str, make: Callable[[Row], list[dict[str, Any]]]
) -> Iterator[Parcel]:
    """One parcel per row. A row that cannot be understood is a parcel that says so, and the import goes on."""
    for number, row in rows:
        try:
            messages = make(row)
        except (ValueError, OverflowError, OSError) as wrong:
            yield Parcel(row=number, viewer=row[owner], messages=(), wrong=f"{sheet.path.name} row {number}: {wrong}")
            continue
        for message in messages:
            if "type" in message:
                message["messageId"] = f"{sheet.path.name}:{number}:{message.pop('suffix', message['type'])}"
        yield Parcel(row=number, viewer=row[owner], messages=tuple(messages))


def _first_time(path: Path) -> int:
    for number, row in Sheet(path).rows(LOG_COLUMNS):
        try:
            return _whole(row, "time_ms")
        except ValueError as wrong:
            raise Unreadable(f"{path.name} row {number}: {wrong}") from wrong
    raise Unreadable(f"{path.name} has no rows")


def _typed(name: str, text: str) -> str | int | float:
    """Ranges ("[10,100)", also a bare "0") and the degree of activity are words; every other feature is a number."""
    if name.endswith("_range") or name == "user_active_degree":
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text}")
    return int(text) if text.lstrip("+-").isdigit() else value


def _tags(text: str) -> list[str]:
    return [tag for tag in (part.strip() for part in text.split(",")) if tag]


def _required(row: Row, name: str) -> str:
    if not row[name]:
        raise ValueError(f"{name} is empty")
    return row[name]


def _whole(row: Row, name: str) -> int:
    try:
        return int(row[name])
    except ValueError:
        raise ValueError(f"{name} is {row[name]!r}, not a whole number") from None


def _number(row: Row, name: str) -> float:
    try:
        return float(row[name])
    except ValueError:
        raise ValueError(f"{name} is {row[name]!r}, not a number") from None
