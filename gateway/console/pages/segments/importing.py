"""Rules of other systems: what becomes of them here, what could not be carried over, and saving them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from nicegui import events, ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.parts.rule import said

FORMATS = ("unomi", "dittofeed", "posthog", "sensors")
TONES: dict[str, parts.Tone] = {"narrower": "warn", "changed": "bad", "refused": "bad"}


@frame.page("/segments/import", title="segments.import_title", permission="segment:write")
async def import_rule(desk: Desk) -> None:
    """The JSON on the left, what becomes of it on the right; nothing is saved before the builder saves it."""
    with parts.grid():
        with parts.panel(t("segments.theirs"), hint=t("segments.theirs_hint"), span=6):
            with parts.row():
                formats = {one: t(f"segments.formats.{one}") for one in FORMATS}
                system = ui.select(formats, label=t("segments.format"), value=FORMATS[0]).style("width:220px")
                rename = ui.input(t("segments.rename")).props('placeholder="$pageview=Page Viewed, …"')
                rename.classes("m-grow")
            field = ui.textarea(t("segments.their_json")).props('input-class="m-mono" spellcheck=false')
            field.props('input-style="height:360px"').style("width:100%")

            async def taken(event: events.UploadEventArguments) -> None:
                field.value = await event.file.text()

            with parts.row():
                parts.button(t("segments.read"), lambda: read(), kind="primary", icon="sync_alt")
                upload = ui.upload(auto_upload=True, max_file_size=2_000_000, on_upload=taken)
                parts.attributes(upload.props('accept=".json,application/json" flat'), label=t("segments.choose_json"))
                upload.classes("m-upload m-grow")
        with parts.panel(t("segments.ours"), span=6):
            box = parts.stack()
            with box:
                ui.label(t("segments.ours_hint")).classes("m-mute")

    async def read() -> None:
        try:
            body = json.loads(field.value or "")
        except ValueError as error:
            field.error = t("rules.not_json", why=str(error))
            return
        if not isinstance(body, dict):
            field.error = t("rules.not_a_rule")
            return
        field.error = None
        renamed = [one.strip() for one in (rename.value or "").split(",") if one.strip()]
        box.clear()
        with box:
            try:
                told = await desk.api.post(
                    "/v1/segments/import", body, format=system.value, zone=desk.zone.key, rename=renamed or None
                )
            except ApiError as error:
                parts.failed(error)
                return
            _carried(told)


def _carried(told: dict[str, Any]) -> None:
    if told["rule"] is None:
        parts.alert(t("segments.import_refused"), tone="bad")
    elif told["notes"]:
        parts.alert(t("segments.import_partly", n=len(told["notes"])))
    else:
        parts.alert(t("segments.import_whole"), tone="good")
    for one in told["notes"]:
        with ui.element("div").classes("m-note"):
            with parts.row(tight=True):
                parts.badge(t(f"segments.effects.{one['effect']}"), TONES[one["effect"]])
                ui.label(one["path"]).classes("m-mono m-mute m-wrap")
            ui.label(f"{one['part']}: {one['reason']}").classes("m-wrap")
    if told["rule"] is None:
        return
    with ui.element("h3"):
        ui.label(t("segments.rule"))
    said(told["rule"])
    if told["events"]:
        ui.label(t("segments.import_events", names=", ".join(told["events"]))).classes("m-mute m-small m-wrap")
    if told["segments"]:
        ui.label(t("segments.import_segments", names=", ".join(told["segments"]))).classes("m-mute m-small m-wrap")
    with parts.row():
        rule, name = json.dumps(told["rule"], ensure_ascii=False), told["name"]
        go = f"/segments/new?{urlencode({'rule': rule, 'name': name})}"
        parts.button(t("segments.to_builder"), href=go, kind="primary", icon="arrow_forward")
