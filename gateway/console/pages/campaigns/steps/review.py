"""The last step: the campaign in words, whom it would reach and why not the others, and what may be done with it."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import acts, drafts, listed, words
from gateway.console.pages.campaigns.editing import Making


async def draw(making: Making) -> None:
    """The summary and the estimate."""
    if making.campaign is None:
        parts.empty("campaign", t("campaigns.save_first"), t("campaigns.save_first_hint"))
        return
    campaign, desk = making.campaign, making.desk
    if drafts.unwritten(campaign):
        with parts.alert(t("campaigns.unwritten")), parts.row():
            parts.button(t("campaigns.write_it"), href=f"/campaigns/{campaign['key']}/edit?step=message")
    if not drafts.way_out(campaign):
        with parts.alert(t("campaigns.no_way_out"), detail=t("campaigns.no_way_out_hint")), parts.row():
            parts.button(t("campaigns.write_it"), href=f"/campaigns/{campaign['key']}/edit?step=message")
    with parts.grid():
        with parts.panel(t("campaigns.summary"), span=5):
            summary(desk, campaign, making.known.segments, making.manners)
        with parts.panel(t("campaigns.estimate"), hint=t("campaigns.estimate_hint"), span=7):
            if words.manual(campaign):
                parts.later(lambda: estimate(desk, campaign["key"]))
            else:
                ui.label(t("campaigns.no_estimate")).classes("m-mute")
    with parts.panel(t("campaigns.what_now")):
        acts.draw(desk, campaign, large=True)


def summary(desk: Desk, campaign: dict[str, Any], segments: dict[str, str], house: dict[str, Any]) -> None:
    """What was set, in words, with what holds by the installation's manners."""
    goal = campaign["conversion"]
    rate = campaign["rate"]
    shown = [
        (t("campaigns.name"), campaign["name"]),
        (t("campaigns.audience"), words.audience(desk, campaign["trigger"], segments)),
        (t("campaigns.channel"), f"{words.channel(campaign['channel'])} · {words.goes_to(campaign['channel'], house)}"),
        (t("campaigns.subject"), campaign["content"]["subject"] or campaign["content"]["body"][:80]),
        (t("campaigns.variants"), desk.number(len(campaign["content"]["variants"]))),
        (t("campaigns.when_title"), words.timing(desk, campaign)),
        (t("campaigns.quiet_hours"), "–" if campaign["transactional"] else words.quiet(campaign, house)),
        (t("campaigns.restraint"), "–" if campaign["transactional"] else words.cap(desk, house)),
        (t("campaigns.pace"), t("campaigns.per_second", n=desk.number(rate)) if rate else t("campaigns.unlimited")),
        (t("campaigns.holdout"), desk.percent(campaign["holdout"])),
        (t("campaigns.counted_of_it"), t(f"campaigns.measured.{drafts.measured(campaign)}")),
        (t("campaigns.conversion"), f"{names.event(goal['event'])} · {words.length(goal['within'])}" if goal else "–"),
    ]
    parts.facts(shown)
    if (campaign["trigger"].get("manual") or {}).get("list_length"):
        with parts.row():
            parts.button(t("campaigns.see_list"), lambda: listed.show(desk, campaign), icon="list", kind="quiet")


async def estimate(desk: Desk, key: str) -> None:
    """From the audience to those who would get it, step by step."""
    told = await desk.api.post(f"/v1/campaigns/{key}/estimate")
    whole = told["audience"]
    if not told["complete"]:
        parts.alert(t("campaigns.filling"), detail=t("campaigns.filling_hint"))
    with parts.row().style("gap:32px"):
        parts.figure_line(t("campaigns.audience"), desk.number(whole))
        parts.figure_line(t("campaigns.reachable"), desk.number(told["reachable"]))
        parts.figure_line(t("campaigns.would_get"), desk.number(told["planned"]))
        if told["seconds"]:
            parts.figure_line(t("campaigns.takes"), length(desk, told["seconds"]))
    lost = {words.reason(desk, name): number for name, number in told["unreachable"].items()}
    lost |= {words.reason(desk, name): told[name] for name in ("suppressed", "capped")}
    lost |= {words.reason(desk, name): number for name, number in told["unwritable"].items()}
    lost |= {words.reason(desk, "hold_out"): told["held_out"]}
    rows = [
        {"id": name, "why": name, "n": number, "share": desk.percent(words.rate(number, whole))}
        for name, number in lost.items()
        if number
    ]
    if rows:
        columns = [
            parts.Column("why", t("campaigns.why_not")),
            parts.Column("n", t("campaigns.viewers"), number=True),
            parts.Column("share", t("campaigns.share"), number=True),
        ]
        parts.Table(columns, rows)
    elif whole:
        ui.label(t("campaigns.all_get_it")).classes("m-good")
    else:
        parts.alert(t("campaigns.nobody"), detail=t("campaigns.nobody_hint"))
    if told["waiting"]:
        waits = " · ".join(f"{words.reason(desk, name)}: {desk.number(n)}" for name, n in told["waiting"].items())
        ui.label(t("campaigns.first_wait", waits=waits)).classes("m-mute")
    others = [
        f"{words.channel(name)} {desk.number(reach['reachable'])}" + ("" if reach["exact"] else " ≈")
        for name, reach in told["channels"].items()
    ]
    ui.label(t("campaigns.per_channel", reach=" · ".join(others))).classes("m-mute")
    if told["unknown_refs"]:
        parts.alert(t("campaigns.unknown_refs", n=desk.number(told["unknown_refs"])))
    if not told["exact"]:
        ui.label(t("campaigns.scaled", n=desk.number(told["asked"]))).classes("m-mute m-small")


def length(desk: Desk, seconds: float) -> str:
    """A length of time for reading."""
    if seconds < 90:
        return t("campaigns.seconds", n=desk.number(round(seconds)))
    if seconds < 5400:
        return t("campaigns.minutes", n=desk.number(round(seconds / 60)))
    return t("campaigns.hours", n=desk.number(seconds / 3600))
