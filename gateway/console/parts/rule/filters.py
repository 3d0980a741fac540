"""Comparisons of traits and of properties of events, and lists of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import parts
from gateway.console.desk import t
from gateway.console.parts.rule import fields
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.shape import DATES, OPERATORS, Node

MOST = 10
"""Filters of one event."""
_NUMBERS = ("gt", "gte", "lt", "lte")
_FIRST: dict[str, Any] = {
    "within": "7d",
    "within_next": "7d",
    "before": "",
    "after": "",
    "anniversary": "today",
    "exists": True,
    "between": [0, 10],
}


def comparison(edit: Editing, node: Node, *, kind: str, choices: list[str] | None = None) -> None:
    """The operator of a node and what it compares with. `kind` is the value's type, empty when it is not known."""
    box = ui.element("div").classes("m-row m-tight")

    def turned(new: str) -> None:
        old = next((one for one in OPERATORS if one in node), None)
        kept = node.pop(old) if old else None
        node[new] = _carried(kept, new, kind)
        if new in DATES and new not in ("within", "within_next"):
            node.setdefault("zone", desks.here().zone.key)
        else:
            node.pop("zone", None)
        draw()
        edit.changed()

    def draw() -> None:
        box.clear()
        operator = next((one for one in OPERATORS if one in node), "")
        offered = edit.fitting(kind)
        if operator and operator not in offered:
            offered = (*offered, operator)
        with box:
            options = {one: t(f"rules.operators.{one}") for one in offered}
            fields.choose(options, operator, turned, label=t("rules.compare"), width=132)
            _value(edit, node, operator, kind=kind, choices=choices or [])

    draw()


def _carried(old: Any, new: str, kind: str) -> Any:
    """The value of an operator that takes the place of another one: what it had, where that fits."""
    plain = isinstance(old, str | int | float) and not isinstance(old, bool)
    if new in ("in", "not_in"):
        return [old] if plain and old != "" else []
    if new in _NUMBERS:
        return old if plain and not isinstance(old, str) else 0
    if new in ("eq", "ne", "contains", "starts_with"):
        if isinstance(old, list) and len(old) == 1:
            old, plain = old[0], True
        return old if plain else True if kind == "boolean" else 0 if kind == "number" else ""
    first = _FIRST[new]
    return list(first) if isinstance(first, list) else first


def _value(edit: Editing, node: Node, operator: str, *, kind: str, choices: list[str]) -> None:
    """The field of an operator."""
    match operator:
        case "in" | "not_in":
            _several(edit, node, operator, kind=kind, choices=choices)
        case "gt" | "gte" | "lt" | "lte":
            fields.number(edit, node, operator, label=t("rules.number"), width=110)
        case "between":
            fields.number(edit, node[operator], 0, label=t("rules.low"))
            fields.number(edit, node[operator], 1, label=t("rules.high"))
        case "exists":
            _yes(edit, node, operator, t("rules.there"), t("rules.not_there"))
        case "within" | "within_next":
            fields.duration(edit, node, operator, label=t("rules.length"))
        case "before" | "after":
            fields.instant(edit, node, operator, label=t("rules.day"))
            fields.zone(edit, node)
        case "anniversary":
            _anniversary(edit, node)
            fields.zone(edit, node)
        case "starts_with":
            fields.text(edit, node, operator, label=t("rules.value"))
        case "eq" | "ne" | "contains":
            _one(edit, node, operator, kind=kind, choices=choices)


def _yes(edit: Editing, node: Node, key: str, yes: str, no: str) -> None:
    def told(value: str) -> None:
        node[key] = value == "yes"
        edit.changed()

    fields.choose({"yes": yes, "no": no}, "yes" if node[key] else "no", told, label=t("rules.value"), width=110)


def _anniversary(edit: Editing, node: Node) -> None:
    box = ui.element("div").classes("m-row m-tight")

    def told(value: str) -> None:
        node["anniversary"] = "today" if value == "today" else {"within_next": "7d"}
        draw()
        edit.changed()

    def draw() -> None:
        box.clear()
        given = node["anniversary"]
        with box:
            options = {"today": t("rules.today"), "next": t("rules.coming")}
            fields.choose(
                options, "next" if isinstance(given, dict) else "today", told, label=t("rules.day"), width=110
            )
            if isinstance(given, dict):
                fields.duration(edit, given, "within_next", label=t("rules.length"), days=True)

    draw()


