"""A viewer's sums as a portrait: shares, means, the order of things."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.profile.rules import habits, interests
from services.profile.rules.aggregates import MONEY, Spent, Video, Whole
from services.profile.schemas.portraits import Habits, Interest, Sessions, Share, Spending, Watching

SLIGHT = 1e-6
"""A weight that has faded to this is nothing."""


def liked(whole: Whole) -> tuple[list[Interest], float]:
    """The strongest interests with their shares, and the share of all others. Dislikes count as none."""
    found = sorted(
        ((weight, tag) for tag, weight in whole.interests.items() if weight > SLIGHT),
        key=lambda one: (-one[0], one[1]),
    )
    all_of_it = total(whole)
    if not all_of_it:
        return [], 0.0
    shown = [
        Interest(tag=tag, weight=round(weight, 6), share=round(weight / all_of_it, 6))
        for weight, tag in found[: interests.KEPT]
    ]
    return shown, round(max(0.0, 1 - sum(weight for weight, _ in found[: interests.KEPT]) / all_of_it), 6)


def total(whole: Whole) -> float:
    """The weight of all interests together, those that are kept as one sum too."""
    return sum(weight for weight in whole.interests.values() if weight > SLIGHT) + max(0.0, whole.rest / interests.UNIT)


def shares(counts: Mapping[str, int]) -> list[Share]:
    """Counts as shares of their sum, the largest first."""
    total = sum(counts.values())
    return [
        Share(name=name, events=count, share=round(count / total, 6))
        for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]


def habitual(whole: Whole, zone: str) -> Habits:
    """Habits; days are counted in this zone."""
    hours = [[0] * 24 for _ in range(7)]
    for hour, count in whole.hours.items():
        hours[hour // 24][hour % 24] = count
    found = habits.sessions(whole.spans)
    return Habits(
        hours=hours,
        active_days=habits.days(whole.spans, zone),
        sessions=Sessions(
            count=found.count,
            total_seconds=found.seconds,
            mean_seconds=round(found.seconds / found.count, 3) if found.count else None,
            longest_seconds=found.longest,
        ),
        devices=shares(whole.devices),
        watching=_watching(whole.video),
        favourite_kinds=shares(whole.kinds),
    )


def _watching(video: Video) -> Watching:
    return Watching(
        videos=video.plays,
        watch_seconds=video.watched / 1000,
        duration_seconds=video.duration / 1000,
        completion_rate=round(video.completion / 1000 / video.rated, 6) if video.rated else None,
    )


def spending(spent: Mapping[str, Spent]) -> list[Spending]:
    """Orders by currency, the largest amount first."""
    return [_spending(code, its) for code, its in sorted(spent.items(), key=lambda one: (-one[1].amount, one[0]))]


def _spending(code: str, its: Spent) -> Spending:
    values: dict[str, Any] = {
        "average": round(its.amount / MONEY / its.orders, 4) if its.orders else None,
        "last_order_at": datetime.fromtimestamp(its.last, UTC) if its.orders else None,
    }
    return Spending(
        currency=code,
        orders=its.orders,
        amount=its.amount / MONEY,
        refunds=its.refunds,
        refunded=its.refunded / MONEY,
        **values,
    )
