"""The third step: when it goes out, how fast, and at which hours not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import t
from gateway.console.pages.campaigns import words
from gateway.console.pages.campaigns.editing import Making
from gateway.console.parts.rule import fields

NIGHT = {"from": "22:00", "to": "08:00"}


async def draw(making: Making) -> None:
    """Time, quiet hours and pace."""
    with parts.grid():
        with parts.panel(t("campaigns.when_title"), span=6):
            if making.manual:
                _when(making)
            else:
                ui.label(t("campaigns.as_it_happens_hint")).classes("m-mute")
        with parts.panel(t("campaigns.restraint"), hint=t("campaigns.restraint_hint"), span=6):
            _restraint(making)


def _when(making: Making) -> None:
    body = making.body
    kinds = {one: t(f"campaigns.times.{one}") for one in ("now", "at", "local")}
    given = body.get("time") or {}
    kind = next((one for one in ("at", "local") if one in given), "now")
    choice = ui.radio(kinds, value=kind)
    box = parts.stack()

    def told(value: str | None) -> None:
        if not value:
            body.pop("time", None)
        elif choice.value == "at":
            body["time"] = {"at": datetime.fromisoformat(value).replace(tzinfo=making.desk.zone).isoformat()}
        else:
            body["time"] = {"local": f"{value}:00" if len(value) == 16 else value}

    def turned() -> None:
        body.pop("time", None)
        show("")

    def show(value: str) -> None:
        box.clear()
        making.fields.clear()
        if choice.value == "now":
            return
        with box:
            made = ui.input(t("campaigns.moment"), value=value).props("type=datetime-local").style("width:240px")
            made.on_value_change(lambda event: told(event.value))
            making.fields[f"time.{choice.value}"] = made
            zone = making.desk.zone.key
            local = t("campaigns.local_hint", zone=making.manners["zone"])
            hint = t("campaigns.at_hint", zone=zone) if choice.value == "at" else local
            ui.label(hint).classes("m-mute m-small")

    choice.on_value_change(turned)
    at = making.desk.moment(given.get("at"))
    show(f"{at:%Y-%m-%dT%H:%M}" if at else str(given.get("local", ""))[:16])


def _restraint(making: Making) -> None:
    body = making.body
    box = parts.stack()

    def transactional(value: Any) -> None:
        body["transactional"] = bool(value)
        if value:
            body.pop("holdout", None)
            body.pop("quiet_hours", None)
        show()

    def turned(value: str) -> None:
        if value == "house":
            body.pop("quiet_hours", None)
        else:
            body["quiet_hours"] = "none" if value == "none" else dict(NIGHT)
        show()

    def show() -> None:
        box.clear()
        with box:
            switch = ui.switch(t("campaigns.transactional"), value=bool(body.get("transactional")))
            switch.on_value_change(lambda event: transactional(event.value))
            cap = words.cap(making.desk, making.manners)
            hint = t("campaigns.transactional_hint") if body.get("transactional") else cap
            ui.label(hint).classes("m-mute m-small")
            if not body.get("transactional"):
                hours = body.get("quiet_hours")
                kind = "own" if isinstance(hours, dict) else "none" if hours == "none" else "house"
                with parts.row(tight=True):
                    options = {one: t(f"campaigns.quiet.{one}") for one in ("own", "none")}
                    options = {"house": words.house_quiet(making.manners), **options}
                    fields.choose(options, kind, turned, label=t("campaigns.quiet_hours"), width=300)
                    if isinstance(hours, dict):
                        _hours(hours)
                ui.label(t("campaigns.quiet_hint", zone=making.manners["zone"])).classes("m-mute m-small")
            rate = ui.number(t("campaigns.rate"), value=body.get("rate"), min=0.1, max=10_000).style("width:220px")
            rate.on_value_change(lambda event: body.update(rate=event.value))
            making.fields["rate"] = rate
            ui.label(t("campaigns.rate_hint")).classes("m-mute m-small")

    show()


def _hours(hours: dict[str, str]) -> None:
    for name, label in (("from", t("campaigns.quiet_from")), ("to", t("campaigns.quiet_to"))):
        made = ui.input(label, value=hours[name]).props("type=time").style("width:110px")
        made.on_value_change(lambda event, name=name: hours.update({name: str(event.value or "")[:5]}))
