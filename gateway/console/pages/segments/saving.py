"""Naming a new segment: a dialog that any page can open with what is to be saved."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

LONGEST = 64


def key_of(name: str) -> str:
    """A key made of a name: its Latin letters and digits; a random one where it has none."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-")
    return slug if len(slug) >= 3 else f"segment-{secrets.token_hex(3)}"


def ask(
    title: str,
    save: Callable[[str, str, str], Awaitable[dict[str, Any]]],
    *,
    name: str = "",
    hint: str = "",
    ways: Sequence[str] = (),
    then: str = "",
) -> None:
    """Ask for name and key, then `save(key, name, way)` and go to the segment.

    `ways` are list and rule, where there is a choice; `then` is added to the segment's address.
    """
    with parts.dialog(title) as asked:
        if hint:
            ui.label(hint).classes("m-mute")
        named = ui.input(t("segments.name"), value=name).props("autofocus maxlength=200")
        key = ui.input(t("segments.key"), value=key_of(name) if name else "").props("maxlength=64")
        ui.label(t("segments.key_hint")).classes("m-mute m-small")
        way = ui.radio({one: t(f"segments.ways.{one}") for one in ways}, value=ways[0]) if ways else None
        touched = {"key": False}
        key.on("keydown", lambda: touched.update(key=True))

        def suggest() -> None:
            if not touched["key"]:
                key.value = key_of(named.value or "")

        named.on("blur", suggest)

        async def done() -> None:
            if not (key.value or "").strip():
                key.value = key_of(named.value or "")
            try:
                made = await save(key.value.strip(), (named.value or "").strip(), str(way.value) if way else "")
            except ApiError as error:
                parts.field_errors(error, {"name": named, "key": key})
                return
            asked.close()
            ui.navigate.to(f"/segments/{made['key']}{then}")

        key.on("keydown.enter", done)
        named.on("keydown.enter", done)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("shared.save"), done, kind="primary")
    asked.open()


def ask_rule(desk: Desk, rule: dict[str, Any], *, name: str = "") -> None:
    """The dialog for a rule."""

    async def save(key: str, named: str, _: str) -> dict[str, Any]:
        made: dict[str, Any] = await desk.api.post("/v1/segments", {"key": key, "name": named, "rule": rule})
        return made

    ask(t("segments.save_as"), save, name=name)
