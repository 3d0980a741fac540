"""A segment's rule in words, how it grew, who could be written to, and which segments it hangs together with."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.segments.analysis import Analysis
from gateway.console.parts.rule import Known, said

DAYS = (30, 90, 365)


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """Growth, rule and channels; and the rule taken apart."""
    with parts.grid():
        with parts.panel(t("segments.growth"), span=8):
            parts.later(lambda: _growth(desk, one["key"]))
        with parts.panel(t("segments.rule"), span=4):
            if one["rule"] is None:
                ui.label(t("segments.list_hint")).classes("m-mute")
            else:
                said(one["rule"])
            if not one["archived"]:
                ui.separator()
                parts.later(lambda: _contacts(desk, one["key"]))
    if not one["archived"]:
        known = await Known.load(desk)
        with parts.panel(t("segments.apart"), hint=t("segments.apart_hint")):
            Analysis(desk, known, lambda: {"segment": one["key"]})


async def _growth(desk: Desk, key: str) -> None:
    told = await desk.api.get(f"/v1/segments/{key}/history", days=DAYS[1])
    days = told["days"]
    labels = [desk.day(one["day"]) for one in days]
    parts.lines(labels, {t("segments.size"): [one["size"] for one in days]}, height=170, label=t("segments.growth"))
    moved = {
        t("segments.entered_day"): [one["entered"] for one in days],
        t("segments.left_day"): [-one["left"] for one in days],
    }
    parts.bars(labels, moved, stacked=True, height=140, label=t("segments.growth"))
    ui.label(t("segments.log_from", at=desk.time(told["log_from"]))).classes("m-mute m-small")


async def _contacts(desk: Desk, key: str) -> None:
    told = await desk.api.post("/v1/segments/preview/contacts", {"segment": key})
    ui.label(t("segments.contactable")).classes("m-strong")
    if not told["channels"]:
        ui.label(t("segments.no_contacts")).classes("m-mute m-small")
    for one in told["channels"]:
        known = one["channel"] in ("email", "phone", "push")
        with parts.row(tight=True):
            ui.label(t(f"people.channel.{one['channel']}") if known else one["channel"]).classes("m-grow")
            ui.label(desk.number(one["contactable"])).classes("m-strong")
            share = one["contactable"] / told["count"] if told["count"] else 0.0
            ui.label(desk.percent(share)).classes("m-mute m-small")


async def draw_uses(desk: Desk, one: dict[str, Any]) -> None:
    """Which segments it asks, which ask it, and which campaigns, creatives and tags use it or those."""
    told, every = await asyncio.gather(
        desk.api.get(f"/v1/segments/{one['key']}/dependencies"), desk.api.every("/v1/segments")
    )
    names = {segment["key"]: segment["name"] for segment in every}
    with parts.grid():
        for side in ("asks", "asked_by"):
            with parts.panel(t(f"segments.uses.{side}"), hint=t(f"segments.uses.{side}_hint"), span=4):
                direct, whole = told[side], told[f"{side}_in_all"]
                if not whole:
                    parts.empty("hub", t(f"segments.uses.{side}_none"))
                for key in whole:
                    with parts.row():
                        ui.link(names.get(key, key), f"/segments/{key}")
                        if key not in direct:
                            parts.badge(t("segments.indirect"))
        with parts.panel(t("segments.uses.used_by"), hint=t("segments.uses.used_by_hint"), span=4):
            if told["unasked"]:
                parts.alert(t("segments.uses.unasked", services=", ".join(told["unasked"])), tone="warn")
            elif not told["used_by"]:
                parts.empty("campaign", t("segments.uses.used_by_none"))
            uses(told["used_by"])


def uses(found: list[dict[str, Any]]) -> None:
    """Campaigns, creatives and tags by name; where the console has a page of it, with the way there."""
    for one in found:
        with parts.row():
            parts.badge(t(f"segments.uses.kinds.{one['kind']}"))
            if one["kind"] == "campaign":
                ui.link(one["name"], f"/campaigns/{one['key']}")
            else:
                ui.label(one["name"])
                ui.label(one["key"]).classes("m-mono m-mute m-small")
