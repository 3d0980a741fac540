"""Active hours: weekdays by hours, in the operator's time zone."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import events, ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.insight import forms
from gateway.console.pages.insight.forms import Form
from gateway.console.pages.insight.grid import Number, grid
from gateway.console.pages.insight.people import Drill
from gateway.console.pages.insight.trend import FIRST
from gateway.console.parts.rule import Known
from gateway.console.parts.rule.shape import Node


def fresh(known: Known) -> Node:
    """The first question: when viewers open something."""
    return {"event": next((one for one in FIRST if one in known.events), ""), "within": "28d"}


def form(of: Form) -> None:
    """An event."""
    forms.happening(of, of.ask)


def draw(desk: Desk, request: Node, told: dict[str, Any], drill: Drill) -> None:
    """Different viewers as a table whose cells can be reached by keyboard, and how often they did it as a heat map."""
    if not any(map(any, told["count"])):
        parts.empty("schedule", t("insight.nothing"), t("insight.nothing_hint"))
        return
    days, hours = desk.weekdays(), [f"{hour:02d}" for hour in range(24)]

    async def show(day: int, hour: int) -> None:
        if told["viewers"][day][hour]:
            await drill.open({"weekday": day + 1, "hour": hour}, f"{days[day]} {hour:02d}:00")

    async def clicked(event: events.EChartPointClickEventArguments) -> None:
        value = event.value if isinstance(event.value, list) else event.data
        await show(int(value[1]), int(value[0]))  # type: ignore[index] # a heat map's point is [column, row, value]

    def number(day: int, hour: int) -> Number | None:
        viewers = told["viewers"][day][hour]
        if not viewers:
            return None
        return Number(text=desk.number(viewers), shade=viewers / most, click=functools.partial(show, day, hour))

    most = max(map(max, told["viewers"])) or 1
    with ui.element("h3"):
        ui.label(t("insight.heat.viewers"))
    rows = [(name, [number(day, hour) for hour in range(24)]) for day, name in enumerate(days)]
    grid("", hours, rows, fine=True)
    if any(map(any, told["small"])):
        ui.label(t("insight.small_hours")).classes("m-mute m-small")
    with ui.element("h3"):
        ui.label(t("insight.heat.count"))
    cells = [(hour, day, float(told["count"][day][hour])) for day in range(7) for hour in range(24)]
    parts.heat(hours, days, cells, height=230, label=t("insight.kind.hours"), on_click=clicked)
