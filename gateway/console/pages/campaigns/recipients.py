"""To whom a campaign went: every message with its state and one reason, by step of the funnel, and as CSV."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person

PAGE = 25


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The table of the step in the address (`?step=clicked`)."""
    chosen = desk.query.get("step", "")
    step = chosen if chosen in words.STEPS else words.STEPS[0]
    path = f"/campaigns/{one['key']}/recipients"
    views = {f"{path}?step={name}": t(f"campaigns.steps.{name}") for name in words.STEPS}
    with parts.row(), parts.pills(t("campaigns.step"), views, f"{path}?step={step}", grow=True):
        ui.element("div").classes("m-grow")
        csv = f"/v1{path}.csv"
        parts.button(
            t("campaigns.export"), lambda: parts.download(t("campaigns.export"), csv, step=step), icon="download"
        )
    with parts.panel():
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, f"/v1{path}", cursor, step),
            columns=_columns(),
            row=lambda message: _row(desk, message),
            empty=lambda: parts.empty("group_off", t("campaigns.no_recipients"), t("campaigns.no_recipients_hint")),
            choose="recipients",
        )
        await listing.load()


async def _page(desk: Desk, path: str, cursor: str | None, step: str) -> dict[str, Any]:
    page: dict[str, Any] = await desk.api.get(path, limit=PAGE, cursor=cursor, step=step)
    people = await asyncio.gather(*(person(desk, one["profile_id"]) for one in page["items"]))
    return {**page, "items": [{**one, "person": found} for one, found in zip(page["items"], people, strict=True)]}


def _columns() -> list[parts.Column]:
    return [
        parts.Column("name", t("campaigns.viewer")),
        parts.Column("state", t("campaigns.state")),
        parts.Column("reason", t("campaigns.reason")),
        parts.Column("variant", t("campaigns.variant")),
        parts.Column("called", t("campaigns.steps.sent")),
        parts.Column("opened", t("campaigns.steps.opened")),
        parts.Column("clicked", t("campaigns.steps.clicked")),
        parts.Column("converted", t("campaigns.steps.converted")),
        parts.Column("value", t("campaigns.worth"), number=True),
        parts.Column("profile_id", "ID", mono=True, shown=False),
        parts.Column("detail", t("campaigns.detail"), shown=False),
    ]


def _row(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": parts.Link(named(one["person"]), f"/people/{one['profile_id']}?tab=messages"),
        "profile_id": one["profile_id"],
        "state": parts.Badge(words.message_state(one["state"]), words.MESSAGES.get(one["state"], "")),
        "reason": words.reason(desk, one["reason"]),
        "variant": one["variant"] or "",
        "called": parts.When(one["called_at"]),
        "opened": parts.When(one["opened_at"]),
        "clicked": parts.When(one["clicked_at"]),
        "converted": parts.When(one["converted_at"]),
        "value": one["value"] if one["value"] is not None else "",
        "detail": one["detail"] or "",
    }
