"""Long work: a bar that moves, and a job of the API that is watched to its end."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console.desk import t
from gateway.console.parts.attributes import attributes
from gateway.console.parts.errors import show_error


class progress:  # noqa: N801 - used like the other parts, which are functions
    """A bar with a sentence: `bar = progress()`, then `bar.show(done, total, "…")`."""

    def __init__(self, text: str = "") -> None:
        self.box = ui.element("div").classes("m-stack m-tight")
        with self.box:
            self._label = ui.label(text).classes("m-small m-mute")
            with ui.element("div").classes("m-bar").props("role=progressbar aria-valuemin=0 aria-valuemax=100") as bar:
                self._bar = bar
                self._fill = ui.element("div").style("width:0%")

    def show(self, done: float, total: float | None, text: str = "") -> None:
        """How much is done of how much; without a total the bar stands at a third."""
        share = min(1.0, done / total) if total else 0.33
        self._fill.style(f"width:{share * 100:.1f}%")
        attributes(self._bar, aria_valuenow=round(share * 100))
        desk = desks.here()
        counted = f"{desk.number(done)} / {desk.number(total)}" if total else desk.number(done)
        self._label.text = text or counted


def job(
    ask: Callable[[], Awaitable[dict[str, Any]]],
    finished: Callable[[dict[str, Any]], Any],
    *,
    done: str = "done",
    total: str = "total",
    every: float = 1.0,
) -> progress:
    """Watch a job until it ends: `ask` brings it (with `state`, and the counts named), `finished` is told the last.

    States that end: done, finished, completed, failed, cancelled, superseded.
    """
    bar = progress(t("shared.working"))

    async def look() -> None:
        try:
            told = await ask()
        except Exception as error:
            timer.deactivate()
            show_error(error)
            return
        bar.show(told.get(done) or 0, told.get(total))
        if told["state"] in ("done", "finished", "completed", "failed", "cancelled", "superseded"):
            timer.deactivate()
            result = finished(told)
            if inspect.isawaitable(result):
                await result

    with bar.box:
        timer = ui.timer(every, look)
    return bar
