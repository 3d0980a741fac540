"""The fourth step: which event the campaign is for, and who gets nothing, to compare with."""

from __future__ import annotations

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import t
from gateway.console.pages.campaigns import drafts
from gateway.console.pages.campaigns.editing import Making
from gateway.console.parts.rule import Filters, fields

WITHIN = "7d"


async def draw(making: Making) -> None:
    """Conversion, hold-out, and counting of opens and clicks."""
    body = making.body
    goal = body.setdefault("conversion", {"event": "", "within": WITHIN})
    with parts.grid():
        with parts.panel(t("campaigns.conversion"), hint=t("campaigns.conversion_hint"), span=7):
            filters: Filters | None = None

            def renamed() -> None:
                if filters is not None:
                    filters.draw()

            with parts.row(tight=True):
                fields.event(making.edit, goal, "event", then=renamed, label=t("campaigns.conversion_event"))
                fields.duration(making.edit, goal, "within", label=t("campaigns.within"))
                fields.text(making.edit, goal, "value", label=t("campaigns.value"), width=170, optional=True)
            filters = Filters(making.edit, goal, "where", lambda: str(goal["event"]), add=t("rules.add_filter"))
            ui.label(t("campaigns.no_conversion")).classes("m-mute m-small")
        with parts.panel(t("campaigns.holdout"), span=5):
            if body.get("transactional"):
                ui.label(t("campaigns.no_holdout")).classes("m-mute")
            else:
                fields.percent(making.edit, body, "holdout", label=t("campaigns.holdout_share"))
                ui.label(t("campaigns.holdout_hint")).classes("m-mute m-small")
            tracking = ui.switch(t("campaigns.tracking"), value=bool(body.get("tracking", True)))
            about = ui.label("").classes("m-mute m-small")

            def told() -> None:
                body["tracking"] = bool(tracking.value)
                about.text = t(f"campaigns.measured.{drafts.measured(body)}")

            tracking.on_value_change(told)
            told()
