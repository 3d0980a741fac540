"""The figures of the home page. What two parts of the page need is asked for once.

Today is not over, so every figure is held against the days before up to the same time of day: equal spans, or a morning
would always look like a fall.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

PERIODS = (7, 14, 30)
SENT = "accepted"
"""State of a message that its channel took."""


class Compared(NamedTuple):
    """A figure, that of the period before, and the share it grew by."""

    now: float
    before: float
    change: float | None


class Figures:
    """What was asked for in this page's life, each question once."""

    def __init__(self, desk: Desk, days: int) -> None:
        self.desk = desk
        self.days = days
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def _once(self, name: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self._asked or (self._asked[name].done() and self._asked[name].exception()):
            self._asked[name] = asyncio.ensure_future(ask())
        return await asyncio.shield(self._asked[name])

    async def trend(self, measure: str) -> dict[str, Any]:
        """Any event by day, counted (`count`) or by its viewers (`viewers`), with the period before."""
        first = datetime.now(self.desk.zone).date() - timedelta(days=self.days - 1)
        asked = {
            "event": "*",
            "measure": {measure: True},
            "by": "day",
            "from": first.isoformat(),
            "zone": self.desk.zone.key,
            "compare": True,
        }
        told: dict[str, Any] = await self._once(measure, lambda: self.desk.api.post("/v1/insights/trends", asked))
        return told

    async def arrivals(self) -> list[dict[str, Any]]:
        """New viewers by day, of this period and the one before; programs are none."""
        told = await self._once(
            "arrivals",
            lambda: self.desk.api.get("/v1/profiles/arrivals", days=2 * self.days, zone=self.desk.zone.key),
        )
        days: list[dict[str, Any]] = told["days"]
        return days

    async def messages(self) -> list[dict[str, Any]]:
        """Ended messages by day and state, of this period and the one before."""
        told = await self._once(
            "messages",
            lambda: self.desk.api.get("/v1/campaigns/-/days", days=2 * self.days, zone=self.desk.zone.key),
        )
        days: list[dict[str, Any]] = told["days"]
        return days

    async def draw(self) -> None:
        """The row of figures; one that cannot be had says so and leaves the others."""
        wanted = (
            (t("home.active"), "/people?sort=last_seen", self._viewers),
            (t("home.new"), "/people", self._new),
            (t("home.events"), "/sources", self._events),
            (t("home.sent"), "/campaigns", self._sent),
        )
        found = await asyncio.gather(*(self._tried(ask) for _, _, ask in wanted))
        with ui.element("div").classes("m-figures"):
            for (label, href, _), values in zip(wanted, found, strict=True):
                if values is None:
                    parts.figure(label, "–", foot=t("home.away"))
                    continue
                foot = t("home.before", n=self.desk.short(values.before))
                parts.figure(label, self.desk.short(values.now), change=values.change, foot=foot, href=href)

    async def _tried(self, ask: Callable[[], Awaitable[Compared]]) -> Compared | None:
        try:
            return await ask()
        except ApiError:
            return None  # the chart of the same figure says why

    async def _viewers(self) -> Compared:
        return _totals(await self.trend("viewers"))

    async def _events(self) -> Compared:
        return _totals(await self.trend("count"))

    async def _new(self) -> Compared:
        return self._by_day([(day["viewers"], day["so_far"]) for day in await self.arrivals()])

    async def _sent(self) -> Compared:
        days = await self.messages()
        return self._by_day([(day["states"].get(SENT, 0), day["so_far"].get(SENT, 0)) for day in days])

    def _by_day(self, counts: list[tuple[int, int]]) -> Compared:
        """Of (a day's count, its count so far) the last of the period before is as far as today is."""
        earlier, these = counts[: self.days], counts[self.days :]
        before = sum(count for count, _ in earlier[:-1]) + earlier[-1][1]
        return compared(sum(count for count, _ in these), before)


def compared(now: float, before: float) -> Compared:
    """A figure beside the one before; where that was nothing, no share of it can be told."""
    return Compared(now, before, (now - before) / before if before else None)


def _totals(told: dict[str, Any]) -> Compared:
    """A trend cuts the period before at the same time of day, so that its totals can be compared."""
    before = told["previous"]["lines"][0]["total"] if told.get("previous") else 0
    return compared(told["lines"][0]["total"] or 0, before or 0)
