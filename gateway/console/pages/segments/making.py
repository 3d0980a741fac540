"""The builder's page: a new segment, or another rule for one that is there."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.segments.analysis import Analysis
from gateway.console.pages.segments.preview import Preview
from gateway.console.pages.segments.saving import key_of
from gateway.console.parts.rule import Builder, Known


@frame.page("/segments/new", title="segments.new", permission="segment:write")
async def new(desk: Desk) -> None:
    """`?rule=` (JSON) and `?name=` are what it begins with: other pages hand their filters on by it."""
    rule: Any = {"all": []}
    try:
        rule = json.loads(desk.query.get("rule") or '{"all": []}')
    except ValueError as error:
        parts.alert(t("rules.not_json", why=str(error)), tone="bad")
    if not isinstance(rule, dict):
        rule = {"all": []}
    await _draw(desk, rule, name=desk.query.get("name", ""), segment=None)


@frame.page("/segments/{key}/edit", title="segments.edit", permission="segment:write")
async def edit(desk: Desk, key: str) -> None:
    """The rule of a segment; saving makes a new version."""
    segment = await desk.api.get(f"/v1/segments/{key}")
    if segment["rule"] is None:
        ui.navigate.to(f"/segments/{key}?tab=list")
        return
    await _draw(desk, segment["rule"], name=segment["name"], segment=segment)


async def _draw(desk: Desk, rule: dict[str, Any], *, name: str, segment: dict[str, Any] | None) -> None:
    known = await Known.load(desk)
    with parts.panel(), parts.row():
        named = ui.input(t("segments.name"), value=name).props("maxlength=200").style("width:320px")
        key = ui.input(t("segments.key"), value=segment["key"] if segment else "").style("width:240px")
        key.props("readonly" if segment else "maxlength=64")
        parts.attributes(key, placeholder=None if segment else t("segments.key_auto"))
        ui.element("div").classes("m-grow")
        back = f"/segments/{segment['key']}" if segment else "/segments"
        parts.button(t("shared.cancel"), href=back)
        save = parts.button(t("segments.save_version") if segment else t("segments.save"), kind="primary", icon="check")
    with ui.element("div").classes("m-building"):
        with parts.panel(t("segments.rule"), hint=t("segments.rule_hint")):
            builder = Builder(rule, known, lambda: preview.ask(builder))
        with parts.stack().classes("m-sticky"):
            preview = Preview(desk, builder.show_wrong)
    with parts.panel(t("segments.apart"), hint=t("segments.apart_hint")):
        Analysis(desk, known, lambda: None if builder.blank else {"rule": builder.rule})
    preview.ask(builder)

    async def saved() -> None:
        if builder.blank:
            parts.say(t("segments.begin"))
            return
        wanted = (named.value or "").strip()
        try:
            if segment:
                made = await desk.api.patch(f"/v1/segments/{segment['key']}", {"name": wanted, "rule": builder.rule})
            else:
                chosen = (key.value or "").strip() or key_of(wanted)
                made = await desk.api.post("/v1/segments", {"key": chosen, "name": wanted, "rule": builder.rule})
        except ApiError as error:
            _refused(error, builder, named, key)
            return
        ui.navigate.to(f"/segments/{made['key']}")

    save.on_click(saved)


def _refused(error: ApiError, builder: Builder, named: ui.input, key: ui.input) -> None:
    about_rule = {field: message for field, message in error.fields.items() if field.startswith("rule")}
    left = builder.show_wrong(about_rule)
    others = {field: message for field, message in error.fields.items() if field not in about_rule}
    if others or left or not error.fields:
        told = {**others, **({"rule": "; ".join(left)} if left else {})}
        error = ApiError(error.status, error.type, error.title, error.detail, told, error.retry_after)
        parts.field_errors(error, {"name": named, "key": key})
