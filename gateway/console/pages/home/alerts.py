"""What needs attention, each with where to mend it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words
from gateway.console.pages.sources.quality import FAIR

SERVICES = ("profile", "segment", "campaign", "recommend", "gateway")
LATE = 60
"""Seconds a segment may be behind before it is told."""
QUEUED = 10_000
"""Messages a reader may be behind before it is told."""
CAMPAIGNS = 20
"""Campaigns that are looked at: those that run, then those that ended last."""
RECENT = timedelta(days=7)
"""How long after its end a campaign's unsure messages are told of."""


@dataclass(frozen=True)
class Alert:
    """One thing to mend, and the page where that is done; a service has none here."""

    text: str
    href: str = ""
    tone: parts.Tone = "warn"


async def draw(desk: Desk) -> None:
    """All that is found, or that all is well."""
    asked: list[Callable[[Desk], Awaitable[list[Alert]]]] = [_data, _segments, _campaigns]
    if desk.may("operations:read"):
        asked.append(_services)
    found = [alert for alerts in await asyncio.gather(*(_tried(desk, ask) for ask in asked)) for alert in alerts]
    if not found:
        parts.empty("task_alt", t("home.all_well"), t("home.all_well_hint"))
    for alert in sorted(found, key=lambda one: one.tone != "bad"):
        if not alert.href:
            parts.alert(alert.text, tone=alert.tone)
            continue
        with parts.attributes(ui.element("a").classes("m-alert-link"), href=alert.href):
            parts.alert(alert.text, tone=alert.tone)


async def _tried(desk: Desk, ask: Callable[[Desk], Awaitable[list[Alert]]]) -> list[Alert]:
    try:
        return await ask(desk)
    except ApiError as error:
        title, detail = parts.words(error)
        return [Alert(f"{title}: {detail}", tone="bad")]


async def _data(desk: Desk) -> list[Alert]:
    """Refused events, and events whose data is bad."""
    told = await desk.api.get("/v1/quality")
    refused = sum(one["refused"] for one in told["events"])
    found = [Alert(t("home.alert.refused", n=desk.number(refused)), "/sources?tab=refused")] if refused else []
    for one in told["worst"][:2]:
        if one["score"] < FAIR:
            told_score = desk.number(one["score"])
            found.append(Alert(t("home.alert.quality", event=names.event(one["event"]), score=told_score), "/sources"))
    return found


async def _segments(desk: Desk) -> list[Alert]:
    """Segments that are not as fresh as they should be."""
    if not desk.may("segment:read"):
        return []
    late = [one for one in await desk.api.every("/v1/segments", most=500) if (one["behind"] or 0) > LATE]
    return [
        Alert(
            t("home.alert.segment", name=one["name"], n=desk.number(one["behind"], digits=0)), f"/segments/{one['key']}"
        )
        for one in late[:3]
    ]


async def _campaigns(desk: Desk) -> list[Alert]:
    """Campaigns that run and cannot send, and messages nobody knows the end of, also of those that ended lately."""
    if not desk.may("campaign:read"):
        return []
    running = await desk.api.every("/v1/campaigns", most=500, state="running", sort="changed")
    since = datetime.now(UTC) - RECENT
    listed = await desk.api.every("/v1/campaigns", most=500, sort="changed")
    ended = [one for one in listed if one["finished_at"] and datetime.fromisoformat(one["finished_at"]) > since]
    ended.sort(key=lambda one: str(one["finished_at"]), reverse=True)
    keys = list(dict.fromkeys(one["key"] for one in (*running, *ended)))[:CAMPAIGNS]
    whole: list[dict[str, Any]] = list(await asyncio.gather(*(desk.api.get(f"/v1/campaigns/{key}") for key in keys)))
    found = []
    for one in whole:
        where = f"/campaigns/{one['key']}"
        if one["state"] == "running" and not one["delivery"]["ready"]:
            found.append(Alert(t("home.alert.campaign", name=one["name"], why=one["delivery"]["reason"]), where, "bad"))
        if why := (one["planning"] or {}).get("waits_for"):
            found.append(Alert(t("home.alert.waits", name=one["name"], why=words.reason(desk, why)), where))
        if unknown := one["messages"].get("unknown", 0):
            told = t("home.alert.unknown", name=one["name"], n=desk.number(unknown))
            found.append(Alert(told, f"{where}/recipients?state=unknown"))
    return found


async def _services(desk: Desk) -> list[Alert]:
    """Readers that are behind, and facts that could not be taken in."""
    asked = [
        asyncio.gather(
            desk.api.get(f"/v1/services/{name}/readers"),
            desk.api.get(f"/v1/services/{name}/dead-letters", limit=50),
        )
        for name in SERVICES
    ]
    found = []
    for name, told in zip(SERVICES, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(told, BaseException):
            found.append(Alert(t("home.alert.away", name=name), tone="bad"))
            continue
        readers, letters = told
        behind = max(((one["last"] or 0) - (one["taken"] or 0) for one in readers["readers"]), default=0)
        if behind > QUEUED:
            found.append(Alert(t("home.alert.behind", name=name, n=desk.number(behind))))
        if lying := [one for one in letters["items"] if one["replayed_at"] is None]:
            found.append(Alert(t("home.alert.letters", name=name, n=desk.number(len(lying)))))
    return found
