"""What a campaign brought: the funnel, conversions by day against the hold-out, revenue, variants and links."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import drafts, recipients, words

FUNNEL = ("planned", "sent", "delivered", "opened", "clicked", "converted")


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The report as it is now."""
    told = await desk.api.get(f"/v1/campaigns/{one['key']}/report")
    funnel = told["funnel"]
    if not funnel["planned"]:
        parts.empty("query_stats", t("campaigns.no_report"), t("campaigns.no_report_hint"))
        return
    with ui.element("div").classes("m-figures m-figures-many"):
        _figures(desk, told)
    with parts.grid():
        with parts.panel(t("campaigns.funnel"), span=6):
            steps = [name for name in FUNNEL if name != "converted" or told["conversion_event"]]
            shown = [(t(f"campaigns.steps.{name}"), funnel[name]) for name in steps]
            parts.funnel(shown, height=230, label=t("campaigns.funnel"))
            unmeasured = drafts.measured(one)
            if unmeasured != "opens_clicks" and not funnel["opened"]:
                ui.label(t(f"campaigns.measured.{unmeasured}")).classes("m-mute m-small")
            for figure, words in (("machine_opened", "machines"), ("machine_clicked", "machine_clicks")):
                if funnel[figure]:
                    ui.label(t(f"campaigns.{words}", n=desk.number(funnel[figure]))).classes("m-mute m-small")
        with parts.panel(t("campaigns.trend"), hint=t("campaigns.trend_hint"), span=6):
            _trend(desk, one, told)
        with parts.panel(t("campaigns.effect"), span=6):
            _effect(desk, told)
        with parts.panel(t("campaigns.not_sent"), span=6):
            _reasons(desk, told)
        with parts.panel(t("campaigns.variants"), span=6):
            _variants(desk, told)
        with parts.panel(t("campaigns.links"), span=6):
            _links(told)


def _figures(desk: Desk, told: dict[str, Any]) -> None:
    funnel = told["funnel"]
    shown = (("sent", "planned"), ("delivered", "sent"), ("opened", "delivered"), ("clicked", "delivered"))
    for step, of in (*shown, *((("converted", "sent"),) if told["conversion_event"] else ()), ("unsubscribed", "sent")):
        share = words.rate(funnel[step], funnel[of])
        foot = t("campaigns.of", share=desk.percent(share), of=t(f"campaigns.steps.{of}"))
        href = recipients.href(told["key"], step=step)
        parts.figure(t(f"campaigns.steps.{step}"), desk.number(funnel[step]), foot=foot, href=href)


def _trend(desk: Desk, one: dict[str, Any], told: dict[str, Any]) -> None:
    days = told["trend"]
    if not days:
        parts.empty("flag", t("campaigns.no_goal"), t("campaigns.no_goal_hint"))
        return
    labels = [t("campaigns.day_n", n=day["day"]) + ("" if day["complete"] else " *") for day in days]
    named = {t("campaigns.sent_to"): "sent_rate"}
    if all(day["held_rate"] for day in days):
        named[t("campaigns.held_out")] = "held_rate"
    lines = {label: [day[key]["value"] for day in days] for label, key in named.items()}
    bands = {
        label: ([_low(day[key]) for day in days], [_high(day[key]) for day in days]) for label, key in named.items()
    }
    parts.lines(labels, lines, bands=bands, percent=True, height=220, label=t("campaigns.trend"))
    event = names.event(told["conversion_event"])
    within = words.length((one["conversion"] or {}).get("within", ""))
    ui.label(t("campaigns.trend_foot", event=event, within=within)).classes("m-mute m-small")


def _low(rate: dict[str, Any]) -> float:
    return float(rate["value"] if rate["low"] is None else rate["low"])


def _high(rate: dict[str, Any]) -> float:
    return float(rate["value"] if rate["high"] is None else rate["high"])


