"""The list of campaigns: state, channel, audience, and how far each came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words

SHOWN = ("all", "now", "manual", "automatic", "archived")
NOW = ("submitted", "approved", "running", "paused")
PAGE = 25
PARALLEL = 4
"""Campaigns whose figures are asked for at once."""


@frame.page("/campaigns", title="campaigns.title", permission="campaign:read")
async def campaigns(desk: Desk) -> None:
    """All but the archived, or what `?show=` names; figures come after the table."""
    chosen = desk.query.get("show", "")
    show = chosen if chosen in SHOWN else SHOWN[0]
    with parts.row():
        views = {f"/campaigns?show={name}": t(f"campaigns.show.{name}") for name in SHOWN}
        parts.pills(t("campaigns.title"), views, f"/campaigns?show={show}")
        ui.element("div").classes("m-grow")
        search = ui.input(t("campaigns.find")).props("type=search").style("width:220px")
        channel = ui.select(
            {"": t("campaigns.any_channel"), **{one: words.channel(one) for one in words.CHANNELS}},
            value="",
            label=t("campaigns.channel"),
        ).style("width:150px")
        if desk.may("campaign:write"):
            parts.button(t("campaigns.new"), href="/campaigns/new", kind="primary", icon="add")
    with parts.panel():
        every = await _every(desk, show)
        if not every:
            _empty(desk, show)
            return
        listed = _Listed(desk, every, await _segments(desk))
    listed.narrow("", "")
    search.on_value_change(lambda: listed.narrow(search.value or "", channel.value))
    channel.on_value_change(lambda: listed.narrow(search.value or "", channel.value))


class _Listed:
    """The table, a page more at each click; figures are asked for of what is shown, and come after it."""

    def __init__(self, desk: Desk, every: list[dict[str, Any]], segments: dict[str, str]) -> None:
        self._desk, self._every, self._segments = desk, every, segments
        self._figures: dict[str, dict[str, Any]] = {}
        self._fitting = every
        self._most = PAGE
        self._table = parts.Table(_columns(), [], key="key", choose="campaigns")
        self._table.table.classes("m-narrow")
        with parts.row():
            self._counted = ui.label("").classes("m-mute m-small")
            self._more = parts.button(t("shared.more"), self._further, icon="expand_more")
            self._as_of = ui.label("").classes("m-mute m-small m-grow")
            self._table.chooser()

    def narrow(self, text: str, channel: str) -> None:
        """Show those of a channel whose name or key has the text in it, from the first."""
        word = text.casefold()
        self._fitting = [
            one
            for one in self._every
            if (word in one["name"].casefold() or word in one["key"].casefold()) and channel in ("", one["channel"])
        ]
        self._most = PAGE
        self._show()

    def _further(self) -> None:
        self._most += PAGE
        self._show()

    def _show(self) -> None:
        self._draw()
        ui.timer(0, self._count, once=True)

    def _draw(self) -> None:
        shown = self._fitting[: self._most]
        self._table.replace([_row(self._desk, one, self._segments, self._figures.get(one["key"])) for one in shown])
        whole = len(shown) == len(self._fitting)
        counted = t("shared.all_shown" if whole else "shared.some_shown", n=self._desk.number(len(shown)))
        self._counted.text = counted
        self._more.set_visibility(not whole)

    async def _count(self) -> None:
        limit = asyncio.Semaphore(PARALLEL)

        async def one(key: str) -> None:
            async with limit:
                try:
                    self._figures[key] = await self._desk.api.get(f"/v1/campaigns/{key}/funnel")
                except ApiError:
                    return  # the list stands without its figures

        begun = [each["key"] for each in self._fitting[: self._most] if each["started_at"] or each["finished_at"]]
        missing = [key for key in begun if key not in self._figures]
        if missing:
            await asyncio.gather(*map(one, missing))
            self._as_of.text = t("campaigns.counted_at", at=f"{datetime.now(UTC).astimezone(self._desk.zone):%H:%M:%S}")
            self._draw()


async def _every(desk: Desk, show: str) -> list[dict[str, Any]]:
    """The campaigns of a view, the last changed first: of very many those are there that somebody works with."""
    found = await desk.api.every("/v1/campaigns", state="archived" if show == "archived" else None, sort="changed")
    kept: dict[str, Callable[[dict[str, Any]], bool]] = {
        "all": lambda one: True,
        "archived": lambda one: True,
        "now": lambda one: one["state"] in NOW,
        "manual": words.manual,
        "automatic": lambda one: not words.manual(one),
    }
    return [one for one in found if kept[show](one)]


async def _segments(desk: Desk) -> dict[str, str]:
    """Names of segments; without them their keys stand."""
    try:
        return {one["key"]: one["name"] for one in await desk.api.every("/v1/segments")}
    except ApiError:
        return {}


async def segment_names(desk: Desk, trigger: dict[str, Any]) -> dict[str, str]:
    """The name of a trigger's segment; its key stands where segment does not answer."""
    manual = trigger.get("manual") or {}
    key = manual.get("segment") or trigger.get("segment_entered") or trigger.get("segment_left")
    if not key:
        return {}
    try:
        return {key: (await desk.api.get(f"/v1/segments/{key}"))["name"]}
    except ApiError:
        return {}


def _empty(desk: Desk, show: str) -> None:
    if show != "all":
        parts.empty("campaign", t("campaigns.none_here"), t("campaigns.none_here_hint"))
        return
    action = t("campaigns.new") if desk.may("campaign:write") else ""
    parts.empty("campaign", t("campaigns.none"), t("campaigns.none_hint"), action=action, href="/campaigns/new")


def _columns() -> list[parts.Column]:
    return [
        parts.Column("name", t("campaigns.name")),
        parts.Column("state", t("campaigns.state")),
        parts.Column("channel", t("campaigns.channel")),
        parts.Column("audience", t("campaigns.audience")),
        parts.Column("sent", t("campaigns.steps.sent"), number=True),
        parts.Column("delivered", t("campaigns.steps.delivered"), number=True),
        parts.Column("opened", t("campaigns.steps.opened"), number=True),
        parts.Column("clicked", t("campaigns.steps.clicked"), number=True),
        parts.Column("converted", t("campaigns.steps.converted"), number=True),
        parts.Column("updated", t("campaigns.updated")),
        parts.Column("campaign_key", t("campaigns.key"), mono=True, shown=False),
        parts.Column("started", t("campaigns.started"), shown=False),
    ]


def _row(desk: Desk, one: dict[str, Any], segments: dict[str, str], funnel: dict[str, Any] | None) -> dict[str, Any]:
    told = funnel or {}

    def share(step: str, of: str) -> str:
        return desk.percent(words.rate(told[step], told[of])) if told.get(of) else ""

    return {
        "key": one["key"],
        "campaign_key": one["key"],
        "name": parts.Link(one["name"], f"/campaigns/{one['key']}"),
        "state": parts.Badge(*words.state(one)),
        "channel": words.channel(one["channel"]),
        "audience": words.audience(desk, one["trigger"], segments),
        "sent": told.get("sent", ""),
        "delivered": share("delivered", "sent"),
        "opened": share("opened", "delivered"),
        "clicked": share("clicked", "delivered"),
        "converted": share("converted", "sent"),
        "updated": parts.When(one["updated_at"]),
        "started": parts.When(one["started_at"]),
    }
