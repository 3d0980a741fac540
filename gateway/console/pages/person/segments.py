"""Segments a viewer is in, since when and why, and the rule explained for him."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts, texts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t


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
                        ui.label(since).classes("m-mute m-small").props(f'title="{desk.exact(one["since"])}"')
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
                    verdict(told)

            chosen.on_value_change(lambda event: explain(event.value))


def _cause(desk: Desk, cause: str) -> str:
    key = f"person.causes.{cause}"
    return t(key) if texts.known(desk.language, key) else cause


def verdict(told: dict[str, Any]) -> None:
    """A rule with a tick or a cross at each of its parts."""
    member = bool(told.get("member"))
    parts.alert(t("person.is_in") if member else t("person.is_out"), tone="good" if member else "warn")
    tree = told.get("because") or told.get("rule") or told.get("explanation")
    if isinstance(tree, dict):
        _node(tree)


def _node(node: dict[str, Any]) -> None:
    with parts.row(tight=True).classes("m-top-aligned").style("flex-wrap:nowrap"):
        holds = node.get("holds")
        icon, tone = ("check", "m-good") if holds else ("close", "m-bad")
        ui.icon(icon).classes(tone).style("margin-top:2px")
        with parts.stack(tight=True).classes("m-grow"):
            ui.label(str(node.get("text") or node.get("part") or "")).classes("m-wrap")
            for one in node.get("parts") or ():
                _node(one)
