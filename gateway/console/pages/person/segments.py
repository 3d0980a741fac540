"""Segments a viewer is in, since when and why, and the rule explained for him."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts, texts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import said


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """Those he is in, and any other one to ask why he is not."""
    viewer = await desk.api.get(f"/v1/viewers/{profile['profile_id']}", limit=1)
    if viewer["segments"] is None:
        parts.alert(t("person.absent"), tone="bad", detail=viewer["absent"].get("segments", ""))
        return
    inside = viewer["segments"]
    every = await desk.api.every("/v1/segments", most=500) if desk.may("segment:read") else []
    with parts.grid():
        with parts.panel(t("person.in_segments"), span=5):
            if not inside:
                parts.empty("donut_large", t("person.no_segments"), t("person.no_segments_hint"))
            for one in inside:
                with parts.row().style("flex-wrap:nowrap"):
                    with parts.stack(tight=True).classes("m-grow"):
                        ui.link(one["name"], f"/segments/{one['key']}")
                        since = t("person.since", at=desk.time(one["since"]), cause=_cause(desk, one["cause"]))
                        parts.attributes(ui.label(since).classes("m-mute m-small"), title=desk.exact(one["since"]))
                    parts.button(
                        t("person.why"), lambda key=one["key"]: explain(key), kind="quiet", icon="help_outline"
                    )
        with parts.panel(t("person.explained"), hint=t("person.explained_hint"), span=7):
            known = {one["key"]: one["name"] for one in every}
            chosen = ui.select(known, label=t("people.segment"), with_input=True).style("width:320px")
            box = ui.element("div").classes("m-stack")

            async def explain(key: str | None) -> None:
                if not key:
                    return
                if chosen.value != key and key in known:
                    chosen.set_value(key)
                    return
                box.clear()
                with box:
                    parts.skeleton(3)
                try:
                    told = await desk.api.get(f"/v1/segments/{key}/explain/{profile['profile_id']}")
                except ApiError as error:
                    box.clear()
                    with box:
                        parts.failed(error)
                    return
                box.clear()
                with box:
                    verdict(desk, told)

            chosen.on_value_change(lambda event: explain(event.value))


def _cause(desk: Desk, cause: str) -> str:
    key = f"person.causes.{cause}"
    return t(key) if texts.known(desk.language, key) else cause


def verdict(desk: Desk, told: dict[str, Any]) -> None:
    """In or out, and the rule with a tick or a cross at each of its parts."""
    inside = told["inside"]
    since = t("person.since", at=desk.time(told["since"]), cause=_cause(desk, told["cause"])) if told["since"] else ""
    parts.alert(t("person.is_in") if inside else t("person.is_out"), tone="good" if inside else "warn", detail=since)
    rule = told["rule"]
    if rule is None:
        ui.label(t("person.no_rule")).classes("m-mute")
        return
    if rule["holds"] is not inside:
        ui.label(t("person.late")).classes("m-mute m-small")
    with ui.element("div").classes("m-stack m-tight"):
        _part(desk, rule)


def _part(desk: Desk, part: dict[str, Any]) -> None:
    """One part: what it asks, what is known, and when time alone may change it."""
    with parts.row(tight=True).classes("m-top-aligned").style("flex-wrap:nowrap"):
        holds = part["holds"]
        word = t("person.holds") if holds else t("person.holds_not")
        icon = ui.icon("check_circle" if holds else "cancel").classes("m-good" if holds else "m-bad")
        parts.attributes(icon.style("margin-top:2px;font-size:16px"), role="img", aria_label=word)
        with parts.stack(tight=True).classes("m-grow"):
            with parts.row(tight=True):
                ui.label(part["text"]).classes("m-wrap")
                if part["actual"] is not None:
                    ui.label(t("person.actual", value=said(part["actual"]))).classes("m-badge")
                if part["changes_at"]:
                    changes = ui.label(t("person.changes_at", at=desk.time(part["changes_at"])))
                    parts.attributes(changes.classes("m-mute m-small"), title=desk.exact(part["changes_at"]))
            for one in part["parts"]:
                _part(desk, one)
