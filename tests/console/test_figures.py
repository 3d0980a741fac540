"""The figures of the home page hold a period against one that is as long, today's part included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from gateway.console.desk import Desk
from gateway.console.pages.home.figures import Compared, Figures


class Played:
    """The gateway, played: thirteen whole days of ten, of which three came before this time of day, and today."""

    def __init__(self, today: int) -> None:
        self.today = today

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Arrivals, or messages by day."""
        days = [(10, 3)] * (query["days"] - 1) + [(self.today, self.today)]
        if path.startswith("/v1/profiles"):
            return {"days": [{"viewers": count, "so_far": so_far} for count, so_far in days]}
        return {"days": [{"states": {"accepted": count}, "so_far": {"accepted": so_far}} for count, so_far in days]}

    async def post(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """A trend, whose period before is cut by the one who answers it."""
        assert (path, asked["compare"]) == ("/v1/insights/trends", True)
        return {"lines": [{"total": 60.0 + self.today}], "previous": {"lines": [{"total": 63.0}]}}


async def figures(today: int) -> list[Compared]:
    """All four, over seven days."""
    desk = cast(Desk, SimpleNamespace(api=Played(today), zone=ZoneInfo("Asia/Shanghai")))
    held = Figures(desk, 7)
    return [await held._viewers(), await held._new(), await held._events(), await held._sent()]


async def test_a_day_like_the_others_is_no_change_at_any_hour() -> None:
    assert await figures(3) == [Compared(63, 63, 0.0)] * 4


async def test_today_is_part_of_the_change() -> None:
    found = await figures(66)
    assert [one.change for one in found] == [1.0] * 4
    assert {one.now for one in found} == {126}
