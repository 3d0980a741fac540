"""A rule in words, in the operator's language, for reading where nothing is edited."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import names
from gateway.console.desk import t
from gateway.console.parts.rule.known import PURPOSES
from gateway.console.parts.rule.shape import GROUPS, MEASURES, OPERATORS, TIMES, Node, kind_of

BETWEEN = " · "


def said(rule: Node) -> None:
    """A rule as nested lines."""
    with ui.element("div").classes("m-said"):
        _lines(rule)


def _lines(node: Any) -> None:
    kind = kind_of(node)
    if kind in (*GROUPS, "has_been", "not"):
        inner = node[kind]
        if kind == "not" and kind_of(inner) not in (*GROUPS, "has_been", "not"):
            ui.label(words(node)).classes("m-wrap")
            return
        heading = words({"has_been": {}, "for": node["for"]}) if kind == "has_been" else t(f"rules.said.{kind}")
        ui.label(heading).classes("m-mute m-small")
        with ui.element("div").classes("m-said-group"):
            for one in inner if isinstance(inner, list) else [inner]:
                _lines(one)
        return
    ui.label(words(node)).classes("m-wrap")


def words(node: Any) -> str:
    """One part in one line; a group only by its name."""
    kind = kind_of(node)
    match kind:
        case None:
            return json.dumps(node, ensure_ascii=False)
        case "all" | "any":
            return t(f"rules.kinds.{kind}")
        case "not":
            return f"{t('rules.said.no')}{words(node['not'])}"
        case "has_been":
            return t("rules.said.has_been", length=length(node.get("for", "")))
        case "trait":
            return f"{names.trait(node['trait'])} {compared(node)}"
        case "score":
            return f"{node['score']} {compared(node)}"
        case "tag":
            weight = f"{BETWEEN}{t('rules.weight')} {bounded(node['weight'])}" if "weight" in node else ""
            return f"{t('rules.kinds.tag')} {node['tag']}{weight}"
        case "consent":
            given = t("rules.refused") if node.get("is") is False else t("rules.agreed")
            return f"{given} {_purpose(node['consent'])}"
        case "in_segment":
            return f"{t('rules.kinds.in_segment')} {node['in_segment']}"
        case "has":
            return f"{t('rules.kinds.has')} {node['has']}"
        case "bucket":
            low, high = (desks.here().percent(node["bucket"].get(end), digits=2) for end in ("from", "to"))
            return f"{t('rules.kinds.bucket')} {low} – {high} ({node['bucket'].get('salt')})"
    return BETWEEN.join(one for one in _happened(str(kind), node) if one)


def _happened(kind: str, node: Node) -> list[str]:
    """The pieces of a leaf about events."""
    if kind == "sequence":
        steps = " → ".join(_event(step["event"], step.get("where", ())) for step in node["sequence"])
        without = ", ".join(_event(step["event"], step.get("where", ())) for step in node.get("without", ()))
        return [
            steps,
            f"{t('rules.chain_within')} {length(node['within'])}" if "within" in node else "",
            f"{t('rules.gap')} {length(node['gap'])}" if "gap" in node else "",
            f"{t('rules.same')} {node['same']}" if "same" in node else "",
            f"{t('rules.without')} {without}" if without else "",
        ]
    event = _event(node[kind], node.get("where", ()))
    if kind == "did":
        return [event, _measured(node), windowed(node)]
    if kind in ("first", "last"):
        having = ", ".join(_filter(one) for one in node.get("having", ()))
        return [f"{t(f'rules.kinds.{kind}')} {event}", having, windowed(node)]
    lengths = [
        f"{t(f'rules.lengths.{one}')} {length(node[one])}" for one in ("recent", "quiet", "before") if one in node
    ]
    if kind == "regularly":
        told = t("rules.said.regularly", every=length(node["every"]), n=node["periods"], least=node["at_least"])
        return [event, told]
    return [f"{t(f'rules.kinds.{kind}')} {event}", *lengths]


def _event(name: str, where: Any) -> str:
    filters = ", ".join(_filter(one) for one in where)
    return f"{names.event(name)} ({filters})" if filters else names.event(name)


def _filter(one: Node) -> str:
    return f"{one.get('property', '')} {compared(one)}"


def _measured(node: Node) -> str:
    given = node.get("measure", {"count": True})
    kind = next((one for one in MEASURES if one in given), "count")
    of = f" {given[kind]}" if isinstance(given.get(kind), str) else ""
    return f"{t(f'rules.measures.{kind}')}{of} {bounded(node.get('times', {'gte': 1}))}"


def bounded(bounds: Node) -> str:
    """Bounds of a number: ≥ 3, ≤ 10."""
    return ", ".join(f"{t(f'rules.bounds.{name}')} {_value(bounds[name])}" for name in TIMES if name in bounds)


def windowed(node: Node) -> str:
    """A window of time."""
    zone = f" ({node['zone']})" if "zone" in node else ""
    if "within" in node:
        return f"{t('rules.windows.within')} {length(node['within'])}"
    if "between" in node:
        return t("rules.said.ago", far=length(node["between"][0]), near=length(node["between"][1]))
    if "from" in node or "to" in node:
        return f"{node.get('from', '…')} – {node.get('to', '…')}{zone}"
    if "calendar" in node:
        return f"{t('rules.calendars.' + str(node['calendar']))}{zone}"
    return ""


def compared(node: Node) -> str:
    """The comparison of a trait or property."""
    operator = next((one for one in OPERATORS if one in node), None)
    if operator is None:
        return "?"
    value = node[operator]
    if operator == "exists":
        return t("rules.there") if value else t("rules.not_there")
    name = t(f"rules.operators.{operator}")
    if operator in ("within", "within_next"):
        return f"{name} {length(value)}"
    if operator == "anniversary":
        return f"{name} {length(value['within_next']) if isinstance(value, dict) else t('rules.today')}"
    return f"{name} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return t("shared.yes") if value else t("shared.no")
    if isinstance(value, list):
        return (
            " – ".join(map(str, value))
            if len(value) == 2 and not isinstance(value[0], str)
            else ", ".join(map(str, value))
        )
    return f"“{value}”" if value == "" else str(value)


def _purpose(name: str) -> str:
    return t(f"rules.purposes.{name}") if name in PURPOSES else name


def length(duration: str) -> str:
    """A duration for reading: 7 days."""
    many, unit = duration[:-1], duration[-1:]
    if not many.isdigit() or unit not in ("s", "m", "h", "d", "w"):
        return duration
    return f"{many} {t(f'rules.units.{unit}')}"
