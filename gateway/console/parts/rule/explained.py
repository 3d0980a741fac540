"""Why a viewer is in a segment, or not: the rule with a tick or a cross at each part, and what is known there."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import parts
from gateway.console.desk import t
from gateway.console.parts.rule.said import words


def explained(told: dict[str, Any], rule: dict[str, Any] | None) -> None:
    """An explanation of the API; `rule` is the segment's, so that its parts are said in the operator's language."""
    desk = desks.here()
    inside = bool(told["inside"])
    detail = t("rules.since", at=desk.time(told["since"])) if inside and told["since"] else ""
    parts.alert(t("rules.is_in") if inside else t("rules.is_out"), tone="good" if inside else "accent", detail=detail)
    if told["rule"] is None:
        ui.label(t("rules.a_list")).classes("m-mute")
        return
    if told["rule"]["holds"] is not inside:
        ui.label(t("rules.late")).classes("m-warn m-small")
    _part(told["rule"], rule)


def _part(told: dict[str, Any], rule: Any) -> None:
    """`rule` is the part itself, None where only the API's words are there."""
    desk = desks.here()
    with ui.element("div").classes("m-explained"):
        holds = bool(told["holds"])
        icon = ui.icon("check" if holds else "close").classes("m-good" if holds else "m-bad")
        parts.attributes(icon, aria_label=t("rules.holds") if holds else t("rules.holds_not"))
        with parts.stack(tight=True).classes("m-grow"):
            ui.label(words(rule) if rule is not None else told["text"]).classes("m-wrap")
            notes = []
            if told["actual"] is not None:
                notes.append(t("rules.actual", value=_short(told["actual"])))
            if told["changes_at"]:
                notes.append(t("rules.changes_at", at=desk.time(told["changes_at"])))
            if notes:
                ui.label(" · ".join(notes)).classes("m-mute m-small m-wrap")
            for place, one in enumerate(told["parts"]):
                _part(one, _child(rule, place))


def _child(rule: Any, place: int) -> Any:
    """The part of a rule that is explained in that place; of another segment's rule only the API knows."""
    if not isinstance(rule, dict):
        return None
    for group in ("all", "any"):
        if group in rule:
            return rule[group][place] if place < len(rule[group]) else None
    for one in ("not", "has_been"):
        if one in rule:
            return rule[one]
    return None


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 120 else f"{said[:119]}…"
