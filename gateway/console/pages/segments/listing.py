"""The list of segments."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.segments.saving import ask

SHOWN = ("active", "archived")
DAYS = 30
PARALLEL = 6
"""Histories asked for at once."""


@frame.page("/segments", title="segments.title", permission="segment:read")
async def segments(desk: Desk) -> None:
    """Those that live, or (`?show=archived`) the archived ones; trends come after the table."""
    chosen = desk.query.get("show", "")
    show = chosen if chosen in SHOWN else SHOWN[0]
    with parts.row():
        views = {f"/segments?show={name}": t(f"segments.show.{name}") for name in SHOWN}
        parts.pills(t("segments.title"), views, f"/segments?show={show}")
        ui.element("div").classes("m-grow")
        search = ui.input(t("segments.find")).props("type=search").style("width:220px")
        if desk.may("segment:write"):
            parts.button(t("segments.import"), href="/segments/import", icon="upload_file")
            parts.button(t("segments.new_list"), lambda: _new_list(desk), icon="playlist_add")
            parts.button(t("segments.new"), href="/segments/new", kind="primary", icon="add")
    with parts.panel():
        every = await desk.api.every("/v1/segments", archived="true" if show == "archived" else "false")
        if not every:
            _empty(desk, show)
            return
        table = parts.Table(_columns(), [_row(desk, one, None) for one in every], key="key", choose="segments")
        with parts.row():
            ui.label(t("shared.all_shown", n=desk.number(len(every)))).classes("m-mute m-small m-grow")
            table.chooser()
    trends: dict[str, list[dict[str, Any]]] = {}

    def draw() -> None:
        word = (search.value or "").casefold()
        wanted = [one for one in every if word in one["name"].casefold() or word in one["key"]]
        table.replace([_row(desk, one, trends.get(one["key"])) for one in wanted])

    async def histories() -> None:
        limit = asyncio.Semaphore(PARALLEL)

        async def one(key: str) -> None:
            async with limit:
                try:
                    trends[key] = (await desk.api.get(f"/v1/segments/{key}/history", days=DAYS))["days"]
                except ApiError:
                    return  # the list stands without its trend

        await asyncio.gather(*(one(segment["key"]) for segment in every))
        draw()

    search.on_value_change(draw)
    if show == "active":
        ui.timer(0, histories, once=True)


def _empty(desk: Desk, show: str) -> None:
    if show == "archived":
        parts.empty("inventory_2", t("segments.none_archived"), t("segments.none_archived_hint"))
        return
    action = t("segments.new") if desk.may("segment:write") else ""
    parts.empty("donut_large", t("segments.none"), t("segments.none_hint"), action=action, href="/segments/new")


def _columns() -> list[parts.Column]:
    return [
        parts.Column("name", t("segments.name")),
        parts.Column("segment_key", t("segments.key"), mono=True),
        parts.Column("kind", t("segments.kind")),
        parts.Column("size", t("segments.size"), number=True),
        parts.Column("trend", t("segments.trend", n=DAYS), number=True, width="110px"),
        parts.Column("entered", t("segments.entered"), number=True),
        parts.Column("left", t("segments.left"), number=True),
        parts.Column("fresh", t("segments.fresh")),
        parts.Column("updated", t("segments.updated")),
        parts.Column("version", t("segments.version"), number=True, shown=False),
    ]


def _row(desk: Desk, one: dict[str, Any], days: list[dict[str, Any]] | None) -> dict[str, Any]:
    sizes = [day["size"] for day in days or ()]
    hint = t("segments.trend_hint", low=desk.number(min(sizes)), high=desk.number(max(sizes))) if sizes else ""
    return {
        "key": one["key"],
        "segment_key": one["key"],
        "name": parts.Link(one["name"], f"/segments/{one['key']}"),
        "kind": t(f"segments.kinds.{one['kind']}"),
        "size": one["size"],
        "trend": parts.Spark(sizes, hint) if sizes else "",
        "entered": one["entered_today"],
        "left": one["left_today"],
        "fresh": parts.Badge(*freshness(desk, one)),
        "updated": parts.When(one["updated_at"]),
        "version": one["version"],
    }


def freshness(desk: Desk, one: dict[str, Any]) -> tuple[str, parts.Tone]:
    """How true a segment's members are, and how that looks."""
    filling = one["filling"]
    if one["archived"]:
        return t("segments.archived"), ""
    if one["problem"]:
        return t("segments.stands_still"), "bad"
    if filling is not None and filling["state"] in ("failed", "cancelled"):
        return t("segments.fill_failed"), "bad"
    if filling is not None and filling["state"] not in ("done", "finished", "superseded"):
        share = filling["done"] / filling["total"] if filling["total"] else 0
        return t("segments.filling", share=desk.percent(share, digits=0)), "accent"
    if one["true_as_of"] is None:
        return t("segments.not_yet"), "warn"
    if one["behind"]:
        return t("segments.behind", n=desk.number(one["behind"], digits=0)), "warn"
    return t("segments.current"), "good"


def _new_list(desk: Desk) -> None:
    """A dialog for a new static list."""

    async def save(key: str, name: str, _: str) -> dict[str, Any]:
        made: dict[str, Any] = await desk.api.post("/v1/segments", {"key": key, "name": name, "kind": "static"})
        return made

    ask(t("segments.new_list"), save, hint=t("segments.new_list_hint"), then="?tab=list")
