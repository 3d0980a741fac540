"""How a campaign is set: in words, and its texts."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words
from gateway.console.pages.campaigns.listing import segment_names
from gateway.console.pages.campaigns.steps.review import estimate, summary

BY = ("submitted", "approved", "started", "ended")
"""Acts of which it is known who did them."""


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """Summary, life and texts; the estimate while it can still change."""
    segments = await segment_names(desk, one["trigger"])
    with parts.grid():
        with parts.panel(t("campaigns.summary"), span=5):
            summary(desk, one, segments, await words.manners(desk))
            _life(desk, one, await names.called(desk, (one[f"{act}_by"] for act in BY)))
        with parts.panel(t("campaigns.texts"), span=7):
            _texts(t("campaigns.default_text"), one["content"])
            for variant in one["content"]["variants"]:
                ui.separator()
                _texts(variant["name"], variant)
    if words.manual(one) and one["state"] in ("draft", "submitted", "approved"):
        with parts.panel(t("campaigns.estimate"), hint=t("campaigns.estimate_hint")):
            parts.later(lambda: estimate(desk, one["key"]))


def _life(desk: Desk, one: dict[str, Any], called: dict[str, str]) -> None:
    """Who did what and when, as far as it came; who is pointed at shows his id."""
    steps = (
        (t("campaigns.life.created"), one["created_at"], None),
        (t("campaigns.life.submitted"), one["submitted_at"], one["submitted_by"]),
        (t("campaigns.life.approved"), one["approved_at"], one["approved_by"]),
        (t("campaigns.life.started"), one["started_at"], one["started_by"]),
        (t("campaigns.life.finished"), one["finished_at"], one["ended_by"]),
    )
    ui.separator()
    parts.facts(
        (name, desk.exact(at) + (f" · {called.get(who, who)}" if who else ""), who or "")
        for name, at, who in steps
        if at
    )


def _texts(name: str, content: dict[str, Any]) -> None:
    with parts.row():
        parts.badge(name, "accent")
    with ui.element("div").classes("m-letter"):
        if content["subject"]:
            ui.label(content["subject"]).classes("m-strong")
        ui.label(content["body"]).classes("m-pre m-wrap")
        if content["link"]:
            ui.label(content["link"]).classes("m-mono m-small m-wrap")
    if content["html"]:
        with ui.element("details"):
            with ui.element("summary").classes("m-mute m-small"):
                ui.label(t("campaigns.html"))
            ui.label(content["html"]).classes("m-code m-mono m-pre m-wrap")
