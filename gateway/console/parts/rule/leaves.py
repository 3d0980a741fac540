"""A form for every leaf of the rule language: what is known of a viewer, what he did, where he belongs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import t
from gateway.console.parts.rule import fields
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.filters import Filters, comparison
from gateway.console.parts.rule.known import CHANNELS, PURPOSES
from gateway.console.parts.rule.shape import OPERATORS, SCORES, TIMES, Node
from gateway.console.parts.rule.windows import measure, window

MOST_STEPS = 10
MOST_WITHOUT = 5


def _line() -> ui.element:
    return ui.element("div").classes("m-row m-tight")


def _named(step: Node) -> str:
    return str(step["event"])


def _where(edit: Editing, node: Node, key: str, name: Callable[[], str], *, add: str = "") -> Filters:
    return Filters(edit, node, key, name, add=add or t("rules.add_filter"))


def did(edit: Editing, node: Node) -> None:
    """He did it so often, or so much, within a window."""
    line = _line()
    where = _where(edit, node, "where", lambda: str(node["did"]))
    with line:
        fields.event(edit, node, "did", then=where.draw, anything=True)
        measure(edit, node)
        window(edit, node)


def _occurrence(kind: str) -> Callable[[Editing, Node], None]:
    def draw(edit: Editing, node: Node) -> None:
        def named() -> None:
            where.draw()
            having.draw()

        with _line():
            fields.event(edit, node, kind, then=named, anything=True)
            window(edit, node)
        where = _where(edit, node, "where", lambda: str(node[kind]))
        if node.get("having"):
            ui.label(t("rules.having")).classes("m-mute m-small")
        having = _where(edit, node, "having", lambda: str(node[kind]), add=t("rules.add_having"))

    return draw


def sequence(edit: Editing, node: Node) -> None:
    """One event after the other."""
    box = parts.stack(tight=True)

    def changed() -> None:
        draw()
        edit.changed()

    def steps(key: str, least: int, most: int, add: str) -> None:
        given: list[Node] = node.get(key, [])
        for place, step in enumerate(given):
            with ui.element("div").classes("m-step"):
                ui.label(str(place + 1) if key == "sequence" else "–").classes("m-step-number")
                with parts.stack(tight=True):
                    line = _line()
                    name = functools.partial(_named, step)
                    where = Filters(edit, step, "where", name, add=t("rules.add_filter"), beside=True)
                    with line:
                        fields.event(edit, step, "event", then=where.draw, anything=True)
                        where.adder()
                        if len(given) > least:
                            parts.button(
                                "",
                                lambda place=place: drop(key, place),
                                kind="quiet",
                                icon="close",
                                hint=t("rules.remove_step"),
                            )
        if len(given) < most:
            with parts.row():
                parts.button(add, lambda: push(key), kind="quiet", icon="add").classes("m-small")

    def push(key: str) -> None:
        node.setdefault(key, []).append({"event": ""})
        changed()

    def drop(key: str, place: int) -> None:
        del node[key][place]
        if key == "without" and not node[key]:
            del node[key]
        changed()

    def draw() -> None:
        box.clear()
        with box:
            steps("sequence", 2, MOST_STEPS, t("rules.add_step"))
            with _line():
                fields.duration(edit, node, "within", label=t("rules.chain_within"), optional=True)
                fields.duration(edit, node, "gap", label=t("rules.gap"), optional=True)
                fields.text(edit, node, "same", label=t("rules.same"), width=160, optional=True)
            if node.get("without"):
                ui.label(t("rules.without")).classes("m-mute m-small")
            steps("without", 0, MOST_WITHOUT, t("rules.add_without"))

    draw()


def _habit(kind: str, *lengths: str) -> Callable[[Editing, Node], None]:
    def draw(edit: Editing, node: Node) -> None:
        line = _line()
        where = _where(edit, node, "where", lambda: str(node[kind]))
        with line:
            fields.event(edit, node, kind, then=where.draw, anything=True)
            for name in lengths:
                fields.duration(edit, node, name, label=t(f"rules.lengths.{name}"))
            if kind == "regularly":
                fields.number(edit, node, "periods", label=t("rules.periods"))
                fields.number(edit, node, "at_least", label=t("rules.at_least"))

    return draw


def trait(edit: Editing, node: Node) -> None:
    """A trait compares so."""
    line = _line()

    def named() -> None:
        operator = next((one for one in OPERATORS if one in node), "exists")
        offered = edit.fitting(edit.known.type_of(None, node["trait"]))
        if operator not in offered:
            node.pop(operator, None)
            node.pop("zone", None)
            node["exists"] = True
        draw()

    def draw() -> None:
        line.clear()
        name = str(node["trait"])
        with line:
            fields.name(edit, node, "trait", edit.known.traits, label=t("rules.trait"), then=named)
            comparison(edit, node, kind=edit.known.type_of(None, name), choices=edit.known.choices.get(name))

    draw()


def tag(edit: Editing, node: Node) -> None:
    """He has the tag, with so much weight."""
    line = _line()

    def weigh() -> None:
        node["weight"] = {"gte": 0.5}
        changed()

    def forget() -> None:
        del node["weight"]
        changed()

    def changed() -> None:
        draw()
        edit.changed()

    def put(value: Node) -> None:
        node["weight"] = value

    def draw() -> None:
        line.clear()
        with line:
            fields.name(edit, node, "tag", edit.known.tags, label=t("rules.tag"))
            if "weight" in node:
                ui.label(t("rules.weight")).classes("m-mute")
                fields.bounds(edit, lambda: node["weight"], put, operators=TIMES)
                parts.button("", forget, kind="quiet", icon="close", hint=t("rules.any_weight"))
            else:
                parts.button(t("rules.with_weight"), weigh, kind="quiet", icon="add").classes("m-small")

    draw()


def score(edit: Editing, node: Node) -> None:
    """A score compares so."""
    line = _line()

    def turned(new: str) -> None:
        old = next((one for one in SCORES if one in node), None)
        value: Any = node.pop(old) if old else 0.5
        single = value[0] if isinstance(value, list) else 0.5 if isinstance(value, bool) else value
        node[new] = True if new == "exists" else [single, single] if new == "between" else single
        draw()
        edit.changed()

    def draw() -> None:
        line.clear()
        operator = next((one for one in SCORES if one in node), "")
        with line:
            fields.text(edit, node, "score", label=t("rules.score"))
            options = {one: t(f"rules.operators.{one}") for one in SCORES}
            fields.choose(options, operator, turned, label=t("rules.compare"), width=132)
            if operator == "between":
                fields.number(edit, node[operator], 0, label=t("rules.low"))
                fields.number(edit, node[operator], 1, label=t("rules.high"))
            elif operator == "exists":
                _either(edit, node, "exists", t("rules.there"), t("rules.not_there"))
            elif operator:
                fields.number(edit, node, operator, label=t("rules.number"))

    draw()


def _either(edit: Editing, node: Node, key: str, yes: str, no: str) -> None:
    def told(value: str) -> None:
        node[key] = value == "yes"
        edit.changed()

    fields.choose({"yes": yes, "no": no}, "no" if node.get(key) is False else "yes", told, label=t("rules.value"))


def consent(edit: Editing, node: Node) -> None:
    """He agreed to a purpose, or refused it."""
    with _line():
        options = {one: t(f"rules.purposes.{one}") for one in PURPOSES}
        fields.name(edit, node, "consent", options, label=t("rules.purpose"))
        _either(edit, node, "is", t("rules.agreed"), t("rules.refused"))


def has(edit: Editing, node: Node) -> None:
    """He can be reached by a channel."""
    with _line():
        options = {one: t(f"people.channel.{one}") for one in CHANNELS}
        fields.name(edit, node, "has", options, label=t("rules.channel"))


def in_segment(edit: Editing, node: Node) -> None:
    """He is in a segment."""
    with _line():
        fields.name(edit, node, "in_segment", edit.known.segments, label=t("people.segment"), width=300)


def bucket(edit: Editing, node: Node) -> None:
    """A stable random share."""
    with _line():
        fields.text(edit, node["bucket"], "salt", label=t("rules.salt"))
        fields.percent(edit, node["bucket"], "from", label=t("rules.from"))
        fields.percent(edit, node["bucket"], "to", label=t("rules.to"))


FORMS: dict[str, Callable[[Editing, Node], None]] = {
    "did": did,
    "first": _occurrence("first"),
    "last": _occurrence("last"),
    "sequence": sequence,
    "regularly": _habit("regularly", "every"),
    "stopped": _habit("stopped", "quiet", "before"),
    "restarted": _habit("restarted", "recent", "quiet", "before"),
    "trait": trait,
    "tag": tag,
    "score": score,
    "consent": consent,
    "has": has,
    "in_segment": in_segment,
    "bucket": bucket,
}
