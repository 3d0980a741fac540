"""A table of numbers, each with a shade and a click that leads to the people behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import theme
from gateway.console.desk import t


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number in words, how dark its cell is (0 to 1), whether few viewers are behind it, and what a click does."""

    text: str
    shade: float = 0.0
    small: bool = False
    hint: str = ""
    click: Callable[[], Any] | None = None


def grid(
    corner: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Number | None]]], *, fine: bool = False
) -> None:
    """Draw it; a number of few viewers has an asterisk. `fine` is for many columns of small numbers."""
    accent = theme.colours(dark=desks.here().dark)["accent"]
    with ui.element("div").classes("m-scroll"), ui.element("table").classes("m-cross m-fine" if fine else "m-cross"):
        with ui.element("tr"):
            for name in (corner, *columns):
                with ui.element("th"):
                    ui.label(name)
        for name, cells in rows:
            with ui.element("tr"):
                with ui.element("th").style("text-align:left"):
                    ui.label(name).classes("m-ellipsis")
                for cell in cells:
                    _cell(cell, accent)
    if any(cell is not None and cell.small for _, cells in rows for cell in cells):
        ui.label(t("insight.small_hint")).classes("m-mute m-small")


def _cell(cell: Number | None, accent: str) -> None:
    with ui.element("td") as box:
        if cell is None:
            ui.label("").style("padding:4px 8px")
            return
        if cell.shade:
            box.style(f"background:color-mix(in srgb, {accent} {round(cell.shade * 55)}%, transparent)")
        text = f"{cell.text}*" if cell.small else cell.text
        if cell.click is None:
            ui.label(text).style("padding:4px 8px")
            return
        made = ui.element("button").props("type=button").on("click", cell.click)
        with made:
            ui.label(text)
            if cell.hint:
                ui.tooltip(cell.hint)
