"""Why a viewer is in a segment, or not."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import api, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.parts.rule import explained


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """A field for a viewer (`?ref=` fills it), and the rule with a tick or a cross at each part."""
    with parts.panel(t("segments.explain_title"), hint=t("segments.explain_hint")):
        with parts.row() as head:
            field = ui.input(t("segments.ref"), value=desk.query.get("ref", "")).style("width:320px")
            field.props('placeholder="user_id:u1"')
        box = parts.stack()
        with head:
            parts.button(t("segments.explain"), lambda: show(), kind="primary", renews=box)

        async def show() -> None:
            wanted = (field.value or "").strip()
            box.clear()
            if not wanted:
                return
            with box:
                try:
                    told = await desk.api.get(f"/v1/segments/{one['key']}/explain/{api.ref(wanted)}")
                except ApiError as error:
                    parts.failed(error)
                    return
                with parts.row(tight=True):
                    ui.link(f"# {told['profile_id']}", f"/people/{told['profile_id']}").classes("m-mono")
                explained(told, one["rule"])

        field.on("keydown.enter", show)
        if field.value:
            await show()
