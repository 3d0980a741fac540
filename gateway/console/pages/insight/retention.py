"""Retention: of those who began in a period, how many came back in each one after it."""

from __future__ import annotations

import functools
from typing import Any

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.insight import forms
from gateway.console.pages.insight.forms import Form
from gateway.console.pages.insight.grid import Number, grid
from gateway.console.pages.insight.people import Drill
from gateway.console.pages.insight.trend import period
from gateway.console.parts.rule import Known, fields
from gateway.console.parts.rule.shape import Node

UNITS = ("day", "week", "month")
SMALL = 30
"""Viewers below which the API calls a share a small sample's."""


def fresh(known: Known) -> Node:
    """The first question: who signed up and opened something again."""
    entry = "Signed Up" if "Signed Up" in known.events else ""
    returned = "Content Opened" if "Content Opened" in known.events else names.ANY
    return {
        "entry": {"event": entry},
        "returned": {"event": returned},
        "by": "week",
        "periods": 8,
        "within": "60d",
        "first_ever": False,
        "or_after": False,
    }


def form(of: Form) -> None:
    """How they enter, how they return, and in which periods."""
    forms.happening(of, of.ask["entry"], label=t("insight.entry"))
    forms.happening(of, of.ask["returned"], label=t("insight.returned"))
    with parts.row(tight=True):
        forms.option(of, "by", {one: t(f"insight.unit.{one}") for one in UNITS}, label=t("insight.by"), width=100)
        fields.number(of.edit, of.ask, "periods", label=t("insight.periods"))
        forms.switch(of, "first_ever", t("insight.first_ever"))
        forms.switch(of, "or_after", t("insight.or_after"))


def draw(desk: Desk, request: Node, told: dict[str, Any], drill: Drill) -> None:
    """The curve of all together, and a line for each period of entry."""
    cohorts = told["cohorts"]
    if not any(one["size"] for one in cohorts):
        parts.empty("event_repeat", t("insight.nothing"), t("insight.nothing_hint"))
        return
    unit = t(f"insight.unit.{request['by']}")
    heads = [f"{unit} {number}" for number in range(1, len(told["shares"]) + 1)]
    made = parts.lines(
        heads, {t("insight.came_back"): told["shares"]}, percent=True, height=200, label=t("insight.kind.retention")
    )
    made.options["yAxis"]["max"] = 1

    async def show(cohort: dict[str, Any], number: int) -> None:
        begun = period(desk, cohort["start"], request["by"])
        name = t("insight.entered_in", begun=begun) if not number else f"{begun} · {heads[number - 1]}"
        await drill.open({"start": cohort["start"], "period": number, "returned": True}, name)

    rows: list[tuple[str, list[Number | None]]] = []
    whole: list[Number | None] = [Number(text=desk.number(sum(one["size"] for one in cohorts)))]
    for share, entered in zip(told["shares"], told["entered"], strict=True):
        hint = t("insight.viewers_n", n=entered)
        few = entered < SMALL
        whole.append(None if share is None else Number(text=desk.percent(share), shade=share, small=few, hint=hint))
    rows.append((t("insight.together"), whole))
    for one in cohorts:
        size = one["size"]
        click = functools.partial(show, one, 0) if size else None
        cells: list[Number | None] = [Number(text=desk.number(size), small=bool(size) and one["small"], click=click)]
        for number, came in enumerate(one["returned"], 1):
            if came is None or not size:
                cells.append(None)
                continue
            running = " …" if one["partial"] == number else ""
            cells.append(
                Number(
                    text=desk.percent(came / size) + running,
                    shade=came / size,
                    small=one["small"],
                    hint=t("insight.viewers_n", n=came),
                    click=functools.partial(show, one, number) if came else None,
                )
            )
        rows.append((period(desk, one["start"], request["by"]), cells))
    grid(t("insight.entry"), [t("insight.viewers"), *heads], rows)
