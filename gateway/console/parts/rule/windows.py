"""The window of time of an event, and what is measured over its events."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console.desk import t
from gateway.console.parts.rule import fields
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.shape import CALENDARS, MEASURES, TIMES, Node

_FIELDS = ("within", "between", "from", "to", "calendar", "zone")
_NEW: dict[str, dict[str, Any]] = {
    "ever": {},
    "within": {"within": "7d"},
    "ago": {"between": ["90d", "30d"]},
    "dates": {"from": ""},
    "calendar": {"calendar": "today"},
}


def _chosen(node: Node) -> str:
    if "within" in node:
        return "within"
    if "between" in node:
        return "ago"
    if "from" in node or "to" in node:
        return "dates"
    return "calendar" if "calendar" in node else "ever"


def window(edit: Editing, node: Node) -> None:
    """All time, the last so long, between two times ago, between two days, or a day, week, month, year."""
    box = ui.element("div").classes("m-row m-tight")

    def turned(value: str) -> None:
        for name in _FIELDS:
            node.pop(name, None)
        new = _NEW[value]
        node.update({name: list(one) if isinstance(one, list) else one for name, one in new.items()})
        if value in ("dates", "calendar"):
            node["zone"] = desks.here().zone.key
        draw()
        edit.changed()

    def draw() -> None:
        box.clear()
        kind = _chosen(node)
        with box:
            options = {one: t(f"rules.windows.{one}") for one in _NEW}
            fields.choose(options, kind, turned, label=t("rules.time"), width=124)
            match kind:
                case "within":
                    fields.duration(edit, node, "within", label=t("rules.length"))
                case "ago":
                    fields.duration(edit, node["between"], 0, label=t("rules.ago_far"))
                    fields.duration(edit, node["between"], 1, label=t("rules.ago_near"))
                case "dates":
                    fields.instant(edit, node, "from", label=t("rules.from"), optional=True)
                    fields.instant(edit, node, "to", label=t("rules.to"), optional=True)
                    fields.zone(edit, node)
                case "calendar":
                    _calendar(edit, node)

    draw()


def _calendar(edit: Editing, node: Node) -> None:
    def told(value: str) -> None:
        node["calendar"] = value
        edit.changed()

    options = {one: t(f"rules.calendars.{one}") for one in CALENDARS}
    fields.choose(options, node["calendar"], told, label=t("rules.day"), width=120)
    fields.zone(edit, node)


def measure(edit: Editing, node: Node) -> None:
    """How often, how much of a property, how many different ones, on how many days; and the bounds of that."""
    box = ui.element("div").classes("m-row m-tight")

    def turned(value: str) -> None:
        of = next((one for one in node.get("measure", {}).values() if isinstance(one, str)), "")
        node.pop("measure", None)
        if value == "active_days":
            node["measure"] = {"active_days": True, "zone": desks.here().zone.key}
        elif value != "count":
            node["measure"] = {value: of}
        draw()
        edit.changed()

    def draw() -> None:
        box.clear()
        given = node.get("measure", {"count": True})
        kind = next((one for one in MEASURES if one in given), "count")
        with box:
            options = {one: t(f"rules.measures.{one}") for one in MEASURES}
            fields.choose(options, kind, turned, label=t("rules.measure"), width=124)
            if kind == "active_days":
                fields.zone(edit, given)
            elif kind != "count":
                known = {one: one for one in edit.known.properties.get(str(node.get("did", "")), {})}
                fields.name(edit, given, kind, known, label=t("rules.property"), width=150)

            def put(bounds: Node) -> None:
                node["times"] = bounds

            fields.bounds(edit, lambda: node.get("times", {"gte": 1}), put, operators=TIMES)

    draw()
