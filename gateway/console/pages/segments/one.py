"""One segment: its rule and growth, members, versions, explanations, what depends on it, and its list."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.segments import lists, members, overview, versions, why
from gateway.console.pages.segments.listing import freshness
from gateway.console.pages.segments.saving import ask

TABS: dict[str, Callable[[Desk, dict[str, Any]], Awaitable[None]]] = {
    "overview": overview.draw,
    "members": members.draw,
    "list": lists.draw,
    "versions": versions.draw,
    "explain": why.draw,
    "uses": overview.draw_uses,
}


@frame.page("/segments/{key}", title="segments.one", permission="segment:read")
async def segment(desk: Desk, key: str) -> None:
    """Its head, and the tab of the address (`?tab=members`)."""
    one = await desk.api.get(f"/v1/segments/{key}")
    ui.page_title(f"{one['name']} · Marquee")
    _head(desk, one)
    offered = [name for name in TABS if name != "list" or one["kind"] == "static"]
    chosen = desk.query.get("tab", "")
    tab = chosen if chosen in offered else offered[0]
    views = {f"/segments/{key}?tab={name}": t(f"segments.tab.{name}") for name in offered}
    parts.tabs(t("segments.one"), views, f"/segments/{key}?tab={tab}")
    parts.later(lambda: TABS[tab](desk, one), lines=6)


def _head(desk: Desk, one: dict[str, Any]) -> None:
    key = one["key"]
    with parts.panel(), parts.row().style("gap:20px"):
        with parts.stack(tight=True).classes("m-grow"):
            with parts.row():
                with ui.element("h2").style("font-size:17px"):
                    ui.label(one["name"])
                parts.badge(t(f"segments.kinds.{one['kind']}"))
                fresh_box = parts.row(tight=True)
            with parts.row(tight=True).classes("m-mute m-small"):
                ui.label(key).classes("m-mono")
                ui.label("·")
                ui.label(t("segments.version_n", n=one["version"]))
                ui.label("·")
                at = one["true_as_of"]
                fresh = ui.label(t("segments.true_as_of", at=desk.time(at)) if at else t("segments.not_yet"))
                parts.attributes(fresh, title=desk.exact(at))
        figures = parts.row().style("gap:20px")
        with parts.row(tight=True):
            _acts(desk, one)

    def shown(now: dict[str, Any]) -> None:
        fresh_box.clear()
        figures.clear()
        with fresh_box:
            parts.badge(*freshness(desk, now))
        with figures:
            for label, value in (
                (t("segments.size"), now["size"]),
                (t("segments.entered"), now["entered_today"]),
                (t("segments.left"), now["left_today"]),
            ):
                parts.figure_line(label, desk.number(value))

    shown(one)
    if one["problem"]:
        parts.alert(t("segments.stands_still"), tone="bad", detail=one["problem"])
    filling = one["filling"]
    if filling is not None and filling["state"] not in ("done", "finished", "superseded"):
        with parts.panel(t("segments.is_filling")):
            _filling(desk, key, shown)


def _filling(desk: Desk, key: str, shown: Callable[[dict[str, Any]], None]) -> None:
    """The bar of a fill, and what to do when it is through; figures are `shown` anew.

    The page is not loaded anew by itself: whoever has just opened a menu or a dialog would lose it with his click.
    """

    async def look() -> dict[str, Any]:
        told = (await desk.api.get(f"/v1/segments/{key}"))["filling"]
        return told or {"state": "done", "done": 1, "total": 1}

    async def finished(told: dict[str, Any]) -> None:
        if told["state"] in ("failed", "cancelled"):
            parts.alert(t("segments.fill_failed"), tone="bad", detail=t("segments.fill_failed_hint"))
            return
        with parts.alert(t("segments.filled"), tone="good"), parts.row():
            parts.button(t("segments.see_filled"), ui.navigate.reload, icon="refresh")
        shown(await desk.api.get(f"/v1/segments/{key}"))

    parts.job(look, finished)


def _acts(desk: Desk, one: dict[str, Any]) -> None:
    key, write = one["key"], desk.may("segment:write") and not one["archived"]
    if write and one["rule"] is not None:
        parts.button(t("segments.edit"), href=f"/segments/{key}/edit", kind="primary", icon="edit")
    if desk.may("profile:read") and not one["archived"]:
        parts.button(t("segments.people"), href=f"/people?segment={key}", icon="group")
    with parts.button("", icon="more_horiz", hint=t("segments.more")), ui.menu().props("auto-close"):
        if desk.may("campaign:write") and not one["archived"]:
            ui.menu_item(t("segments.write_to"), lambda: ui.navigate.to(f"/campaigns/new?segment={key}"))
        if desk.may("segment:write") and one["rule"] is not None:
            query = urlencode({"rule": json.dumps(one["rule"], ensure_ascii=False), "name": one["name"]})
            ui.menu_item(t("segments.copy"), lambda: ui.navigate.to(f"/segments/new?{query}"))
        csv, total = f"/v1/segments/{key}/members.csv", one["size"]
        ui.menu_item(t("segments.export"), lambda: parts.download(t("segments.export"), csv, total=total))
        if write:
            ui.menu_item(t("segments.snapshot"), lambda: _snapshot(desk, one))
            ui.menu_item(t("segments.archive"), lambda: _archive(desk, one))
        elif desk.may("segment:write"):
            ui.menu_item(t("segments.restore"), lambda: _restore(desk, key))


def _snapshot(desk: Desk, one: dict[str, Any]) -> None:
    """Freeze the members in a list of their own."""

    async def save(key: str, name: str, _: str) -> dict[str, Any]:
        made: dict[str, Any] = await desk.api.post(f"/v1/segments/{one['key']}/snapshot", {"key": key, "name": name})
        return made

    day = datetime.now(UTC).astimezone(desk.zone).strftime("%Y-%m-%d")
    ask(t("segments.snapshot"), save, name=f"{one['name']} {day}", hint=t("segments.snapshot_hint"))


async def _archive(desk: Desk, one: dict[str, Any]) -> None:
    """Ask, with what depends on it: other segments that ask it, and what uses it, forbid it."""
    told = await desk.api.get(f"/v1/segments/{one['key']}/dependencies")
    if told["asked_by"] or told["used_by"]:
        with parts.dialog(t("segments.archive")) as shown:
            ui.label(t("segments.needed")).classes("m-pre")
            for key in told["asked_by"]:
                ui.link(key, f"/segments/{key}")
            overview.uses(told["used_by"])
            with parts.row().style("justify-content:flex-end"):
                parts.button(t("shared.close"), shown.close)
        shown.open()
        return
    question = t("segments.archive_ask", n=desk.number(one["size"]))
    if await parts.confirm(one["name"], question, action=t("segments.archive")):
        await desk.api.delete(f"/v1/segments/{one['key']}")
        ui.navigate.to("/segments")


async def _restore(desk: Desk, key: str) -> None:
    """Take it back: a rule is filled again, a list has the members it had."""
    await desk.api.post(f"/v1/segments/{key}/restore")
    ui.navigate.reload()
