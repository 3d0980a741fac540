"""A rule taken apart: its overlap with segments, split by a trait, and a grid of two traits, each part to be saved."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from nicegui import ui

from gateway.console import names, parts, theme
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import said
from gateway.console.pages.segments.saving import ask_rule
from gateway.console.parts.rule import Known

VIEWS = ("overlap", "split", "cross")

Asked = Callable[[], dict[str, Any] | None]
"""The rule (or the saved segment) of a preview; None when there is none yet."""


class Analysis:
    """Three views of one rule; each is asked for when it is opened, and again by its button."""

    def __init__(self, desk: Desk, known: Known, asked: Asked) -> None:
        self._desk, self._asked = desk, asked
        self._view = VIEWS[0]
        with parts.row() as head:
            self._pills = {name: ui.element("button").classes("m-pill").props("type=button") for name in VIEWS}
            for name, pill in self._pills.items():
                with pill:
                    ui.label(t(f"segments.views.{name}"))
            ui.element("div").classes("m-grow")
            self._with = ui.select(
                dict(known.segments), label=t("segments.with"), multiple=True, with_input=True, value=[]
            )
            self._with.props("use-chips").style("min-width:300px;max-width:560px")
            self._rows = _trait(known.traits, t("segments.by_trait"), ("region", "city", "plan"))
            self._columns = _trait(known.traits, t("segments.and_trait"), ("age", "gender", "plan"))
            self._bands = ui.input(t("segments.bands")).style("width:150px").props('placeholder="18, 25, 35"')
        self.box = parts.stack()
        for name, pill in self._pills.items():
            parts.renewing(pill, functools.partial(self._open, name), self.box)
        with head:
            parts.button(t("segments.calculate"), self.refresh, icon="calculate", renews=self.box)
        self._mark()
        with self.box:
            ui.label(t("segments.calculate_hint")).classes("m-mute")

    async def refresh(self) -> None:
        """Ask again, about the rule as it is now."""
        body = self._asked()
        self.box.clear()
        with self.box:
            if body is None:
                ui.label(t("segments.begin")).classes("m-mute")
                return
            parts.later({"overlap": self._overlap, "split": self._split, "cross": self._cross}[self._view])

    async def _open(self, view: str) -> None:
        self._view = view
        self._mark()
        await self.refresh()

    def _mark(self) -> None:
        for name, pill in self._pills.items():
            here = name == self._view
            pill.classes(add="m-here" if here else "", remove="" if here else "m-here")
            pill.props("aria-pressed=true" if here else "aria-pressed=false")
        self._with.set_visibility(self._view == "overlap")
        self._rows.set_visibility(self._view != "overlap")
        self._columns.set_visibility(self._view == "cross")
        self._bands.set_visibility(self._view == "cross")

    async def _overlap(self) -> None:
        body = {**(self._asked() or {}), **({"with": self._with.value} if self._with.value else {})}
        told = await self._desk.api.post("/v1/segments/preview/overlap", body)
        if not told["segments"]:
            parts.empty("join_inner", t("segments.no_others"))
            return
        desk = self._desk
        with parts.grid():
            with parts.stack().classes("m-7"):
                parts.Table(
                    [
                        parts.Column("name", t("segments.name")),
                        parts.Column("size", t("segments.size"), number=True),
                        parts.Column("both", t("segments.both"), number=True),
                        parts.Column("of_rule", t("segments.of_rule"), number=True),
                        parts.Column("of_segment", t("segments.of_segment"), number=True),
                    ],
                    [
                        {
                            **one,
                            "name": parts.Link(one["name"], f"/segments/{one['key']}"),
                            "of_rule": desk.percent(one["of_rule"]),
                            "of_segment": desk.percent(one["of_segment"]),
                        }
                        for one in told["segments"]
                    ],
                    key="key",
                )
            with parts.stack().classes("m-5"):
                called = [t("segments.this_rule"), *(one["name"] for one in told["segments"])][:11]
                cells = [(x, y, _share(told["matrix"], x, y)) for y in range(len(called)) for x in range(len(called))]
                height = 60 + 28 * len(called)
                parts.heat(
                    called, called, cells, percent=True, numbers=True, height=height, label=t("segments.views.overlap")
                )
                ui.label(t("segments.matrix_hint")).classes("m-mute m-small")

    async def _split(self) -> None:
        body = {**(self._asked() or {}), "trait": self._rows.value, "top": 12}
        told = await self._desk.api.post("/v1/segments/preview/split", body)
        if not told["parts"]:
            parts.empty("pie_chart", t("segments.nobody"))
            return
        called = [part_words(one) for one in told["parts"]]
        title = names.trait(str(self._rows.value))
        with parts.grid():
            with parts.stack().classes("m-6"):
                values = {title: [one["count"] for one in told["parts"]]}
                parts.bars(called, values, flat=True, height=40 + 28 * len(called), label=title)
            with parts.stack().classes("m-6"):
                parts.Table(
                    [
                        parts.Column("value", title),
                        parts.Column("count", t("segments.viewers"), number=True),
                        parts.Column("share", t("segments.share"), number=True),
                    ],
                    [
                        {
                            "id": place,
                            "value": called[place],
                            "count": one["count"],
                            "share": self._desk.percent(one["share"]),
                            "acts": ["save"] if one["rule"] and self._desk.may("segment:write") else [],
                        }
                        for place, one in enumerate(told["parts"])
                    ],
                    acts=[
                        parts.Act(
                            "save",
                            t("segments.save_as"),
                            lambda row: ask_rule(self._desk, told["parts"][row["id"]]["rule"], name=row["value"]),
                        )
                    ],
                )

    async def _cross(self) -> None:
        columns: dict[str, Any] = {"trait": self._columns.value}
        edges = bands(self._bands.value or "")
        if edges:
            columns["bands"] = edges
        body = {**(self._asked() or {}), "rows": {"trait": self._rows.value}, "columns": columns}
        told = await self._desk.api.post("/v1/segments/preview/cross", body)
        if not told["count"]:
            parts.empty("grid_on", t("segments.nobody"))
            return
        down, across = ([part_words(one) for one in told[side]] for side in ("rows", "columns"))
        most = max((cell["count"] for line in told["cells"] for cell in line), default=1) or 1
        with ui.element("div").classes("m-scroll"), ui.element("table").classes("m-cross"):
            with ui.element("tr"):
                with ui.element("th"):
                    ui.label(f"{names.trait(str(self._rows.value))} × {names.trait(str(self._columns.value))}")
                for one in across:
                    with ui.element("th"):
                        ui.label(one)
            for one, line in zip(down, told["cells"], strict=True):
                with ui.element("tr"):
                    with ui.element("th").style("text-align:left"):
                        ui.label(one)
                    for other, cell in zip(across, line, strict=True):
                        self._cell(cell, f"{one} · {other}", cell["count"] / most)
        ui.label(t("segments.cross_hint")).classes("m-mute m-small")

    def _cell(self, cell: dict[str, Any], name: str, share: float) -> None:
        desk = self._desk
        tone = theme.colours(dark=desk.dark)["accent"]
        style = f"background:color-mix(in srgb, {tone} {round(share * 55)}%, transparent)"
        with ui.element("td").style(style):
            if cell["rule"] is None or not cell["count"] or not desk.may("segment:write"):
                ui.label(desk.number(cell["count"])).style("padding:4px 8px")
                return
            rule = cell["rule"]
            made = ui.element("button").props("type=button").on("click", lambda: ask_rule(desk, rule, name=name))
            with made:
                ui.label(desk.number(cell["count"]))
                ui.tooltip(f"{name}: {t('segments.save_as')}")


def _trait(options: dict[str, str], label: str, wanted: tuple[str, ...]) -> ui.select:
    value = next((one for one in wanted if one in options), next(iter(options), None))
    return ui.select(dict(options), label=label, value=value, with_input=True).style("width:180px")


def _share(matrix: list[list[int]], x: int, y: int) -> float | None:
    """Of those in the row's segment, how many are in the column's too."""
    return matrix[y][x] / matrix[y][y] if matrix[y][y] else None


def bands(text: str) -> list[float]:
    """Edges of bands as they are typed, rising; what is no number is left out."""
    found = set()
    for word in re.split(r"[^0-9.eE+-]+", text):
        try:
            found.add(float(word))
        except ValueError:
            continue
    return sorted(found)


def part_words(one: dict[str, Any]) -> str:
    """A part of a split for reading."""
    if one.get("missing"):
        return t("segments.part_missing")
    if one.get("other"):
        return t("segments.part_other")
    if one.get("from") is not None or one.get("to") is not None:
        low, high = one.get("from"), one.get("to")
        return f"< {high:g}" if low is None else f"≥ {low:g}" if high is None else f"{low:g} – {high:g}"
    return said(one["value"])
