"""Funnels: who goes all the way, where they drop out, and how long it takes."""

from __future__ import annotations

import functools
from typing import Any

from nicegui import events, ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.insight import forms
from gateway.console.pages.insight.forms import Form
from gateway.console.pages.insight.grid import Number, grid
from gateway.console.pages.insight.people import Drill
from gateway.console.parts.rule import Known, fields
from gateway.console.parts.rule.shape import Node

LEAST, MOST = 2, 10
FIRST = ("Content Shown", "Content Opened", "Content Liked")


def fresh(known: Known) -> Node:
    """The first question: shown, opened, liked."""
    steps = [{"event": one} for one in FIRST if one in known.events]
    while len(steps) < LEAST:
        steps.append({"event": ""})
    return {"steps": steps, "window": "1d", "within": "30d"}


def form(of: Form) -> None:
    """Steps, the window from the first to the last one, and a split."""
    box = parts.stack(tight=True)

    def draw() -> None:
        box.clear()
        steps: list[Node] = of.ask["steps"]
        with box:
            for place, step in enumerate(steps):
                with ui.element("div").classes("m-step"):
                    ui.label(str(place + 1)).classes("m-step-number")
                    with parts.stack(tight=True), forms.happening(of, step, label=t("insight.step", n=place + 1)):
                        if len(steps) > LEAST:
                            parts.button(
                                "",
                                functools.partial(dropped, place),
                                kind="quiet",
                                icon="close",
                                hint=t("rules.remove_step"),
                            )
            if len(steps) < MOST:
                with parts.row():
                    parts.button(t("rules.add_step"), added, kind="quiet", icon="add").classes("m-small")

    def dropped(place: int) -> None:
        del of.ask["steps"][place]
        draw()

    def added() -> None:
        of.ask["steps"].append({"event": ""})
        draw()

    draw()
    with parts.row(tight=True):
        fields.duration(of.edit, of.ask, "window", label=t("insight.window"))
        forms.split(of, lambda: str(of.ask["steps"][0]["event"]))
        forms.switch(of, "strict", t("insight.strict"), t("insight.strict_hint"))


def draw(desk: Desk, request: Node, told: dict[str, Any], drill: Drill) -> None:
    """Bars of everybody; reached, dropped and the time between, for everybody and every part."""
    whole = told["lines"][0]["steps"]
    if not whole[0]["viewers"]:
        parts.empty("filter_alt", t("insight.nothing"), t("insight.nothing_hint"))
        return
    called = [f"{place}. {names.event(one['event'])}" for place, one in enumerate(whole, 1)]

    async def show(line: dict[str, Any], step: int, outcome: str) -> None:
        cell: dict[str, Any] = {"step": step + 1, "outcome": outcome}
        if line["split"] is not None:
            cell["split"] = {name: one for name, one in line["split"].items() if one is not None}
        part = f"{forms.part_words(line['split'], request)} · " if line["split"] is not None else ""
        await drill.open(cell, f"{part}{called[step]} · {t('insight.outcome.' + outcome)}")

    async def clicked(event: events.EChartPointClickEventArguments) -> None:
        await show(told["lines"][0], event.data_index, "reached")

    steps = [(name, float(one["viewers"])) for name, one in zip(called, whole, strict=True)]
    parts.funnel(steps, height=50 + 46 * len(steps), label=t("insight.kind.funnels"), on_click=clicked)
    rows = []
    for line in told["lines"]:
        cells: list[Number | None] = []
        for place, step in enumerate(line["steps"]):
            text = desk.number(step["viewers"])
            share = step["of_first"] or 0.0
            if place:
                text = f"{text} · {desk.percent(step['of_previous'])}"
            cells.append(
                Number(
                    text=text,
                    shade=share,
                    small=step["small"],
                    click=functools.partial(show, line, place, "reached") if step["viewers"] else None,
                )
            )
            if place:
                cells.append(
                    Number(
                        text=f"−{desk.number(step['dropped'])}",
                        hint=t("insight.took", length=lasting(desk, step["median_seconds"])),
                        click=functools.partial(show, line, place, "dropped") if step["dropped"] else None,
                    )
                )
        rows.append((forms.part_words(line["split"], request), cells))
    heads = [called[0], *(head for name in called[1:] for head in (name, t("insight.outcome.dropped")))]
    grid("", heads, rows)
    pace = [f"{called[place]}: {lasting(desk, one['median_seconds'])}" for place, one in enumerate(whole) if place]
    ui.label(t("insight.median", pace="  ·  ".join(pace))).classes("m-mute m-small")


def lasting(desk: Desk, seconds: float | None) -> str:
    """A length of time for reading."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{desk.number(seconds / size)} {t(f'rules.units.{unit}')}"
    return f"{desk.number(seconds)} {t('rules.units.s')}"
