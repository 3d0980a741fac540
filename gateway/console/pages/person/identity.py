"""Why these ids are one viewer, and how to take them apart again."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """Ids, links with their causes, what was refused, and merges and splits so far."""
    told = await desk.api.get(f"/v1/profiles/{profile['profile_id']}/identity")
    links = [*told["links"], *told["refused"]]
    called = await names.called(desk, (names.key_of(one["cause"]["source"]) for one in links))
    with parts.panel(t("person.ids"), hint=t("person.ids_hint")):
        table = parts.Table(
            [
                parts.Column("namespace", t("person.namespace")),
                parts.Column("value", t("person.id_value"), mono=True),
                parts.Column("events", t("people.events"), number=True),
                parts.Column("first", t("people.first_seen")),
                parts.Column("last", t("people.last_seen")),
            ],
            [
                {
                    "origin": one["origin"],
                    "namespace": one["namespace"],
                    "value": one["value"],
                    "events": one["events"],
                    "first": parts.When(one["first_seen"]),
                    "last": parts.When(one["last_seen"]),
                    "acts": ["split"] if len(told["ids"]) > 1 else [],
                }
                for one in told["ids"]
            ],
            key="origin",
            acts=[parts.Act("split", t("person.split"), lambda one: _split(desk, profile, told, one["origin"]), "bad")]
            if desk.may("profile:write")
            else (),
        )
        parts.attributes(table.table, aria_label=t("person.ids"))
        if told["formerly"]:
            ui.label(t("person.formerly", ids=", ".join(map(str, told["formerly"])))).classes("m-mute m-small")
    with parts.grid():
        with parts.panel(t("person.links"), span=6):
            _links(desk, told["links"], called)
        with ui.element("div").classes("m-6 m-stack"):
            with parts.panel(t("person.moves")):
                _moves(desk, told["history"])
            if told["refused"]:
                with parts.panel(t("person.refused"), hint=t("person.refused_hint")):
                    _links(desk, told["refused"], called)


def _links(desk: Desk, links: list[dict[str, Any]], called: dict[str, str]) -> None:
    if not links:
        ui.label(t("person.no_links")).classes("m-mute")
    for one in links:
        with parts.stack(tight=True):
            with parts.row(tight=True):
                ui.label(one["one"]).classes("m-chip m-mono")
                ui.icon("link" if one["state"] == "active" else "link_off").classes("m-mute").props("aria-hidden=true")
                ui.label(one["other"]).classes("m-chip m-mono")
                if one["reason"]:
                    parts.badge(t(f"person.refusal.{one['reason']}"), "warn")
            at, source = desk.time(one["cause"]["at"]), one["cause"]["source"]
            named = names.source(source, called)
            told = t("person.cause", type=one["cause"]["type"], source=named, at=at, n=one["times"])
            exact = f"{desk.exact(one['cause']['at'])} · {source}"
            parts.attributes(ui.label(told).classes("m-mute m-small"), title=exact)


def _moves(desk: Desk, history: list[dict[str, Any]]) -> None:
    if not history:
        ui.label(t("person.no_moves")).classes("m-mute")
    for one in reversed(history):
        with parts.stack(tight=True):
            with parts.row(tight=True):
                parts.badge(t(f"person.move.{one['kind']}"), "accent" if one["kind"] == "merge" else "warn")
                ui.link(f"# {one['from_id']}", f"/people/{one['from_id']}").classes("m-mono")
                ui.label("→")
                ui.link(f"# {one['into_id']}", f"/people/{one['into_id']}").classes("m-mono")
                parts.when(one["at"]).classes("m-mute m-small")
            ui.label(", ".join(one["origins"])).classes("m-mono m-small m-wrap")
            if one["reason"]:
                ui.label(one["reason"]).classes("m-small")


async def _split(desk: Desk, profile: dict[str, Any], told: dict[str, Any], first: str) -> None:
    """Ask which ids are somebody else's, say what would happen, then do it."""
    path = f"/v1/profiles/{profile['profile_id']}/split"
    with parts.dialog(t("person.split_title"), wide=True) as asked:
        ui.label(t("person.split_hint")).classes("m-mute")
        boxes = {}
        for one in told["ids"]:
            boxes[one["origin"]] = ui.checkbox(one["origin"], value=one["origin"] == first).classes("m-mono")
        reason = ui.input(t("person.split_reason"))
        outcome = ui.element("div").classes("m-stack")

        def chosen() -> list[str]:
            return [origin for origin, box in boxes.items() if box.value]

        async def foresee() -> None:
            outcome.clear()
            if not chosen():
                return
            with outcome:
                try:
                    body = {"origins": chosen(), "reason": reason.value or "?"}
                    found = await desk.api.post(path, body, dry_run=True)
                except ApiError as error:
                    parts.failed(error)
                    return
                into = f"# {found['into_id']}" if found["into_id"] else t("person.new_profile")
                n = desk.number(found["events"])
                parts.alert(t("person.split_outcome", n=n, into=into), detail=", ".join(found["origins"]))

        async def do() -> None:
            if not (reason.value or "").strip():
                parts.attributes(reason, error=True, error_message=t("people.needed"))
                return
            found = await desk.api.post(path, {"origins": chosen(), "reason": reason.value.strip()})
            asked.close()
            ui.navigate.to(f"/people/{found['into_id']}?tab=identity")

        for box in boxes.values():
            box.on_value_change(foresee)
        await foresee()
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("person.split_sure"), do, kind="danger")
    asked.open()
