"""Trends: how often, by whom and how much, over time."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import events

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.insight import forms
from gateway.console.pages.insight.forms import Form
from gateway.console.pages.insight.grid import Number, grid
from gateway.console.pages.insight.people import Drill
from gateway.console.parts.rule import Known, fields
from gateway.console.parts.rule.shape import Node

UNITS = ("hour", "day", "week", "month")
MEASURES = ("count", "viewers", "sum", "avg")
MOST_ROWS = 62
FIRST = ("Content Opened", "Video Watched", "Page Viewed")


def fresh(known: Known) -> Node:
    """The first question: what viewers open, day by day."""
    event = next((one for one in FIRST if one in known.events), "")
    return {"event": event, "measure": {"viewers": True}, "by": "day", "within": "30d", "compare": True}


def form(of: Form) -> None:
    """Event, measure, unit of time, split and comparison."""
    with forms.happening(of, of.ask):
        _measure(of)
        forms.option(of, "by", {one: t(f"insight.unit.{one}") for one in UNITS}, label=t("insight.by"), width=100)
        forms.split(of, lambda: str(of.ask["event"]))
        forms.switch(of, "compare", t("insight.compare"))


def _measure(of: Form) -> None:
    box = parts.row(tight=True)

    def turned(value: str) -> None:
        of.ask["measure"] = {value: True if value in MEASURES[:2] else ""}
        redraw()

    def redraw() -> None:
        box.clear()
        given = of.ask.setdefault("measure", {"count": True})
        kind = next((one for one in MEASURES if one in given), "count")
        with box:
            options = {one: t(f"insight.measure.{one}") for one in MEASURES}
            fields.choose(options, kind, turned, label=t("rules.measure"), width=120)
            if kind in MEASURES[2:]:
                known = forms.properties(of, str(of.ask["event"]))
                fields.name(of.edit, given, kind, known, label=t("rules.property"), width=150)

    redraw()


def draw(desk: Desk, request: Node, told: dict[str, Any], drill: Drill) -> None:
    """Lines, the period before dashed, and the same numbers as a table."""
    labels = [period(desk, one, request["by"]) for one in told["starts"]]
    lines = told["lines"]
    if not any(one["total_viewers"] for one in lines):
        parts.empty("show_chart", t("insight.nothing"), t("insight.nothing_hint"))
        return
    drawn = lines[1:] if len(lines) > 1 else lines
    called = [forms.part_words(one["split"], request) for one in drawn]
    if len(drawn) == 1:
        called = [names.event(request["event"])]
    before = None
    if told.get("previous") and len(drawn) == 1:
        earlier = told["previous"]["lines"][0]["values"]
        before = {t("insight.before"): [*earlier, *[None] * len(labels)][: len(labels)]}
    _figures(desk, told)
    made = parts.lines(
        labels,
        {name: one["values"] for name, one in zip(called, drawn, strict=True)},
        before=before,
        height=300,
        label=t("insight.kind.trends"),
    )
    for line in made.options["series"][: len(drawn)]:
        line["showSymbol"] = True

    async def clicked(event: events.EChartPointClickEventArguments) -> None:
        if event.series_index < len(drawn):
            await show(event.series_index, event.data_index)

    async def show(line: int, place: int) -> None:
        cell: dict[str, Any] = {"start": told["starts"][place]}
        if drawn[line]["split"] is not None:
            cell["split"] = {name: one for name, one in drawn[line]["split"].items() if one is not None}
        await drill.open(cell, f"{called[line]} · {labels[place]}")

    made.on_point_click(clicked)
    _table(desk, labels, called, drawn, show)


def _table(desk: Desk, labels: list[str], called: list[str], drawn: list[dict[str, Any]], show: Any) -> None:
    """The newest periods first."""
    most = [max((value or 0 for value in one["values"]), default=0) or 1 for one in drawn]
    rows = []
    for place in reversed(range(max(0, len(labels) - MOST_ROWS), len(labels))):
        cells = [
            Number(
                text=desk.number(one["values"][place]),
                shade=(one["values"][place] or 0) / most[line],
                small=one["small"][place] and bool(one["viewers"][place]),
                hint=t("insight.viewers_n", n=one["viewers"][place]),
                click=functools.partial(show, line, place) if one["viewers"][place] else None,
            )
            for line, one in enumerate(drawn)
        ]
        rows.append((labels[place], cells))
    with parts.stack().style("max-height:420px;overflow:auto;flex-wrap:nowrap"):
        grid(t("insight.period"), called, rows)


def _figures(desk: Desk, told: dict[str, Any]) -> None:
    whole = told["lines"][0]
    change = None
    if told.get("previous"):
        earlier = told["previous"]["lines"][0]["total"]
        change = (whole["total"] - earlier) / earlier if earlier and whole["total"] is not None else None
    with parts.row().style("gap:28px"):
        parts.figure_line(t("insight.total"), desk.number(whole["total"]), change)
        parts.figure_line(t("insight.viewers"), desk.number(whole["total_viewers"]), None)


def period(desk: Desk, start: str, unit: str) -> str:
    """A period's name: 21 Nov, 21 Nov 14:00, 2026-11."""
    at = desk.moment(start)
    assert at is not None
    if unit == "month":
        return f"{at:%Y-%m}"
    return f"{desk.day(at.date())} {at:%H:%M}" if unit == "hour" else desk.day(at.date())
