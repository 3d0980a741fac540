"""The demo's story is the same for the same seed, keeps its own promises, and plants exactly what it says."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from deploy.tools.demo import command, past
from deploy.tools.demo.ledger import Audience, Ledger, Other, known
from deploy.tools.demo.loading import LANES, lanes
from deploy.tools.demo.messages import Scribe
from deploy.tools.demo.story import Story, story
from deploy.tools.demo.truths import truths

UNTIL = datetime(2026, 5, 15, 13, tzinfo=UTC)
DAY = timedelta(days=1)


@cache
def told(seed: int = 7, viewers: int = 300, days: int = 60, until: datetime = UNTIL) -> Story:
    return story(seed=seed, viewers=viewers, days=days, until=int(until.timestamp()) * 1000)


@cache
def planted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(truths(told())))
    return found


def sent(one: Story) -> list[bytes]:
    return Scribe(one).written(np.arange(one.log.rows))


@cache
def calls() -> list[dict[str, Any]]:
    return [json.loads(call) for call in sent(told())]


def tracks(event: str) -> list[dict[str, Any]]:
    return [call for call in calls() if call.get("event") == event]


def test_the_same_seed_says_the_same_bytes() -> None:
    again = story(seed=7, viewers=300, days=60, until=int(UNTIL.timestamp()) * 1000)
    assert sent(again) == sent(told())
    assert truths(again) == truths(told())
    assert not set(sent(told(seed=8))) & set(sent(told()))


def test_another_hour_is_the_same_audience_one_hour_on() -> None:
    later = told(until=UNTIL + timedelta(hours=1))
    assert later.names.users == told().names.users
    assert np.array_equal(later.them.tastes, told().them.tastes)
    assert later.log.rows >= told().log.rows


def test_calls_are_what_the_gateway_takes() -> None:
    times = [datetime.fromisoformat(call["timestamp"]) for call in calls()]
    assert max(times) < UNTIL
    said = [at for at, call in zip(times, calls(), strict=True) if call.get("event") not in (None, "Signed Up")]
    assert min(said) >= (UNTIL - 60 * DAY).replace(hour=0)
    assert len({call["messageId"] for call in calls()}) == len(calls())
    assert all(call.get("anonymousId") or call.get("userId") for call in calls())
    assert max(len(call) for call in sent(told())) < 2000


def test_a_lane_keeps_the_order_of_its_viewers_and_nothing_is_left_out() -> None:
    one = told()
    all_rows: Counter[int] = Counter()
    lane_of: dict[int, int] = {}
    for part in ("before", "after"):
        for number, rows in enumerate(lanes(one, part)):
            all_rows.update(rows.tolist())
            for group in np.unique(one.group[rows]).tolist():
                assert lane_of.setdefault(group, number) == number
                assert np.all(np.diff(one.log.at[rows[one.group[rows] == group]]) >= 0)
    assert all_rows == Counter(dict(enumerate(one.times.tolist())))


def test_nobody_is_known_on_a_device_before_he_signs_in_there() -> None:
    by_device: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in calls():
        by_device[call.get("anonymousId") or call["previousId"]].append(call)
    guests = 0
    for its in by_device.values():
        its.sort(key=lambda call: (call["timestamp"], call["type"] == "track"))
        users = [call.get("userId") for call in its]
        if len({user for user in users if user}) > 1:
            assert all(users), "on a device of two nobody is unknown"
            continue
        first = next((place for place, user in enumerate(users) if user), len(users))
        guests += first
        assert all(users[first:])
        assert first == len(users) or its[first]["type"] in ("identify", "alias")
    assert guests > 100


def test_lives_are_as_planted() -> None:
    stages: dict[str, list[timedelta]] = defaultdict(list)
    for viewer in planted()["viewers"]:
        life = viewer["life"]
        last = datetime.fromisoformat(life["last_seen"])
        stages[life["stage"]].append(UNTIL - last)
        if life["absent"]:
            gap = [datetime.fromisoformat(life["absent"][name]).date() for name in ("after", "until")]
            mine = [call for call in calls() if call.get("userId") == viewer["user_id"] and call["type"] == "track"]
            days = {_local(call["timestamp"], viewer["zone"]) for call in mine if call["event"] == "Content Shown"}
            assert not {day for day in days if gap[0] + DAY < day < gap[1] - DAY}
    assert set(stages) == {"new", "active", "loyal", "fading", "silent", "churned", "returned", "passing"}
    two_weeks = 14 * DAY
    for stage in ("new", "active", "loyal", "fading", "returned"):
        assert max(stages[stage]) < two_weeks, stage
    assert min(stages["silent"] + stages["churned"]) > two_weeks
    assert min(stages["churned"]) > min(stages["silent"])


def _local(timestamp: str, zone: str) -> Any:
    return datetime.fromisoformat(timestamp).astimezone(ZoneInfo(zone)).date()


def test_viewers_are_there_at_their_hours() -> None:
    hours: dict[str, Counter[int]] = defaultdict(Counter)
    by_user = {viewer["user_id"]: viewer for viewer in planted()["viewers"] if viewer["user_id"]}
    for call in tracks("Content Shown"):
        viewer = by_user.get(call.get("userId"))
        if viewer:
            at = datetime.fromisoformat(call["timestamp"]).astimezone(ZoneInfo(viewer["zone"]))
            hours[viewer["habit"]][at.hour] += 1
    assert hours["owl"].most_common(1)[0][0] in (22, 23, 0, 1)
    assert hours["commuter"][3] < hours["commuter"][20] / 5
    assert hours["homebody"][15] > hours["homebody"][23]


def test_likes_follow_tastes() -> None:
    fond = [viewer for viewer in planted()["viewers"] if sum(viewer["likes"].values()) >= 5]
    right = sum(max(one["likes"], key=one["likes"].get) == max(one["tastes"], key=one["tastes"].get) for one in fond)
    assert len(fond) > 50
    assert right > 0.95 * len(fond)


def test_the_campaign_of_the_past_has_exactly_its_rates() -> None:
    campaign = planted()["campaign"]
    assert campaign["converted"] == round(past.RATE * campaign["sent"])
    assert campaign["converted_held_out"] == round(past.RATE_HELD_OUT * campaign["held_out"])
    assert abs(campaign["held_out"] / (campaign["sent"] + campaign["held_out"]) - past.HELD_OUT) < 0.01
    sent_at = datetime.fromisoformat(campaign["sent_at"])
    meant = {viewer["user_id"]: viewer["campaign"] for viewer in planted()["viewers"] if viewer["campaign"]}
    bought = [call for call in tracks("Order Completed") if call["properties"].get("product_kind") == "membership"]
    assert {call["userId"] for call in bought} == {user for user, its in meant.items() if its["converted"]}
    for call in bought:
        assert timedelta() < datetime.fromisoformat(call["timestamp"]) - sent_at < 7 * DAY
    part = {call["messageId"] for call in bought} & {
        f"demo:7:{row}" for row in np.flatnonzero(told().part == 0).tolist()
    }
    assert not part, "what the campaign brought is sent after it"


def test_money_and_moods_are_written_down() -> None:
    spent: Counter[str] = Counter()
    for call in tracks("Order Completed"):
        if isinstance(call["properties"]["revenue"], int | float):
            spent[call["userId"]] += round(call["properties"]["revenue"] * 100)
    for viewer in planted()["viewers"]:
        assert round(viewer["spending"]["total"] * 100) == spent[viewer["user_id"]]
    said = {call["messageId"] for call in calls() if call.get("event") in ("Content Commented", "Danmaku Sent")}
    assert set(planted()["moods"]) == said
    assert set(planted()["moods"].values()) == {-1, 0, 1}


def test_thirty_days_and_a_few_viewers_are_enough() -> None:
    for seed in range(5):
        small = told(seed=seed, viewers=command.LEAST_VIEWERS, days=30)
        stages = {viewer["life"]["stage"] for viewer in truths(small)["viewers"]}
        assert stages <= {"new", "active", "loyal", "fading", "silent", "churned", "returned", "passing"}
        assert small.log.rows > 100


def test_a_ledger_goes_on_with_the_same_audience_only(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    mine = Audience(seed=7, viewers=50, days=30, until=1, key="k")
    first = Ledger(path, mine, lanes=LANES)
    first.enter("before")
    first.refuse(1)
    first.record("before", 2, 400)
    first.write()
    again = Ledger(path, mine, lanes=LANES)
    assert again.resumed
    assert (again.stage, again.sent("before")[2], again.refused) == ("before", 400, 1)
    assert known(path, key="k") == mine
    assert not Ledger(path, Audience(seed=8, viewers=50, days=30, until=1, key="k"), lanes=1).resumed
    with pytest.raises(Other, match="--state"):
        known(path, key="another")
    assert known(tmp_path / "none.json", key="k") is None
    path.write_text("{")
    with pytest.raises(Other, match="damaged"):
        known(path, key="k")


def test_too_small_a_demo_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ("--write-key", "pk_a", "--secret-key", "sk_a", "--state", str(tmp_path / "demo.json"))
    assert command.main(("--days", "3", *keys)) == 1
    assert "at least 30 days" in capsys.readouterr().out
