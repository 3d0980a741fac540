"""What a viewer did, the newest first, page by page."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.names import event

PAGE = 50
SHORT = 4
"""Properties shown in the line; all of them stand below it."""
QUIET = ("Content Shown", "Banner Shown", "Page Viewed", "Screen Viewed")
"""Events that say little: their dot is grey."""


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """The list, and a filter by event."""
    path = f"/v1/profiles/{profile['profile_id']}/events"
    portrait = await desk.api.get(f"/v1/profiles/{profile['profile_id']}/portrait")
    options = {"": t("person.every_event")} | {
        name: f"{event(name)} ({n})" for name, n in portrait["interactions"].items()
    }
    with parts.panel():
        chosen = ui.select(options, label=t("person.event"), value="").style("width:280px")
        box = ui.element("div").classes("m-timeline").props("aria-live=polite")
        foot = parts.row()

        async def load(cursor: str | None = None) -> None:
            page = await desk.api.get(path, limit=PAGE, cursor=cursor, event=chosen.value or None)
            if cursor is None:
                box.clear()
            with box:
                for one in page["items"]:
                    _event(desk, one)
                if not page["items"]:
                    parts.empty("history", t("person.no_events"), t("person.no_events_hint"))
            foot.clear()
            if page.get("next"):
                with foot:
                    parts.button(t("shared.more"), lambda: load(page["next"]), icon="expand_more")

        chosen.on_value_change(lambda: load())
        await load()


def _event(desk: Desk, one: dict[str, Any]) -> None:
    name = one["event"] or f"({one['type']})"
    quiet = name in QUIET or not one["event"]
    with ui.element("div").classes("m-event m-quiet" if quiet else "m-event"):
        at = ui.label(desk.time(one["time"])).classes("m-event-time")
        parts.attributes(at, title=desk.exact(one["time"]))
        ui.element("div").classes("m-event-dot")
        with ui.element("details"):
            with ui.element("summary"):
                ui.label(event(name)).classes("m-strong" if not quiet else "").style("display:inline")
                ui.label(_short(one["properties"])).classes("m-mute m-small").style("display:inline;margin-left:8px")
                if one["bot"]:
                    mark = parts.badge(t("people.program"), "warn").style("margin-left:8px")
                    parts.attributes(mark, title=t(f"person.by.{one['bot']}"))
                if one["history"]:
                    ui.label(t("person.history")).classes("m-badge").style("margin-left:8px")
            told = {
                "event": name,
                "origin": one["origin"],
                "source": one["source"],
                "received_at": one["received_at"],
                "properties": one["properties"],
                "context": one["context"],
            }
            with ui.element("pre").classes("m-code m-mono"):
                ui.label(json.dumps(told, ensure_ascii=False, indent=2)).classes("m-pre")


def _short(properties: dict[str, Any]) -> str:
    """The first properties that are words or numbers."""
    plain = [(name, value) for name, value in properties.items() if isinstance(value, str | int | float)]
    return " · ".join(f"{name}: {value}" for name, value in plain[:SHORT])
