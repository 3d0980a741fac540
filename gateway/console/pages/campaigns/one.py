"""One campaign: how far it is, what it brought, to whom it went, and how it was set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import acts, progress, recipients, report, setup, waits, words
from gateway.console.pages.campaigns.listing import segment_names
from gateway.console.pages.campaigns.making import OPEN

TABS: dict[str, Callable[[Desk, dict[str, Any]], Awaitable[None]]] = {
    "progress": progress.draw,
    "report": report.draw,
    "recipients": recipients.draw,
    "setup": setup.draw,
}
ENDED = ("finished", "cancelled", "archived")


@frame.page("/campaigns/{key}", title="campaigns.one", permission="campaign:read")
async def campaign(desk: Desk, key: str) -> None:
    """Its progress; how it is set while it has not begun."""
    one = await desk.api.get(f"/v1/campaigns/{key}")
    await _draw(desk, one, "setup" if one["started_at"] is None and one["finished_at"] is None else "progress")


@frame.page("/campaigns/{key}/{tab}", title="campaigns.one", permission="campaign:read")
async def campaign_tab(desk: Desk, key: str, tab: str) -> None:
    """Another tab: report, recipients, setup."""
    await _draw(desk, await desk.api.get(f"/v1/campaigns/{key}"), tab if tab in TABS else "progress")


async def _draw(desk: Desk, one: dict[str, Any], tab: str) -> None:
    ui.page_title(f"{one['name']} · Marquee")
    segments = await segment_names(desk, one["trigger"])
    _head(desk, one, segments)
    waiting = (one["planning"] or {}).get("waits_for")
    if waiting and tab != "progress":  # there it comes and goes by itself
        waits.draw(desk, one, waiting, segments)
    views = {f"/campaigns/{one['key']}/{name}": t(f"campaigns.tab.{name}") for name in TABS}
    parts.tabs(t("campaigns.one"), views, f"/campaigns/{one['key']}/{tab}")
    parts.later(lambda: TABS[tab](desk, one), lines=6)


def _head(desk: Desk, one: dict[str, Any], segments: dict[str, str]) -> None:
    with parts.panel(), parts.row().style("gap:20px"):
        with parts.stack(tight=True).classes("m-grow"):
            with parts.row():
                with ui.element("h2").style("font-size:17px"):
                    ui.label(one["name"])
                parts.badge(*words.state(one))
                parts.badge(words.channel(one["channel"]))
            with parts.row(tight=True).classes("m-mute m-small"):
                ui.label(one["key"]).classes("m-mono")
                for told in (words.audience(desk, one["trigger"], segments), words.timing(desk, one)):
                    ui.label("·")
                    ui.label(told)
        with parts.row(tight=True):
            if desk.may("campaign:write") and (one["state"] in OPEN or _automatic(one)):
                parts.button(t("campaigns.edit"), href=f"/campaigns/{one['key']}/edit", icon="edit")
            acts.draw(desk, one)
    if one["note"] and one["state"] == "draft":
        parts.alert(t("campaigns.sent_back"), detail=one["note"])
    if not one["delivery"]["ready"] and one["state"] not in ENDED:
        parts.alert(t("campaigns.not_ready"), detail=str(one["delivery"]["reason"] or ""))


def _automatic(one: dict[str, Any]) -> bool:
    return not words.manual(one) and one["state"] in ("running", "paused")
