"""The tracking plan: what each event is to be like, and what happens to those that are not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gateway.console import names, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

MODES = ("observe", "refuse", "strip")
TONES: dict[str, parts.Tone] = {"refuse": "bad", "strip": "warn", "observe": ""}


async def draw(desk: Desk) -> None:
    """Every event type, and one more."""
    with parts.panel():
        with parts.row():
            ui.label(t("sources.plan_hint")).classes("m-mute m-grow")
            search = ui.input(t("sources.find_event")).props("type=search").style("width:220px")
            if desk.may("profile:write"):
                parts.button(t("sources.add_event"), lambda: _edit(desk, None), kind="primary", icon="add")
        every = await desk.api.every("/v1/event-types", most=2000)
        table = parts.Table(
            [
                parts.Column("event", t("sources.event")),
                parts.Column("label", t("sources.label"), shown=desk.language != "en"),
                parts.Column("description", t("sources.description")),
                parts.Column("mode", t("sources.mode")),
                parts.Column("properties", t("sources.properties"), number=True),
                parts.Column("origin", t("sources.origin")),
            ],
            [_row(one) for one in every],
            key="name",
            acts=[parts.Act("open", t("sources.open"), lambda one: _open(desk, one["name"]))],
        )

        def narrow() -> None:
            word = (search.value or "").casefold()
            wanted = [one for one in every if word in one["name"].casefold() or word in names.event(one["name"])]
            table.replace([_row(one) for one in wanted])

        search.on_value_change(narrow)


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one["name"],
        "event": t("sources.every_other") if one["name"] == "*" else one["name"],
        "label": "" if one["name"] == "*" else names.event(one["name"]),
        "description": one["description"],
        "mode": parts.Badge(t(f"sources.modes.{one['mode']}"), TONES[one["mode"]]),
        "properties": len(one["schema"].get("properties", {})),
        "origin": t("sources.changed") if one["changed"] else t("sources.built_in"),
    }


async def _open(desk: Desk, name: str) -> None:
    _edit(desk, await desk.api.get(f"/v1/event-types/{quote(name, safe='')}"))


def _edit(desk: Desk, known: dict[str, Any] | None) -> None:
    """The form of an event type, with what was found wrong in the last seven days."""
    with parts.dialog(known["name"] if known else t("sources.add_event"), wide=True) as asked:
        name = ui.input(t("sources.event"), value=known["name"] if known else "").props(
            "readonly" if known else "autofocus"
        )
        words = ui.input(t("sources.description"), value=known["description"] if known else "")
        modes = [one for one in MODES if one != "strip" or (known or {}).get("name") != "*"]
        mode = ui.select(
            {one: t(f"sources.modes_long.{one}") for one in modes},
            label=t("sources.mode"),
            value=known["mode"] if known else "observe",
        )
        schema = ui.textarea(
            t("sources.schema"),
            value=json.dumps(
                known["schema"] if known else {"type": "object", "properties": {}}, indent=2, ensure_ascii=False
            ),
        )
        schema.props('input-class="m-mono" input-style="height:220px"')
        if known and known["name"] == "*":
            schema.set_visibility(False)
        for one in (known or {}).get("violations", [])[:5]:
            told = t("sources.violation", n=desk.number(one["number"]), path=one["path"], reason=one["reason"])
            parts.alert(told, detail=one["excerpt"])

        async def save() -> None:
            try:
                told = json.loads(schema.value or "{}")
            except ValueError as error:
                parts.attributes(schema, error=True, error_message=t("sources.not_json", why=str(error)))
                return
            body = {"mode": mode.value, "description": words.value}
            if not (known and known["name"] == "*"):
                body["schema"] = told
            try:
                await desk.api.put(f"/v1/event-types/{quote((name.value or '').strip(), safe='')}", body)
            except ApiError as error:
                parts.field_errors(error, {"name": name, "description": words, "mode": mode, "schema": schema})
                return
            asked.close()
            ui.navigate.reload()

        async def drop() -> None:
            assert known is not None
            again = t("sources.reset_ask") if known["built_in"] else t("sources.delete_ask")
            sure = t("sources.reset") if known["built_in"] else t("sources.delete")
            if await parts.confirm(known["name"], again, action=sure):
                await desk.api.delete(f"/v1/event-types/{quote(known['name'], safe='')}")
                asked.close()
                ui.navigate.reload()

        with parts.row().style("justify-content:flex-end"):
            if known and known["changed"] and desk.may("profile:write"):
                text = t("sources.reset") if known["built_in"] else t("sources.delete")
                parts.button(text, drop, kind="quiet", icon="delete")
                ui.element("div").classes("m-grow")
            parts.button(t("shared.cancel"), asked.close)
            if desk.may("profile:write"):
                parts.button(t("shared.save"), save, kind="primary")
    asked.open()
