"""A message as its viewer would see it."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import t


def draw(told: dict[str, Any]) -> None:
    """Its texts; an HTML part in a frame of its own."""
    with ui.element("div").classes("m-letter"):
        if told["subject"]:
            ui.label(told["subject"]).classes("m-strong")
        if told["html"]:
            # Nothing in it may run, or reach the console: the sandbox has no rights at all.
            letter = ui.element("iframe").props('sandbox=""').classes("m-letter-html")
            parts.attributes(letter, srcdoc=told["html"], title=t("campaigns.preview"))
        ui.label(told["body"]).classes("m-pre m-wrap")
        if told["link"]:
            ui.label(told["link"]).classes("m-mono m-small m-wrap")
