"""Distributions: how often viewers do something, and how a number of it spreads."""

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
from gateway.console.parts.rule import Known, fields
from gateway.console.parts.rule.shape import Node

WAYS = ("times", "sum", "property")
SHOWN = ("p10", "p25", "p50", "p75", "p90", "p99")


def fresh(known: Known) -> Node:
    """The first question: how many times viewers open something."""
    return {"event": next((one for one in FIRST if one in known.events), ""), "within": "30d", "bins": 20}


def form(of: Form) -> None:
    """An event, and which number of it."""
    with forms.happening(of, of.ask):
        box = parts.row(tight=True)
        fields.number(of.edit, of.ask, "bins", label=t("insight.bins"))

    def turned(value: str) -> None:
        of.ask.pop("sum", None)
        of.ask.pop("property", None)
        if value != "times":
            of.ask[value] = ""
        redraw()

    def redraw() -> None:
        box.clear()
        kind = next((one for one in WAYS[1:] if one in of.ask), "times")
        with box:
            options = {one: t(f"insight.way.{one}") for one in WAYS}
            fields.choose(options, kind, turned, label=t("rules.measure"), width=170)
            if kind != "times":
                known = forms.properties(of, str(of.ask["event"]))
                fields.name(of.edit, of.ask, kind, known, label=t("rules.property"), width=150)

    redraw()


def draw(desk: Desk, request: Node, told: dict[str, Any], drill: Drill) -> None:
    """Figures, and a histogram."""
    if not told["count"]:
        parts.empty("bar_chart", t("insight.nothing"), t("insight.nothing_hint"))
        return
    with parts.row().style("gap:28px"):
        parts.figure_line(t("insight.viewers"), desk.number(told["viewers"]), None)
        parts.figure_line(t("insight.mean"), desk.number(told["mean"], digits=2), None)
        for name in SHOWN:
            text = t("insight.half") if name == "p50" else name
            parts.figure_line(text, desk.number(told["quantiles"].get(name), digits=2), None)
        parts.figure_line(t("insight.most"), desk.number(told["max"], digits=2), None)
    bins = told["bins"]
    called = [f"{desk.number(one['from'])}–{desk.number(one['to'])}" for one in bins]
    title = t("insight.events_n") if "property" in request else t("insight.viewers")

    async def show(place: int) -> None:
        one = bins[place]
        if one["viewers"]:
            await drill.open({"from": one["from"], "to": one["to"], "last": one["last"]}, called[place])

    async def clicked(event: events.EChartPointClickEventArguments) -> None:
        await show(event.data_index)

    def number(place: int, name: str) -> Number:
        click = functools.partial(show, place) if name == "viewers" and bins[place]["viewers"] else None
        return Number(text=desk.number(bins[place][name]), click=click)

    made = parts.bars(called, {title: [one["count"] for one in bins]}, height=300, label=t("insight.kind.distribution"))
    made.on_point_click(clicked)
    shown = {"viewers": t("insight.viewers"), **({"count": title} if "property" in request else {})}
    every = range(len(bins))
    grid("", called, [(words, [number(place, name) for place in every]) for name, words in shown.items()], fine=True)
    if told["small"]:
        ui.label(t("insight.small_hint")).classes("m-mute m-small")
