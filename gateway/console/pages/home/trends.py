"""The charts of the home page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.home.figures import SENT, Figures

TOP = 8
STATES = ("accepted", "skipped", "failed", "unknown")


async def active(desk: Desk, figures: Figures) -> None:
    """Viewers with any event by day, beside the period before."""
    told = await figures.trend("viewers")
    days = _days(desk, [desk.moment(start).date() for start in told["starts"]])  # type: ignore[union-attr] # never absent
    values = told["lines"][0]["values"]
    if not any(values) and not (told.get("previous") and any(told["previous"]["lines"][0]["values"])):
        parts.empty(
            "show_chart", t("home.no_events"), t("home.no_events_hint"), action=t("people.to_sources"), href="/sources"
        )
        return
    before = {t("home.period_before"): told["previous"]["lines"][0]["values"]} if told.get("previous") else None
    parts.lines(days, {t("home.this_period"): values}, before=before, height=230, label=t("home.active"))


def _days(desk: Desk, days: Sequence[str | date]) -> list[str]:
    """Names of days up to today, which is not over and therefore called so."""
    return [*(desk.day(day) for day in days[:-1]), t("home.today")]


async def new(desk: Desk, figures: Figures) -> None:
    """New viewers by day."""
    found = (await figures.arrivals())[figures.days :]
    label = t("home.new")
    values = {label: [one["viewers"] for one in found]}
    parts.bars(_days(desk, [one["day"] for one in found]), values, height=210, label=label)


async def sent(desk: Desk, figures: Figures) -> None:
    """Messages by day and how they ended."""
    found = (await figures.messages())[figures.days :]
    if not any(sum(one["states"].values()) for one in found):
        action = t("home.to_campaigns") if desk.may("campaign:write") else ""
        parts.empty("campaign", t("home.no_messages"), t("home.no_messages_hint"), action=action, href="/campaigns")
        return
    shown = [state for state in STATES if state == SENT or any(one["states"].get(state) for one in found)]
    values = {t(f"messages.states.{state}"): [one["states"].get(state, 0) for one in found] for state in shown}
    days = _days(desk, [one["day"] for one in found])
    parts.bars(days, values, stacked=True, height=210, label=t("home.sent"))


async def acts(desk: Desk) -> None:
    """What viewers do most, as it came in."""
    counts: dict[str, int] = {}
    for one in (await desk.api.get("/v1/quality"))["events"]:
        if not one["event"].startswith("("):
            counts[one["event"]] = counts.get(one["event"], 0) + one["recorded"]
    top = sorted(counts.items(), key=lambda one: -one[1])[:TOP]
    if not top:
        parts.empty("touch_app", t("home.no_events"))
        return
    label = t("home.acts")
    parts.bars([names.event(name) for name, _ in top], {label: [n for _, n in top]}, flat=True, height=210, label=label)


async def segments(desk: Desk) -> None:
    """Segments that moved most today."""
    found = await desk.api.every("/v1/segments", most=500)
    found.sort(key=lambda one: -((one["entered_today"] or 0) + (one["left_today"] or 0)))
    if not found:
        action = t("home.make_segment") if desk.may("segment:write") else ""
        parts.empty("donut_large", t("home.no_segments"), t("home.no_segments_hint"), action=action, href="/segments")
        return
    parts.Table(
        [
            parts.Column("name", t("people.name")),
            parts.Column("size", t("home.size"), number=True),
            parts.Column("entered", t("home.entered"), number=True),
            parts.Column("left", t("home.left"), number=True),
            parts.Column("people", ""),
        ],
        [_segment(one) for one in found[:TOP]],
        key="key",
    )


def _segment(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": one["key"],
        "name": parts.Link(one["name"], f"/segments/{one['key']}"),
        "size": one["size"],
        "entered": one["entered_today"],
        "left": one["left_today"],
        "people": parts.Link(t("home.show_people"), f"/people?segment={one['key']}"),
    }
