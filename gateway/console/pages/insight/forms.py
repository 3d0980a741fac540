"""What all questions share: events with filters, the time, whose events, and how they are split."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.parts.rule import Filters, Known, fields
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.shape import Node, filters_whole

SPLITS = ("", "property", "trait", "segment")
_HAPPENINGS = ("entry", "returned")


@dataclass
class Form:
    """A question that is edited in place; `request()` is what is sent."""

    desk: Desk
    known: Known
    ask: Node
    wrong: ui.label = field(init=False)

    def __post_init__(self) -> None:
        self.edit = Editing(known=self.known, changed=lambda: None, redraw=lambda: None)
        self.events = {names.ANY: names.event(names.ANY), **self.known.events}

    def request(self) -> Node:
        """The question as the API takes it: what is empty is not there."""
        asked = copy.deepcopy(self.ask)
        asked.setdefault("zone", self.desk.zone.key)
        split = asked.get("split")
        if split is not None and not any(split.get(name) for name in SPLITS[1:]):
            del asked["split"]
        return asked


def drawable(ask: Node) -> bool:
    """Whether the forms can show a question of an address."""
    happenings = [ask, *(ask.get(name, {}) for name in _HAPPENINGS)]
    steps = ask.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(ask.get(name, {}), dict) for name in ("split", "measure")):
        return False
    return all(isinstance(one, dict) and filters_whole(one) for one in [*happenings, *steps])


def missing(request: Node) -> bool:
    """Whether an event has no name yet."""
    named = [request] if "event" in request else []
    named += [request[one] for one in _HAPPENINGS if one in request]
    return not all(one.get("event") for one in [*named, *request.get("steps", ())])


def happening(form: Form, node: Node, *, label: str = "") -> ui.element:
    """An event and what it must be like; the row of the event, for the caller's own fields beside it."""
    row = parts.row(tight=True)
    filters = Filters(
        form.edit, node, "where", lambda: str(node.get("event", "")), add=t("rules.add_filter"), beside=True
    )
    with row:
        fields.name(
            form.edit, node, "event", form.events, label=label or t("rules.event"), width=240, then=filters.draw
        )
        filters.adder()
    return row


def properties(form: Form, event: str) -> dict[str, str]:
    """Names of properties of an event."""
    return {name: name for name in form.known.properties.get(event, {})}


def option(form: Form, key: str, options: dict[str, str], *, label: str, width: int = 130) -> None:
    """One of some values of the question."""

    def told(value: str) -> None:
        form.ask[key] = value

    fields.choose(options, str(form.ask[key]), told, label=label, width=width)


def switch(form: Form, key: str, text: str, hint: str = "") -> None:
    """Yes or no."""
    made = ui.switch(text, value=bool(form.ask.get(key)))
    made.on_value_change(lambda event: form.ask.update({key: bool(event.value)}))
    if hint:
        made.tooltip(hint)


def when(form: Form) -> None:
    """The last so long, or from a day to a day."""
    box = parts.row(tight=True)
    ask = form.ask

    def turned(value: str) -> None:
        for name in ("within", "from", "to"):
            ask.pop(name, None)
        ask.update({"within": "30d"} if value == "within" else {"from": ""})
        draw()

    def draw() -> None:
        box.clear()
        kind = "within" if "within" in ask else "dates"
        with box:
            options = {one: t(f"rules.windows.{one}") for one in ("within", "dates")}
            fields.choose(options, kind, turned, label=t("rules.time"), width=120)
            if kind == "within":
                fields.duration(form.edit, ask, "within", label=t("rules.length"))
            else:
                fields.instant(form.edit, ask, "from", label=t("rules.from"))
                fields.instant(form.edit, ask, "to", label=t("rules.to"), optional=True)

    draw()


def whose(form: Form) -> None:
    """Only viewers of a segment."""

    def told(value: str) -> None:
        if value:
            form.ask["segment"] = value
        else:
            form.ask.pop("segment", None)

    options = {"": t("insight.everybody"), **form.known.segments}
    fields.choose(options, str(form.ask.get("segment", "")), told, label=t("insight.whose"), width=220)


def split(form: Form, event: Any) -> None:
    """Told apart by a property of the event (`event()` names it), a trait, or a segment."""
    box = parts.row(tight=True)
    ask = form.ask

    def turned(value: str) -> None:
        ask.pop("split", None)
        if value:
            ask["split"] = {value: "", "top": 6}
        draw()

    def draw() -> None:
        box.clear()
        given = ask.get("split", {})
        kind = next((one for one in SPLITS[1:] if one in given), "")
        with box:
            options = {one: t(f"insight.split.{one or 'none'}") for one in SPLITS}
            fields.choose(options, kind, turned, label=t("insight.split_by"), width=130)
            if kind:
                known = {
                    "property": properties(form, event()),
                    "trait": dict(form.known.traits),
                    "segment": dict(form.known.segments),
                }
                fields.name(form.edit, given, kind, known[kind], label=t(f"insight.split.{kind}"), width=180)

    draw()


def part_words(part: Node | None, request: Node) -> str:
    """A line of a split for reading."""
    if part is None:
        return t("insight.together")
    if part.get("other"):
        return t("segments.part_other")
    if part.get("missing"):
        return t("segments.part_missing")
    value = part.get("value")
    if isinstance(value, bool) and "segment" in request.get("split", {}):
        return t("insight.inside") if value else t("insight.outside")
    return str(value)