def _type_of(value: Any, kind: str) -> str:
    """The type a value is edited as: its own, else that of the field."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return kind if value == "" and kind in ("number", "boolean") else "text"


def _one(edit: Editing, node: Node, key: str, *, kind: str, choices: list[str]) -> None:
    """A text, a number or yes and no; which of them, where that is not known, is chosen beside it."""
    box = ui.element("div").classes("m-row m-tight")

    def told(value: Any) -> None:
        node[key] = value
        edit.changed()

    def turned(value: str) -> None:
        old = node[key]
        digits = str(old).replace(".", "", 1).lstrip("-").isdigit()
        numeric = fields.plain(float(old)) if digits and not isinstance(old, bool) else 0
        node[key] = {"text": str(old) if not isinstance(old, bool) else "", "number": numeric, "boolean": True}[value]
        draw()
        edit.changed()

    def draw() -> None:
        box.clear()
        given = node[key]
        typed = _type_of(given, kind)
        label = t("rules.value")
        with box:
            if kind not in ("text", "number", "boolean") or typed != kind:
                offered = {one: t(f"rules.types.{one}") for one in ("text", "number", "boolean")}
                fields.choose(offered, typed, turned, label=t("rules.type"), width=92)
            if typed == "boolean":
                _yes(edit, node, key, t("shared.yes"), t("shared.no"))
            elif typed == "number":
                fields.number(edit, node, key, label=label, width=110)
            elif choices:
                fields.choose({one: one for one in choices}, str(given), told, label=label, width=150, free=True)
            else:
                made = ui.input(label, value=str(given)).style("width:150px")
                made.on_value_change(lambda event: told(event.value or ""))

    draw()


def _several(edit: Editing, node: Node, key: str, *, kind: str, choices: list[str]) -> None:
    """Several values, each closed with Enter; what were numbers stay numbers."""
    known = {str(one): one for one in node[key]}
    numeric = kind == "number" or (bool(node[key]) and all(_type_of(one, "") == "number" for one in node[key]))

    def read(word: str) -> Any:
        if word in known:
            return known[word]
        if numeric:
            try:
                return fields.plain(float(word))
            except ValueError:
                return word
        return word

    def told(words: list[str]) -> None:
        node[key] = [read(word.strip()) for word in words if word.strip()]
        edit.changed()

    if choices:
        offered = list(dict.fromkeys([*choices, *known]))
        made: Any = ui.select(offered, label=t("rules.values"), value=list(known), multiple=True)
    else:
        made = ui.input_chips(t("rules.values"), value=list(known)).props("outlined dense stack-label")
        made.tooltip(t("rules.values_hint"))
    made.style("min-width:190px;max-width:420px").on_value_change(lambda event: told(list(event.value or [])))


class Filters:
    """A list of filters of an event, in a node that has its `where` (or `having`) only when there is one.

    The button that adds one stands below them, or with `adder()` wherever the caller wants it.
    """

    def __init__(
        self, edit: Editing, node: Node, key: str, event: Callable[[], str], *, add: str, beside: bool = False
    ) -> None:
        self._edit, self._node, self._key, self._event, self._add = edit, node, key, event, add
        self._beside = beside
        self.box = ui.element("div").classes("m-stack m-tight")
        self.draw()

    def draw(self) -> None:
        """Draw it anew, as after the event is another one."""
        self.box.clear()
        given: list[Node] = self._node.get(self._key, [])
        with self.box:
            for place, one in enumerate(given):
                with ui.element("div").classes("m-row m-tight m-filter"):
                    self._one(place, one)
            if len(given) < MOST and not self._beside:
                with parts.row():
                    self.adder()

    def adder(self) -> None:
        """The button that adds a filter."""
        parts.button(self._add, self._added, kind="quiet", icon="filter_alt").classes("m-small")

    def _one(self, place: int, one: Node) -> None:
        known = self._edit.known.properties.get(self._event(), {})

        def named() -> None:
            operator = next((name for name in OPERATORS if name in one), "eq")
            kind = self._edit.known.type_of(self._event(), one["property"])
            if one.get(operator) in ("", 0, None, True) and kind in ("number", "boolean", "text", "date", "list"):
                one.pop(operator, None)
                fitting = self._edit.fitting(kind)[0]
                one[fitting] = _carried(None, fitting, kind)
            self.draw()

        options = {name: name for name in known}
        fields.name(self._edit, one, "property", options, label=t("rules.property"), width=170, then=named)
        comparison(self._edit, one, kind=self._edit.known.type_of(self._event(), str(one.get("property", ""))))
        parts.button("", lambda: self._dropped(place), kind="quiet", icon="close", hint=t("rules.remove_filter"))

    def _added(self) -> None:
        if len(self._node.get(self._key, ())) >= MOST:
            return
        self._node.setdefault(self._key, []).append({"property": "", "eq": ""})
        self.draw()
        self._edit.changed()

    def _dropped(self, place: int) -> None:
        del self._node[self._key][place]
        if not self._node[self._key]:
            del self._node[self._key]
        self.draw()
        self._edit.changed()
