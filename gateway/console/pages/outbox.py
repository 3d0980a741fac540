"""The local sink: what would have been sent, had there been a provider for its channel."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import letter, words
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person

CHANNELS = ("email", "sms", "push")
"""Channels with a provider outside; the inbox is our own, and its messages arrive."""
PAGE = 25


@frame.page("/outbox", title="outbox.title", permission="campaign:read")
async def outbox(desk: Desk) -> None:
    """Newest first; `?channel=` narrows it."""
    asked = desk.query.get("channel", "")
    channel = asked if asked in CHANNELS else ""
    views = {"/outbox": t("outbox.all"), **{f"/outbox?channel={one}": words.channel(one) for one in CHANNELS}}
    with parts.row():
        parts.pills(t("outbox.title"), views, f"/outbox?channel={channel}" if channel else "/outbox", grow=True)
        ui.label(t("outbox.hint")).classes("m-mute")
    with parts.panel():
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, cursor, channel),
            columns=_columns(),
            row=_row,
            empty=lambda: parts.empty(
                "outbox", t("outbox.none"), t("outbox.none_hint"), action=t("outbox.to_campaigns"), href="/campaigns"
            ),
            acts=[parts.Act("look", t("outbox.look"), _look)],
            choose="outbox",
        )
        await listing.load()


async def _page(desk: Desk, cursor: str | None, channel: str) -> dict[str, Any]:
    page: dict[str, Any] = await desk.api.get("/v1/outbox", limit=PAGE, cursor=cursor, channel=channel or None)
    ids = {one["profile_id"] for one in page["items"] if one["profile_id"] is not None}
    found = dict(zip(ids, await asyncio.gather(*(person(desk, one) for one in ids)), strict=True))
    return {**page, "items": [{**one, "person": found.get(one["profile_id"])} for one in page["items"]]}


def _columns() -> list[parts.Column]:
    return [
        parts.Column("at", t("outbox.at")),
        parts.Column("channel", t("campaigns.channel")),
        parts.Column("campaign", t("campaigns.one")),
        parts.Column("viewer", t("campaigns.viewer")),
        parts.Column("address", t("outbox.address"), mono=True),
        parts.Column("text", t("campaigns.texts")),
        parts.Column("key", t("outbox.key"), mono=True, shown=False),
    ]


def _row(one: dict[str, Any]) -> dict[str, Any]:
    """A test has neither a campaign's key nor, where nobody was named, a viewer."""
    who, key = one["person"], one["campaign"]
    return {
        "id": one["id"],
        "key": one["key"],
        "address": one["address"],
        "told": one,
        "at": parts.When(one["at"]),
        "channel": parts.Badge(words.channel(one["channel"])),
        "campaign": parts.Link(key, f"/campaigns/{key}") if key else t("outbox.test"),
        "viewer": parts.Link(named(who), f"/people/{one['profile_id']}?tab=messages") if who else "",
        "text": one["subject"] or one["body"].splitlines()[0],
    }


def _look(one: dict[str, Any]) -> None:
    with parts.dialog(t("outbox.one"), wide=True) as shown:
        parts.facts(
            [(t("campaigns.channel"), words.channel(one["told"]["channel"])), (t("outbox.address"), one["address"])]
        )
        letter.draw(one["told"])
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.close"), shown.close, kind="primary")
    shown.open()
