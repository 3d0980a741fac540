"""The small fields of rules: each edits one name of a dict in place and says that it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import names, parts
from gateway.console.desk import t
from gateway.console.parts.rule.known import Known
from gateway.console.parts.rule.shape import OF_TYPE, OPERATORS, Node

ARROW = 26
"""Pixels of the arrow of a list."""
UNITS = ("s", "m", "h", "d", "w")
ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
)


@dataclass(frozen=True, kw_only=True)
class Editing:
    """What fields need: what can be named, `changed` after every edit, `redraw` after the tree has another shape.

    `operators` are those that the API knows for which this is edited.
    """

    known: Known
    changed: Callable[[], None]
    redraw: Callable[[], None]
    operators: tuple[str, ...] = OPERATORS

    def fitting(self, kind: str) -> tuple[str, ...]:
        """Operators that make sense for values of a type; all of them where it is not known."""
        return tuple(one for one in OF_TYPE.get(kind, OPERATORS) if one in self.operators)


def choose(
    options: Mapping[str, str],
    value: str,
    told: Callable[[Any], Any],
    *,
    label: str,
    width: int = 160,
    free: bool = False,
) -> ui.select:
    """One of some; `free` allows any other text too."""
    offered = dict(options)
    if value not in offered and (value or not free):
        offered[value] = value or "–"
    made = ui.select(
        offered,
        label=label,
        value=value or (None if free else value),
        with_input=free or len(offered) > 12,
        new_value_mode="add-unique" if free else None,
        key_generator=str if free else None,
    )
    made.style(f"width:{fitting(label, width - ARROW) + ARROW}px")
    if free:
        # What was typed and not confirmed counts too, when the field is left.
        made.props("input-debounce=0 fill-input hide-selected")
    made.on_value_change(lambda event: told(event.value or ""))
    return made


def name(
    edit: Editing, node: Node, key: str, options: Mapping[str, str], *, label: str, width: int = 200, then: Any = None
) -> None:
    """A name: of an event, a trait, a tag. Known ones are offered, others can be typed."""

    def told(value: str) -> None:
        node[key] = value
        if then is not None:
            then()
        edit.changed()

    choose(options, str(node.get(key) or ""), told, label=label, width=width, free=True)


def event(edit: Editing, node: Node, key: str, *, then: Any = None, label: str = "", anything: bool = False) -> None:
    """The name of an event; `anything` offers any event too."""
    offered = {**({names.ANY: names.event(names.ANY)} if anything else {}), **edit.known.events}
    name(edit, node, key, offered, label=label or t("rules.event"), width=232, then=then)


def text(edit: Editing, node: Node, key: str, *, label: str, width: int = 140, optional: bool = False) -> None:
    """A text; an optional one that is empty is not there."""

    def told(value: str | None) -> None:
        if optional and not value:
            node.pop(key, None)
        else:
            node[key] = value or ""
        edit.changed()

    made = ui.input(label, value=str(node.get(key, ""))).style(f"width:{width}px")
    made.on_value_change(lambda event: told(event.value))


def fitting(label: str, least: int = 84) -> int:
    """Pixels of a field whose label shall not be cut off."""
    return max(least, 26 + sum(11 if ord(letter) > 0x2E80 else 6 for letter in label))


def plain(value: float | None) -> int | float | None:
    """A number as JSON has it: 3, not 3.0."""
    return int(value) if value is not None and float(value).is_integer() else value


def number(edit: Editing, node: Any, key: Any, *, label: str, width: int = 84) -> None:
    """A number at a place of a dict or a list."""

    def told(value: float | None) -> None:
        node[key] = plain(value)
        edit.changed()

    given = node[key] if isinstance(node, list) else node.get(key)
    shown = given if isinstance(given, int | float) and not isinstance(given, bool) else None
    made = ui.number(label, value=shown).style(f"width:{fitting(label, width)}px")
    made.on_value_change(lambda event: told(event.value))


def percent(edit: Editing, node: Node, key: str, *, label: str) -> None:
    """A share of 1, shown as per cent."""

    def told(value: float | None) -> None:
        node[key] = None if value is None else round(value / 100, 6)
        edit.changed()

    made = ui.number(label, value=plain(round(float(node.get(key) or 0) * 100, 4)), min=0, max=100, suffix="%")
    made.style("width:96px").on_value_change(lambda event: told(event.value))


def duration(edit: Editing, node: Any, key: Any, *, label: str, optional: bool = False, days: bool = False) -> None:
    """A length of time: a whole number and its unit."""
    units = UNITS[3:] if days else UNITS
    given = str(node[key] if isinstance(node, list) else node.get(key) or "")
    many, unit = (given[:-1], given[-1:]) if given[-1:] in UNITS else ("", "d")
    if unit not in units:
        units = (unit, *units)

    def told() -> None:
        if count.value is None and optional and isinstance(node, dict):
            node.pop(key, None)
        else:
            node[key] = "" if count.value is None else f"{plain(count.value)}{chosen.value}"
        edit.changed()

    with ui.element("div").classes("m-joined"):
        count = ui.number(label, value=int(many) if many.isdigit() else None, min=1, precision=0)
        count.style(f"width:{fitting(label)}px").on_value_change(told)
        chosen = ui.select({one: t(f"rules.units.{one}") for one in units}, value=unit).style("width:100px")
        parts.attributes(chosen, aria_label=t("rules.unit")).on_value_change(told)


def instant(edit: Editing, node: Node, key: str, *, label: str, optional: bool = False) -> None:
    """A day, or an instant with its offset."""

    def told(value: str | None) -> None:
        if optional and not value:
            node.pop(key, None)
        else:
            node[key] = value or ""
        edit.changed()

    given = str(node.get(key) or "")
    made = ui.input(label, value=given).style("width:150px" if len(given) <= 10 else "width:230px")
    if len(given) <= 10:
        made.props("type=date")
    made.on_value_change(lambda event: told(event.value))


def zone(edit: Editing, node: Node) -> None:
    """Where days begin."""
    own = desks.here().zone.key
    options = {one: one for one in dict.fromkeys((own, *ZONES))}

    def told(value: str) -> None:
        if value:
            node["zone"] = value
        else:
            node.pop("zone", None)
        edit.changed()

    choose(options, str(node.get("zone") or ""), told, label=t("rules.zone"), width=170, free=True)


def bounds(edit: Editing, get: Callable[[], Node], put: Callable[[Node], None], *, operators: Iterable[str]) -> None:
    """Bounds of a number, one beside the other: ≥ 3 and ≤ 10."""
    held = dict(get())
    box = ui.element("div").classes("m-row m-tight")

    def changed(operator: str, value: Any) -> None:
        held[operator] = value
        put(dict(held))
        edit.changed()

    def turned(old: str, new: str) -> None:
        value = held[old]
        if new == "between":
            value = [value, value] if not isinstance(value, list) else value
        elif isinstance(value, list):
            value = value[0]
        entries = [(new, value) if one == old else (one, known) for one, known in held.items() if one != new]
        held.clear()
        held.update(entries)
        put(dict(held))
        draw()
        edit.changed()

    def dropped(operator: str) -> None:
        del held[operator]
        put(dict(held))
        draw()
        edit.changed()

    def added() -> None:
        free = next(one for one in ("lte", "gte", "ne", "lt", "gt", "eq", "between") if one not in held)
        changed(free, [0, 10] if free == "between" else 10)
        draw()

    def one(operator: str, value: Any) -> None:
        offered = {name: t(f"rules.bounds.{name}") for name in operators if name not in held or name == operator}
        choose(offered, operator, lambda new: turned(operator, new), label=t("rules.compare"), width=92)
        if operator == "between":
            pair = list(value)
            proxy = Editing(known=edit.known, changed=lambda: changed(operator, list(pair)), redraw=edit.redraw)
            number(proxy, pair, 0, label=t("rules.low"))
            number(proxy, pair, 1, label=t("rules.high"))
        else:
            single = ui.number(t("rules.number"), value=value).style("width:84px")
            single.on_value_change(lambda event: changed(operator, plain(event.value)))
        if len(held) > 1:
            parts.button("", lambda: dropped(operator), kind="quiet", icon="close", hint=t("rules.remove_bound"))

    def draw() -> None:
        box.clear()
        with box:
            for operator, value in held.items():
                one(operator, value)
            if len(held) < 2:
                parts.button("", added, kind="quiet", icon="add", hint=t("rules.add_bound"))

    draw()
