"""Home: how the platform does, in figures and trends."""

from __future__ import annotations

from gateway.console import frame, parts
from gateway.console.desk import Desk, t


@frame.page("/", title="home.title")
async def home(desk: Desk) -> None:
    """Figures with the period before, and what needs attention."""

    async def quality() -> None:
        told = await desk.api.get("/v1/quality")
        with parts.panel(t("home.quality")):
            parts.facts([(name, str(value)[:80]) for name, value in told.items() if not isinstance(value, list | dict)])

    parts.later(quality)