def _effect(desk: Desk, told: dict[str, Any]) -> None:
    """The difference from the hold-out, in words and numbers."""
    whole, groups, revenue = told["conversion"], told["groups"], told["revenue"]
    if whole is None:
        ui.label(t("campaigns.no_goal_hint")).classes("m-mute")
        return
    difference = whole["difference"]
    if difference is None:
        ui.label(t("campaigns.no_holdout_hint")).classes("m-mute")
    elif difference["low"] is None:
        parts.alert(t("campaigns.too_few"), tone="warn")
    elif difference["low"] > 0:
        parts.alert(t("campaigns.it_helped"), tone="good")
    elif difference["high"] < 0:
        parts.alert(t("campaigns.it_hurt"), tone="bad")
    else:
        parts.alert(t("campaigns.not_sure"), tone="warn")
    facts = [
        (t("campaigns.sent_to"), _counted(desk, whole["sent_converted"], groups["sent"], whole["sent_rate"])),
    ]
    if whole["held_rate"] is not None:
        held = _counted(desk, whole["held_converted"], groups["held"], whole["held_rate"])
        facts.append((t("campaigns.held_out"), held))
    if difference is not None:
        facts.append((t("campaigns.difference"), _interval(difference, _points)))
    if revenue is not None:
        facts.append((t("campaigns.revenue"), desk.number(revenue["sent_total"], digits=2)))
        facts.append((t("campaigns.revenue_mean"), desk.number(revenue["sent_mean"], digits=2)))
        if revenue["incremental"] is not None:
            facts.append((t("campaigns.incremental"), _interval(revenue["incremental"], desk.number)))
    parts.facts(facts)
    ui.label(t("campaigns.interval_hint")).classes("m-mute m-small")


def _points(value: float) -> str:
    return t("campaigns.points", n=f"{value * 100:+.2f}")


def _interval(told: dict[str, Any], said: Any) -> str:
    if told["low"] is None or told["high"] is None:
        return str(said(told["value"]))
    return t("campaigns.between", value=said(told["value"]), low=said(told["low"]), high=said(told["high"]))


def _counted(desk: Desk, number: int, of: int, rate: dict[str, Any]) -> str:
    share = _interval(rate, lambda value: desk.percent(value, digits=2))
    return t("campaigns.counted", n=desk.number(number), of=desk.number(of), share=share)


def _reasons(desk: Desk, told: dict[str, Any]) -> None:
    found = sorted(told["reasons"].items(), key=lambda one: -one[1])
    if not found:
        ui.label(t("campaigns.all_sent")).classes("m-mute")
        return
    columns = [parts.Column("why", t("campaigns.why_not")), parts.Column("n", t("campaigns.messages"), number=True)]
    parts.Table(
        columns,
        [
            {
                "id": name,
                "why": parts.Link(words.reason(desk, name), recipients.href(told["key"], reason=name)),
                "n": number,
            }
            for name, number in found
        ],
    )


def _variants(desk: Desk, told: dict[str, Any]) -> None:
    columns = [
        parts.Column("variant", t("campaigns.variant")),
        *(parts.Column(name, t(f"campaigns.steps.{name}"), number=True) for name in ("sent", "opened", "clicked")),
        parts.Column("converted", t("campaigns.steps.converted"), number=True),
    ]

    def share(number: int, of: int) -> str:
        return f"{desk.number(number)} · {desk.percent(words.rate(number, of))}" if of else desk.number(number)

    parts.Table(
        columns,
        [
            {
                "id": one["variant"],
                "variant": t("campaigns.default_text") if one["variant"] == "default" else one["variant"],
                "sent": one["sent"],
                **{name: share(one[name], one["sent"]) for name in ("opened", "clicked", "converted")},
            }
            for one in told["variants"]
        ],
    )


def _links(told: dict[str, Any]) -> None:
    if not told["links"]:
        ui.label(t("campaigns.no_links")).classes("m-mute")
        return
    columns = [
        parts.Column("url", t("campaigns.link")),
        parts.Column("messages", t("campaigns.messages"), number=True),
        parts.Column("clicks", t("campaigns.clicks"), number=True),
    ]
    parts.Table(columns, told["links"], key="url")
