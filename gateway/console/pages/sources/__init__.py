"""Sources: where data comes in, what it is to be like, what was refused, and how good it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.sources import keys, plan, quality, refused

TABS: dict[str, Callable[[Desk], Awaitable[None]]] = {
    "quality": quality.draw,
    "keys": keys.draw,
    "plan": plan.draw,
    "refused": refused.draw,
}


@frame.page("/sources", title="sources.title", permission="profile:read")
async def sources(desk: Desk) -> None:
    """The tab of the address (`?tab=plan`)."""
    chosen = desk.query.get("tab", "")
    tab = chosen if chosen in TABS else "quality"
    views = {f"/sources?tab={name}": t(f"sources.tab.{name}") for name in TABS}
    parts.tabs(t("sources.title"), views, f"/sources?tab={tab}")
    parts.later(lambda: TABS[tab](desk), lines=6)
