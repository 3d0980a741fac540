"""Person: everything about one viewer, in tabs that load when they are opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from nicegui import ui

from gateway.console import api, frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import channel, named
from gateway.console.pages.person import consent, identity, messages, overview, segments, timeline

TABS: dict[str, Callable[[Desk, dict[str, Any]], Awaitable[None]]] = {
    "overview": overview.draw,
    "timeline": timeline.draw,
    "identity": identity.draw,
    "segments": segments.draw,
    "messages": messages.draw,
    "consent": consent.draw,
}


@frame.page("/people/{ref:path}", title="person.title", permission="profile:read")
async def person(desk: Desk, ref: str) -> None:
    """His head, and the tab of the address (`?tab=timeline`)."""
    profile = await desk.api.get(f"/v1/profiles/{api.ref(ref)}")
    ui.page_title(f"{named(profile)} · Marquee")
    _head(desk, profile)
    chosen = desk.query.get("tab", "")
    tab = chosen if chosen in TABS else "overview"
    here = quote(desk.path, safe="/:")
    views = {f"{here}?tab={name}": t(f"person.tab.{name}") for name in TABS}
    parts.tabs(t("person.tabs"), views, f"{here}?tab={tab}")
    parts.later(lambda: TABS[tab](desk, profile), lines=6)


def _head(desk: Desk, profile: dict[str, Any]) -> None:
    """Who he is, in two lines."""
    with parts.panel(), parts.row().style("gap:16px;flex-wrap:nowrap"):
        ui.label(named(profile)[:1].upper()).classes("m-avatar").props("aria-hidden=true")
        with parts.stack(tight=True).classes("m-grow"):
            with parts.row():
                with ui.element("h2").style("font-size:17px"):
                    ui.label(named(profile))
                ui.label(f"# {profile['profile_id']}").classes("m-mono m-mute")
                if profile["bot"]:
                    parts.attributes(parts.badge(t("people.program"), "warn"), title=t("people.program_hint"))
                for one in profile["has"]:
                    parts.badge(channel(one), "accent")
                if profile["consent"].get("marketing") is False or profile["consent"].get("*") is False:
                    parts.badge(t("person.no_marketing"), "warn")
            with parts.row(tight=True):
                for one in profile["identities"][:6]:
                    ui.label(f"{one['namespace']}: {one['value']}").classes("m-chip m-mono")
        for label, value in ((t("people.first_seen"), "first_seen"), (t("people.last_seen"), "last_seen")):
            with parts.stack(tight=True):
                ui.label(label).classes("m-mute m-small m-nowrap")
                parts.when(profile[value])
