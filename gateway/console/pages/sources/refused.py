"""Refused events: what did not fit the tracking plan, why, how to take it in after all; and what was no event."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.sources import turned


async def draw(desk: Desk) -> None:
    """What the plan refused within seven days, the newest first; below, what the gateway turned away before that."""
    chosen = desk.query.get("event") or None
    await _refused(desk, chosen)
    await turned.draw(desk, chosen)


async def _refused(desk: Desk, chosen: str | None) -> None:
    with parts.panel(t("sources.refused_title")):
        with parts.row():
            ui.label(t("sources.refused_hint")).classes("m-mute m-grow")
            progress = parts.row()
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, cursor, chosen),
            columns=[
                parts.Column("at", t("sources.refused_at")),
                parts.Column("event", t("sources.event")),
                parts.Column("path", t("sources.where"), mono=True),
                parts.Column("reason", t("sources.why")),
                parts.Column("excerpt", t("sources.value"), mono=True),
                parts.Column("source", t("sources.source"), shown=False),
                parts.Column("origin", t("sources.viewer"), mono=True),
            ],
            row=lambda one: {
                "id": one["id"],
                "at": parts.When(one["refused_at"]),
                "event": one["event"],
                "path": one["path"],
                "reason": one["reason"],
                "excerpt": one["excerpt"],
                "source": parts.Named(one["called"], one["source"]),
                "origin": one["origin"],
                "whole": one,
            },
            empty=lambda: parts.empty(
                "task_alt",
                t("sources.none_refused"),
                t("sources.none_refused_hint"),
                action=t("sources.to_plan"),
                href="/sources?tab=plan",
            ),
            choose="refused",
            acts=[
                parts.Act("look", t("sources.look"), lambda one: _look(one["whole"])),
                *(
                    [
                        parts.Act(
                            "replay", t("sources.replay"), lambda one: _replay(desk, one["event"], progress, listing)
                        )
                    ]
                    if desk.may("profile:write")
                    else []
                ),
            ],
        )
        await listing.load()


async def _page(desk: Desk, cursor: str | None, chosen: str | None) -> dict[str, Any]:
    """A page with the names of the keys that events came with."""
    page: dict[str, Any] = await desk.api.get("/v1/refused-events", limit=50, cursor=cursor, event=chosen)
    called = await names.called(desk, (names.key_of(one["source"]) for one in page["items"]))
    return {**page, "items": [{**one, "called": names.source(one["source"], called)} for one in page["items"]]}


def _look(one: dict[str, Any]) -> None:
    with parts.dialog(one["event"], wide=True) as shown:
        parts.alert(one["reason"], tone="bad", detail=f"{one['path']}: {one['excerpt']}")
        with ui.element("pre").classes("m-code m-mono").style("max-height:50vh"):
            told = {name: value for name, value in one.items() if name != "called"}
            ui.label(json.dumps(told, ensure_ascii=False, indent=2)).classes("m-pre")
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.close"), shown.close, kind="primary")
    shown.open()


async def _replay(desk: Desk, event: str, box: ui.element, listing: parts.Listing) -> None:
    """All refused events of that name again: the plan was mended meanwhile."""
    told = t("sources.replay_ask", event=event)
    if not await parts.confirm(t("sources.replay"), told, action=t("sources.replay_sure"), danger=False):
        return
    begun = await desk.api.post("/v1/refused-events/replay", {"event": event})

    async def finished(_: dict[str, Any]) -> None:
        box.clear()
        parts.say(t("sources.replayed", n=desk.number(begun["total"]), event=event))
        await listing.load()

    box.clear()
    with box:
        parts.job(lambda: desk.api.get(f"/v1/services/profile/jobs/{begun['job_id']}"), finished)
