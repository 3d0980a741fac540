"""Home: how the platform does, in figures with the period before, and what needs attention."""

from __future__ import annotations

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.home import alerts, trends
from gateway.console.pages.home.figures import PERIODS, Figures


@frame.page("/", title="home.title")
async def home(desk: Desk) -> None:
    """The period of the address (`?days=30`); each part loads on its own, so that none waits for another."""
    asked = desk.query.get("days", "")
    days = int(asked) if asked.isdigit() and int(asked) in PERIODS else PERIODS[0]
    figures = Figures(desk, days)
    with parts.row():
        ui.label(t("home.compared", n=days)).classes("m-mute m-grow")
        views = {f"/?days={period}": t("home.days", n=period) for period in PERIODS}
        parts.pills(t("home.period"), views, f"/?days={days}")
    parts.later(figures.draw, lines=2)
    with parts.grid():
        with parts.panel(t("home.active"), hint=t("home.active_hint"), span=8):
            parts.later(lambda: trends.active(desk, figures))
        with parts.panel(t("home.alerts"), span=4):
            parts.later(lambda: alerts.draw(desk))
        with parts.panel(t("home.new"), span=4):
            parts.later(lambda: trends.new(desk, figures))
        with parts.panel(t("home.sent"), span=4):
            parts.later(lambda: trends.sent(desk, figures))
        with parts.panel(t("home.acts"), hint=t("sources.seven_days"), span=4):
            parts.later(lambda: trends.acts(desk))
    if desk.may("segment:read"):
        with parts.panel(t("home.segments"), hint=t("home.segments_hint")):
            parts.later(lambda: trends.segments(desk))
