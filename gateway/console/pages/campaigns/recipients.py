"""To whom a campaign went, or why not: every message by step of the funnel (as CSV too), by state, and by reason."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person

PAGE = 25


def href(key: str, **asked: str) -> str:
    """The address of a list: of a `step`, or of a `state` and a `reason`."""
    return f"/campaigns/{key}/recipients?{urlencode(asked)}"


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The table of the address: `?step=clicked`, or `?state=skipped&reason=no_consent`."""
    step, state, reason = (desk.query.get(name, "") for name in ("step", "state", "reason"))
    state = state if state in words.MESSAGE_STATES else ""
    if not state and not reason:
        step = step if step in words.STEPS else words.STEPS[0]
    views = {href(one["key"], step=name): t(f"campaigns.steps.{name}") for name in words.STEPS}
    views |= {href(one["key"], state=name): t(f"campaigns.unsent.{name}") for name in words.UNSENT}
    here = href(one["key"], state=state) if state else href(one["key"], step=step)
    api = f"/v1/campaigns/{one['key']}"
    with parts.row(), parts.pills(t("campaigns.step"), views, here, grow=True):
        ui.element("div").classes("m-grow")
        if not state and not reason:
            title, csv = t("campaigns.export"), f"{api}/recipients.csv"
            parts.button(title, lambda: parts.download(title, csv, step=step), icon="download")
    if state == "unknown":
        parts.alert(t("campaigns.unsure"), detail=t("campaigns.unsure_hint"))
    if reason:
        with parts.row(tight=True):
            ui.label(t("campaigns.only_reason", reason=words.reason(desk, reason))).classes("m-strong")
            back = here if state else href(one["key"], step=words.STEPS[0])
            parts.button(t("campaigns.every_reason"), href=back, icon="close", kind="quiet")
    asked: dict[str, str | None] = {"step": step}
    path = f"{api}/recipients"
    if state or reason:
        path, asked = f"{api}/messages", {"state": state or None, "reason": reason or None}
    nobody = t("campaigns.no_messages") if state or reason else t("campaigns.no_recipients")
    with parts.panel():
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, path, cursor, asked),
            columns=_columns(detailed=bool(state or reason)),
            row=lambda message: _row(desk, message),
            empty=lambda: parts.empty("group_off", nobody, t("campaigns.no_recipients_hint")),
            choose="messages_of_campaign" if state or reason else "recipients",
        )
        await listing.load()


async def _page(desk: Desk, path: str, cursor: str | None, asked: dict[str, str | None]) -> dict[str, Any]:
    page: dict[str, Any] = await desk.api.get(path, limit=PAGE, cursor=cursor, **asked)
    people = await asyncio.gather(*(person(desk, one["profile_id"]) for one in page["items"]))
    return {**page, "items": [{**one, "person": found} for one, found in zip(page["items"], people, strict=True)]}


def _columns(*, detailed: bool) -> list[parts.Column]:
    """`detailed`: what was said about each message stands before what its viewer did with it."""
    return [
        parts.Column("name", t("campaigns.viewer")),
        parts.Column("state", t("campaigns.state")),
        parts.Column("reason", t("campaigns.reason")),
        parts.Column("detail", t("campaigns.detail"), shown=detailed),
        parts.Column("attempts", t("campaigns.attempts"), number=True, shown=detailed),
        parts.Column("due", t("campaigns.due"), shown=detailed),
        parts.Column("variant", t("campaigns.variant"), shown=not detailed),
        parts.Column("called", t("campaigns.steps.sent")),
        parts.Column("opened", t("campaigns.steps.opened"), shown=not detailed),
        parts.Column("clicked", t("campaigns.steps.clicked"), shown=not detailed),
        parts.Column("converted", t("campaigns.steps.converted"), shown=not detailed),
        parts.Column("value", t("campaigns.worth"), number=True, shown=not detailed),
        parts.Column("profile_id", "ID", mono=True, shown=False),
    ]


def _row(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["id"],
        "name": parts.Link(named(one["person"]), f"/people/{one['profile_id']}?tab=messages"),
        "profile_id": one["profile_id"],
        "state": parts.Badge(words.message_state(one["state"]), words.MESSAGES.get(one["state"], "")),
        "reason": words.reason(desk, one["reason"]),
        "detail": one["detail"] or "",
        "attempts": one["attempts"],
        "due": parts.When(one["due_at"]),
        "variant": one["variant"] or "",
        "called": parts.When(one["called_at"]),
        "opened": parts.When(one["opened_at"]),
        "clicked": parts.When(one["clicked_at"]),
        "converted": parts.When(one["converted_at"]),
        "value": one["value"] if one["value"] is not None else "",
    }
