"""The rules of segment's bench: those that are previewed, each with SQL written by hand, and those that live."""

from __future__ import annotations

from typing import Any

from tests.bench.crowd import CATEGORIES, CITIES

LIVE = (
    "Content Shown",
    "Content Opened",
    "Video Watched",
    "Content Liked",
    "Content Commented",
    "Creator Followed",
    "Order Completed",
    "Signed In",
)
"""The events of the live traffic: each is asked about by twenty of two hundred rules."""

_DID = "SELECT profile_id FROM events WHERE event = '{event}' AND time > {at} - INTERVAL {days} DAY AND time <= {at}"


def _did(event: str, days: int, more: str = "") -> str:
    return _DID.replace("{event}", event).replace("{days}", str(days)) + more


PREVIEWS: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "did it lately",
        {"did": "Content Liked", "within": "7d"},
        f"SELECT count(DISTINCT profile_id) FROM ({_did('Content Liked', 7)})",
    ),
    (
        "three times, with a filter",
        {
            "did": "Content Liked",
            "where": [{"property": "category", "eq": "anime"}],
            "times": {"gte": 3},
            "within": "30d",
        },
        "SELECT count(*) FROM ("
        + _did("Content Liked", 30, " AND properties->>'$.category' = 'anime'")
        + " GROUP BY profile_id HAVING count(*) >= 3)",
    ),
    (
        "did not",
        {"not": {"did": "Video Watched", "within": "30d"}},
        f"SELECT count(*) FROM viewers WHERE profile_id NOT IN ({_did('Video Watched', 30)})",
    ),
    (
        "sum of a property",
        {"did": "Video Watched", "measure": {"sum": "watch_seconds"}, "times": {"gte": 600}, "within": "14d"},
        "SELECT count(*) FROM ("
        + _did("Video Watched", 14)
        + " GROUP BY profile_id HAVING sum((properties->>'$.watch_seconds')::DOUBLE) >= 600)",
    ),
    (
        "different values",
        {"did": "Content Opened", "measure": {"distinct": "content_id"}, "times": {"gte": 5}, "within": "30d"},
        "SELECT count(*) FROM ("
        + _did("Content Opened", 30)
        + " GROUP BY profile_id HAVING count(DISTINCT properties->>'$.content_id') >= 5)",
    ),
    (
        "active days",
        {"did": "Video Watched", "measure": {"active_days": True}, "times": {"gte": 3}, "within": "14d"},
        "SELECT count(*) FROM ("
        + _did("Video Watched", 14)
        + " GROUP BY profile_id HAVING count(DISTINCT (time AT TIME ZONE 'UTC')::DATE) >= 3)",
    ),
    (
        "trait and event",
        {"all": [{"trait": "city", "in": ["Shanghai", "Tokyo"]}, {"did": "Order Completed", "within": "60d"}]},
        "SELECT count(*) FROM viewers WHERE traits->>'$.city' IN ('Shanghai', 'Tokyo')"
        f" AND profile_id IN ({_did('Order Completed', 60)})",
    ),
    (
        "a sequence",
        {"sequence": [{"event": "Content Opened"}, {"event": "Content Liked"}], "within": "14d", "gap": "1d"},
        "SELECT count(DISTINCT o.profile_id) FROM"
        f" ({_did('Content Opened', 14).replace('SELECT profile_id', 'SELECT profile_id, time')}) o ASOF JOIN"
        f" ({_did('Content Liked', 14).replace('SELECT profile_id', 'SELECT profile_id, time')}) l"
        " ON o.profile_id = l.profile_id AND o.time < l.time WHERE l.time <= o.time + INTERVAL 1 DAY",
    ),
    (
        "stopped",
        {"stopped": "Video Watched", "quiet": "14d", "before": "30d"},
        "SELECT count(*) FROM ("
        + _did("Video Watched", 44)
        + " GROUP BY profile_id HAVING max(time) <= {at} - INTERVAL 14 DAY)",
    ),
    (
        "any of three",
        {
            "any": [
                {"did": "Creator Followed", "within": "30d"},
                {"did": "Content Commented", "times": {"gte": 2}, "within": "30d"},
                {"trait": "plan", "eq": "vip"},
            ]
        },
        f"SELECT count(*) FROM viewers WHERE profile_id IN ({_did('Creator Followed', 30)}) OR profile_id IN ("
        + _did("Content Commented", 30)
        + " GROUP BY profile_id HAVING count(*) >= 2) OR traits->>'$.plan' = 'vip'",
    ),
)
"""Name, rule and statement; `{at}` is the instant."""


def live(number: int) -> list[dict[str, Any]]:
    """So many different rules, of which 60 % ask what viewers did; each live event is asked by a sixth of those."""
    behavioural = number * 3 // 5
    return [_behavioural(place) for place in range(behavioural)] + [
        _known(place) for place in range(number - behavioural)
    ]


def _behavioural(place: int) -> dict[str, Any]:
    event, turn = LIVE[place % len(LIVE)], place // len(LIVE)
    days = f"{3 + turn}d"
    where = [{"property": "category", "eq": CATEGORIES[turn % len(CATEGORIES)]}]
    other = LIVE[(place + 1) % len(LIVE)]
    kinds: tuple[dict[str, Any], ...] = (
        {"did": event, "times": {"gte": 2 + turn}, "within": days},
        {"did": event, "where": where, "times": {"gte": 1}, "within": days},
        {"all": [{"did": event, "within": days}, {"not": {"did": other, "times": {"gte": 3 + turn}, "within": days}}]},
        {"did": event, "measure": {"distinct": "content_id"}, "times": {"gte": 2 + turn}, "within": days},
        {"did": event, "measure": {"active_days": True}, "times": {"gte": 2 + turn // 6}, "within": f"{7 + turn}d"},
        {"sequence": [{"event": other}, {"event": event, "where": where}], "within": days, "gap": "1d"},
    )
    return kinds[turn % len(kinds)]


def _known(place: int) -> dict[str, Any]:
    city = {"trait": "city", "eq": CITIES[place % len(CITIES)]}
    return {"all": [city, {"trait": "age", "between": [12 + place // 2, 40 + place // 2]}]}
