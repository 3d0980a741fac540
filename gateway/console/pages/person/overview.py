"""The portrait of a viewer: what he likes, when he is there, what he does and spends."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.names import event, trait
from gateway.console.pages.people.rows import said

INTERESTS = 10


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """Figures, interests, hours, acts, traits, tags."""
    told = await desk.api.get(f"/v1/profiles/{profile['profile_id']}/portrait")
    tags = await desk.api.get(f"/v1/profiles/{profile['profile_id']}/tags")
    if profile["bot"]:
        parts.alert(t("people.program_hint"))
    _figures(desk, profile, told)
    with parts.grid():
        with parts.panel(t("person.interests"), hint=t("person.interests_hint"), span=5):
            _interests(told)
        with parts.panel(t("person.hours"), hint=t("person.hours_hint"), span=7):
            _hours(desk, told)
        with parts.panel(t("person.acts"), span=5):
            acts = list(told["interactions"].items())[:10]
            if acts:
                names = [event(name) for name, _ in acts]
                label = t("person.acts")
                parts.bars(names, {label: [n for _, n in acts]}, flat=True, height=34 + 26 * len(acts), label=label)
            else:
                parts.empty("touch_app", t("person.no_acts"))
        with parts.panel(t("person.traits"), span=4):
            known = [(trait(name), said(value)) for name, value in sorted(told["traits"].items())]
            if known:
                parts.facts(known)
            else:
                parts.empty("label_off", t("person.no_traits"))
        with ui.element("div").classes("m-3 m-stack"):
            with parts.panel(t("person.tags")):
                if tags:
                    with parts.row(tight=True):
                        for one in tags:
                            chip = ui.label(one["name"]).classes("m-chip")
                            parts.attributes(chip, title=f"{one['key']} · {one['source']} · {desk.exact(one['since'])}")
                else:
                    ui.label(t("person.no_tags")).classes("m-mute")
            with parts.panel(t("person.devices")):
                for share in told["habits"]["devices"][:5]:
                    _share(desk, share)
                if not told["habits"]["devices"]:
                    ui.label(t("person.no_devices")).classes("m-mute")
            if told["first_touch"] or told["last_touch"]:
                with parts.panel(t("person.touches")):
                    parts.facts(_touches(desk, told))


def _figures(desk: Desk, profile: dict[str, Any], told: dict[str, Any]) -> None:
    habits = told["habits"]
    watching = habits["watching"]
    with ui.element("div").classes("m-figures"):
        programs = t("person.of_programs", n=desk.number(told["bots"])) if told["bots"] else ""
        parts.figure(t("person.events"), desk.number(profile["events"]), foot=programs)
        parts.figure(t("person.active_days"), desk.number(habits["active_days"]))
        sessions = habits["sessions"]
        mean = desk.number((sessions["mean_seconds"] or 0) / 60)
        parts.figure(t("person.sessions"), desk.number(sessions["count"]), foot=t("person.mean_minutes", minutes=mean))
        hours = desk.number(watching["watch_seconds"] / 3600)
        parts.figure(t("person.watched"), f"{hours} h", foot=t("person.videos", n=watching["videos"]))
        parts.figure(t("person.completion"), desk.percent(watching["completion_rate"], digits=0))
        spent = [f"{desk.number(one['amount'], digits=2)} {one['currency']}" for one in told["spending"]]
        orders = sum(one["orders"] for one in told["spending"])
        parts.figure(t("person.spent"), spent[0] if spent else "–", foot=t("person.orders", n=orders))


def _interests(told: dict[str, Any]) -> None:
    if not told["profiled"]:
        parts.empty("visibility_off", t("person.not_profiled"), t("person.not_profiled_hint"))
        return
    found = told["interests"][:INTERESTS]
    if not found:
        parts.empty("interests", t("person.no_interests"), t("person.no_interests_hint"))
        return
    names, shares = [one["tag"] for one in found], [one["share"] for one in found]
    label = t("person.interests")
    if len(found) >= 4:
        parts.radar(names[:8], {label: shares[:8]}, height=260, label=label)
    else:
        parts.bars(names, {label: [round(one * 100, 1) for one in shares]}, flat=True, height=260, label=label)


def _hours(desk: Desk, told: dict[str, Any]) -> None:
    hours = told["habits"]["hours"]
    cells = [(hour, day, count) for day, row in enumerate(hours) for hour, count in enumerate(row)]
    if not any(count for _, _, count in cells):
        parts.empty("schedule", t("person.no_acts"))
        return
    columns = [f"{hour:02d}" for hour in range(24)]
    parts.heat(columns, desk.weekdays(), cells, height=260, label=t("person.hours"))


def _share(desk: Desk, share: dict[str, Any]) -> None:
    with parts.stack(tight=True):
        with parts.row(tight=True):
            ui.label(share["name"]).classes("m-grow")
            ui.label(desk.percent(share["share"], digits=0)).classes("m-mute m-small")
        with ui.element("div").classes("m-bar"):
            ui.element("div").style(f"width:{share['share'] * 100:.0f}%")


def _touches(desk: Desk, told: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, touch in ((t("person.first_touch"), told["first_touch"]), (t("person.last_touch"), told["last_touch"])):
        if touch:
            words = [touch.get(part) for part in ("source", "medium", "campaign", "share_from")]
            found.append((name, " · ".join([desk.time(touch["at"]), *(word for word in words if word)])))
    return found
