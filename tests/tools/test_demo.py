"""The demo's audience is the same for the same seed, and grows by a day when a day has passed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deploy.tools import audience, demo

UNTIL = date(2026, 5, 15)


def said(seed: int, until: date, days: int = 14) -> list[list[dict[str, Any]]]:
    return [messages for _, messages in demo._told(seed, 120, demo._days(until, days))]


def flat(told: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {message["messageId"]: message for messages in told for message in messages}


def test_the_same_seed_says_the_same() -> None:
    assert said(7, UNTIL) == said(7, UNTIL)
    assert not flat(said(7, UNTIL)).keys() & flat(said(8, UNTIL)).keys()


def test_message_ids_are_unique_and_viewers_speak_in_order() -> None:
    told = said(7, UNTIL)
    assert len(flat(told)) == sum(len(messages) for messages in told)
    for messages in told:
        times = [message["timestamp"] for message in messages]
        assert times == sorted(times)


def test_a_day_later_the_shared_days_are_the_same() -> None:
    today, tomorrow = flat(said(7, UNTIL)), flat(said(7, UNTIL + timedelta(days=1)))
    shared = today.keys() & tomorrow.keys()
    assert len(shared) > 0.85 * len(today)
    assert all(today[key] == tomorrow[key] for key in shared)
    assert tomorrow.keys() - shared


def test_nothing_lies_outside_the_days() -> None:
    for message in flat(said(7, UNTIL)).values():
        at = datetime.fromisoformat(message["timestamp"])
        if message["type"] == "track":
            # a viewer who starts late in the evening may watch past midnight
            assert datetime(2026, 5, 1, tzinfo=UTC) <= at < datetime(2026, 5, 15, 6, tzinfo=UTC)


def test_newcomers_are_unknown_until_they_sign_up() -> None:
    for day in demo._days(UNTIL, 14):
        for viewer in audience.newcomers(7, 120, day):
            messages = audience.messages(7, viewer, day)
            kinds = [message["type"] for message in messages]
            known = kinds.index("identify")
            assert known > 0
            assert all("userId" not in message for message in messages[:known])
            assert all(message["userId"] == viewer.user_id for message in messages[known:])
            assert {message["anonymousId"] for message in messages} == {viewer.anonymous_id}


def test_the_two_segments_have_somebody_in_and_somebody_out() -> None:
    told = said(7, UNTIL)
    fond, silent = 0, 0
    for messages in told:
        likes = Counter(
            message["properties"]["category"] for message in messages if message.get("event") == "Content Liked"
        )
        fond += likes["anime"] >= 2
        last = max((message["timestamp"] for message in messages if message["type"] == "track"), default="")
        silent += "" < last < "2026-05-08"
    assert 5 < fond < len(told) / 2
    assert 5 < silent < len(told) / 2


def test_items_are_what_the_catalogue_takes() -> None:
    items = audience.items(7)
    assert len({item["id"] for item in items}) == len(items) == 144
    assert all(item["title"] and item["kind"] == "video" for item in items)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in items[0]["title"])
