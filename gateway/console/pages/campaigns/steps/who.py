"""The first step: the name, and who gets it, with its size as it is now."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import t
from gateway.console.pages.campaigns import drafts, listed
from gateway.console.pages.campaigns.editing import LIST, Making
from gateway.console.parts.rule import fields

KINDS = ("segment", "list", "segment_entered", "segment_left", "event", "bus")
EVERY = 3.0
"""Seconds between two looks at a segment's size."""


async def draw(making: Making) -> None:
    """Name and audience."""
    with parts.panel(t("campaigns.name")):
        named = ui.input(t("campaigns.name"), value=making.body["name"]).props("maxlength=200 autofocus")
        named.style("max-width:520px").on_value_change(lambda event: making.body.update(name=event.value or ""))
        named.on("keydown.enter", lambda: making.go("message"))
        making.fields["name"] = named
    with parts.panel(t("campaigns.audience"), hint=t("campaigns.audience_hint")):
        kinds = parts.row(tight=True)
        box = parts.stack()
    locked = making.campaign is not None and making.campaign["started_at"] is not None

    saved = ((making.campaign or {}).get("trigger", {}).get("manual") or {}).get("list_length")

    def turned(kind: str) -> None:
        making.body["trigger"] = {
            "segment": {"manual": {"segment": ""}},
            "list": {"manual": {} if saved else {"list": []}},
        }.get(kind, {kind: ""})
        show()

    def show() -> None:
        kind = kind_of(making.body["trigger"])
        kinds.clear()
        box.clear()
        for name in [one for one in making.fields if one.startswith("trigger.")]:
            del making.fields[name]
        with kinds:
            options = {one: t(f"campaigns.kinds.{one}") for one in KINDS}
            chosen = fields.choose(options, kind, turned, label=t("campaigns.kind"), width=320)
            chosen.set_enabled(not locked)
        with box:
            ui.label(t(f"campaigns.kind_hints.{kind}")).classes("m-mute")
            if kind == "list":
                _list(making)
            elif kind in ("segment", "segment_entered", "segment_left"):
                _segment(making, kind)
            else:
                _named(making, kind)

    show()


def kind_of(trigger: dict[str, Any]) -> str:
    """Which of the ways a trigger is."""
    manual = trigger.get("manual")
    if manual is not None:
        return "segment" if "segment" in manual else "list"
    return next(one for one in KINDS if one in trigger)


def _segment(making: Making, kind: str) -> None:
    trigger = making.body["trigger"]
    node = trigger["manual"] if kind == "segment" else trigger
    with parts.row().style("gap:20px"):
        shown = fields.choose(
            making.known.segments,
            str(node.get(kind) or ""),
            lambda value: told(value),
            label=t("campaigns.segment"),
            width=320,
            free=True,
        )
        making.fields["trigger.manual.segment" if kind == "segment" else f"trigger.{kind}"] = shown
        with parts.stack(tight=True).style("gap:0"):
            size = ui.label("–").classes("m-big")
            about = ui.label("").classes("m-mute m-small")
        parts.button(t("campaigns.new_segment"), href="/segments/new", kind="quiet", icon="add")

    async def told(value: str) -> None:
        node[kind] = value
        shown.error = None
        timer.activate()
        await look()

    async def look() -> None:
        key = str(node.get(kind) or "")
        if not key:
            size.text, about.text = "–", t("campaigns.choose_segment")
            return
        try:
            one = await making.desk.api.get(f"/v1/segments/{key}")
        except ApiError as error:
            size.text, about.text = "–", error.title
            timer.deactivate()
            return
        size.text = making.desk.number(one["size"])
        about.text = t("campaigns.size_now", n=one["behind"] or 0)

    timer = ui.timer(EVERY, look)


def _list(making: Making) -> None:
    """Refs in a text; while it is empty, a list that is saved stays."""
    saved = making.campaign if making.kept else None
    if saved is not None:
        with parts.alert(t("campaigns.list_kept", n=making.desk.number(making.kept)), tone="accent"):
            parts.button(t("campaigns.see_list"), lambda: listed.show(making.desk, saved), icon="list")
    given = making.body["trigger"]["manual"].get("list", [])
    text = ui.textarea(t("campaigns.list"), value="\n".join(given)).props('input-class="m-mono" spellcheck=false')
    text.props('placeholder="user_id:u1" rows=8').style("max-width:520px;width:100%")
    making.fields[LIST] = text
    counted = ui.label("").classes("m-mute")

    def told() -> None:
        refs = drafts.refs_of(text.value or "")
        making.body["trigger"]["manual"] = {} if saved is not None and not refs else {"list": refs}
        counted.text = t("campaigns.listed", n=making.desk.number(len(refs))) if refs else ""

    text.on_value_change(told)
    if given:
        told()


def _named(making: Making, kind: str) -> None:
    trigger = making.body["trigger"]

    def told(value: str) -> None:
        trigger[kind] = value

    if kind == "event":
        label = t("campaigns.event")
        shown: Any = fields.choose(making.known.events, trigger[kind], told, label=label, width=320, free=True)
    else:
        shown = ui.input(t("campaigns.bus"), value=trigger[kind]).style("width:320px")
        shown.on_value_change(lambda event: told(event.value or ""))
    making.fields[f"trigger.{kind}"] = shown
