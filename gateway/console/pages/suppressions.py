"""Addresses that nothing is sent to any more, as a provider said they will never work; and sending to them again."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words
from gateway.console.pages.outbox import CHANNELS
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person

PAGE = 25
PATH = "/v1/messages/suppressions"


@frame.page("/suppressions", title="suppressions.title", permission="campaign:read")
async def suppressions(desk: Desk) -> None:
    """Newest first; `?channel=` narrows it. The addresses themselves are kept as hashes, so viewers stand for them."""
    asked = desk.query.get("channel", "")
    channel = asked if asked in CHANNELS else ""
    views = {"/suppressions": t("suppressions.all")}
    views |= {f"/suppressions?channel={one}": words.channel(one) for one in CHANNELS}
    may = desk.may("campaign:approve")
    with parts.row():
        here = f"/suppressions?channel={channel}" if channel else "/suppressions"
        parts.pills(t("suppressions.title"), views, here, grow=True)
        if may:
            parts.button(t("suppressions.since"), lambda: _since(desk, listing), icon="restore")
    with parts.panel(t("suppressions.title"), hint=t("suppressions.hint")):
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, cursor, channel),
            columns=[
                parts.Column("at", t("suppressions.at")),
                parts.Column("channel", t("campaigns.channel")),
                parts.Column("viewer", t("campaigns.viewer")),
                parts.Column("reason", t("campaigns.reason")),
                parts.Column("said", t("suppressions.said")),
                parts.Column("campaign", t("campaigns.one")),
                parts.Column("id", t("suppressions.id"), mono=True, shown=False),
            ],
            row=lambda one: _row(desk, one),
            empty=lambda: parts.empty("mark_email_read", t("suppressions.none"), t("suppressions.none_hint")),
            acts=[parts.Act("lift", t("suppressions.lift"), lambda one: _lift(desk, one, listing))] if may else [],
            choose="suppressions",
        )
        await listing.load()


async def _page(desk: Desk, cursor: str | None, channel: str) -> dict[str, Any]:
    page: dict[str, Any] = await desk.api.get(PATH, limit=PAGE, cursor=cursor, channel=channel or None)
    ids = {one["profile_id"] for one in page["items"] if one["profile_id"] is not None}
    found = dict(zip(ids, await asyncio.gather(*(person(desk, one) for one in ids)), strict=True))
    return {**page, "items": [{**one, "person": found.get(one["profile_id"])} for one in page["items"]]}


def _row(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    """A viewer who was erased has no name any more; his address stays blocked."""
    who, key = one["person"], one["campaign"]
    return {
        "id": one["id"],
        "told": one,
        "at": parts.When(one["at"]),
        "channel": parts.Badge(words.channel(one["channel"])),
        "viewer": parts.Link(named(who), f"/people/{one['profile_id']}?tab=messages") if who else "–",
        "reason": words.reason(desk, one["reason"]),
        "said": one["said"] or "",
        "campaign": parts.Link(key, f"/campaigns/{key}") if key else "",
    }


async def _lift(desk: Desk, one: dict[str, Any], listing: parts.Listing) -> None:
    sure, told = t("suppressions.lift"), one["told"]
    if await parts.confirm(sure, t("suppressions.lift_ask"), action=sure, danger=False):
        await _lifted(desk, {"channel": told["channel"], "ids": [told["id"]]}, listing)


def _since(desk: Desk, listing: parts.Listing) -> None:
    """All of a channel since a moment: a mail server that was set up wrongly may have refused everybody."""
    with parts.dialog(t("suppressions.since")) as asked:
        ui.label(t("suppressions.since_hint")).classes("m-mute")
        channel = ui.select({one: words.channel(one) for one in CHANNELS}, value="email", label=t("campaigns.channel"))
        moment = ui.input(t("suppressions.moment")).props("type=datetime-local")

        async def done() -> None:
            if not moment.value:
                moment.error = t("campaigns.needed")
                return
            since = datetime.fromisoformat(moment.value).replace(tzinfo=desk.zone)
            asked.close()
            await _lifted(desk, {"channel": channel.value, "since": since.isoformat()}, listing)

        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("suppressions.lift_all"), done, kind="primary")
    asked.open()


async def _lifted(desk: Desk, wanted: dict[str, Any], listing: parts.Listing) -> None:
    told = await desk.api.post(f"{PATH}/lift", wanted)
    parts.say(t("suppressions.lifted", n=desk.number(told["lifted"])))
    await listing.load()
