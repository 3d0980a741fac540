"""The builder: a rule as nested groups of forms, and as JSON; it says when the rule changed and shows what is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import t
from gateway.console.parts.rule import fields
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.known import Known
from gateway.console.parts.rule.leaves import FORMS
from gateway.console.parts.rule.shape import GROUPS, Node, fresh, kind_of, undrawable

MENU = (
    ("rules.menu.did", ("did", "first", "last", "sequence", "regularly", "stopped", "restarted")),
    ("rules.menu.known", ("trait", "tag", "score", "consent", "has", "has_been")),
    ("rules.menu.others", ("in_segment", "bucket", "any", "all")),
)
ICONS = {
    "did": "touch_app",
    "first": "first_page",
    "last": "last_page",
    "sequence": "linear_scale",
    "regularly": "event_repeat",
    "stopped": "pause_circle",
    "restarted": "restart_alt",
    "trait": "badge",
    "tag": "sell",
    "score": "speed",
    "consent": "verified_user",
    "has": "contact_mail",
    "has_been": "history",
    "in_segment": "donut_large",
    "bucket": "casino",
    "any": "account_tree",
    "all": "account_tree",
}


class Builder:
    """A rule that is edited in place. `changed` is called after every edit; `rule` is what it is now."""

    def __init__(self, rule: Node, known: Known, changed: Callable[[], Any]) -> None:
        self._held: dict[str, Any] = {"rule": copy.deepcopy(rule)}
        self._changed = changed
        self._edit = Editing(known=known, changed=self._edited, redraw=self._redraw)
        self._places: dict[str, ui.label] = {}
        self._as_json = undrawable(rule) is not None
        with ui.element("div").classes("m-row m-tight"):
            self._pills = {
                name: ui.element("button").classes("m-pill").props("type=button")
                for name in ("rules.as_forms", "rules.as_json")
            }
            for name, pill in self._pills.items():
                with pill:
                    ui.label(t(name))
                pill.on("click", lambda name=name: self._show(as_json=name == "rules.as_json"))
        self._wrong = ui.element("div")
        self._box = ui.element("div").classes("m-stack")
        self._redraw()

    @property
    def rule(self) -> Node:
        """The rule as it is now; a copy."""
        return dict(copy.deepcopy(self._held["rule"]))

    @property
    def blank(self) -> bool:
        """Whether nothing is asked yet."""
        return any(self._held["rule"] == {group: []} for group in GROUPS)

    def replace(self, rule: Node) -> None:
        """Take another rule."""
        self._held["rule"] = copy.deepcopy(rule)
        self._redraw()
        self._edited()

    def show_wrong(self, told: Mapping[str, str]) -> list[str]:
        """Put the API's messages at the parts they are about; those that have no place come back."""
        said: dict[str, list[str]] = {}
        left = []
        for path, message in told.items():
            place = max((one for one in self._places if _inside(path, one)), key=len, default=None)
            if place is None:
                left.append(f"{path}: {message}")
            else:
                where = path[len(place) :].lstrip(".")
                said.setdefault(place, []).append(f"{where}: {message}" if where else message)
        for path, label in self._places.items():
            label.text = "; ".join(said.get(path, ()))
            label.set_visibility(path in said)
        return left

    def _edited(self) -> None:
        self._changed()

    def _show(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._redraw()

    def _redraw(self) -> None:
        broken = undrawable(self._held["rule"])
        as_json = self._as_json or broken is not None
        for name, pill in self._pills.items():
            here = (name == "rules.as_json") is as_json
            pill.classes(add="m-here" if here else "", remove="" if here else "m-here")
            pill.props("aria-pressed=true" if here else "aria-pressed=false")
        self._wrong.clear()
        self._box.clear()
        self._places = {}
        with self._wrong:
            if broken is not None and not self._as_json:
                parts.alert(t("rules.undrawable", path=broken))
        with self._box:
            if as_json:
                self._json()
            else:
                self._node(self._held, "rule", "rule", None)
                if "all" not in self._held["rule"]:
                    with parts.row():
                        self._adder(self._wrap)

    def _json(self) -> None:
        text = json.dumps(self._held["rule"], indent=2, ensure_ascii=False)
        field = ui.textarea(t("rules.json"), value=text).props('input-class="m-mono" spellcheck=false')
        field.props('input-style="min-height:320px"').style("width:100%")
        field.props("autogrow")

        def told() -> None:
            try:
                read = json.loads(field.value or "")
            except ValueError as error:
                field.error = t("rules.not_json", why=str(error))
                return
            field.error = None if isinstance(read, dict) else t("rules.not_a_rule")
            if isinstance(read, dict):
                self._held["rule"] = read
                self._edited()

        field.on_value_change(told)

    def _wrap(self, kind: str) -> None:
        self._held["rule"] = {"all": [self._held["rule"], fresh(kind)]}
        self._shape()

    def _shape(self) -> None:
        """The tree has another shape."""
        self._redraw()
        self._edited()

    def _node(self, holder: Any, key: Any, path: str, drop: Callable[[], None] | None) -> None:
        """A part at its place; `not` is a switch on the part inside it."""
        node = holder[key]
        negated = "not" in node
        inner_holder, inner_key, inner_path = (node, "not", f"{path}.not") if negated else (holder, key, path)
        inner = inner_holder[inner_key]
        kind = kind_of(inner) or ""

        def turn() -> None:
            holder[key] = inner if negated else {"not": node}
            self._shape()

        group = kind in (*GROUPS, "has_been", "not")
        with ui.element("div").classes("m-rule-group" if group else "m-rule-leaf"):
            with ui.element("div").classes("m-row m-tight m-rule-head"):
                pill = ui.element("button").classes(f"m-not {'m-here' if negated else ''}").props("type=button")
                pill.props("aria-pressed=true" if negated else "aria-pressed=false").on("click", turn)
                with pill:
                    ui.label(t("rules.not"))
                    ui.tooltip(t("rules.not_hint"))
                if kind in GROUPS:
                    self._joined(inner_holder, inner_key, kind)
                else:
                    ui.icon(ICONS.get(kind, "block")).classes("m-mute").props("aria-hidden=true")
                    ui.label(t(f"rules.kinds.{kind}")).classes("m-strong").tooltip(t(f"rules.hints.{kind}"))
                if kind == "has_been":
                    fields.duration(self._edit, inner, "for", label=t("rules.for"))
                ui.element("div").classes("m-grow")
                if drop is not None:
                    parts.button("", drop, kind="quiet", icon="close", hint=t("rules.remove"))
            self._inside(inner_holder, inner_key, inner_path, kind)
            wrong = ui.label("").classes("m-bad m-small m-wrap").props("role=alert")
            wrong.set_visibility(False)
            self._places[inner_path] = wrong
            if negated:
                self._places[path] = wrong

    def _inside(self, holder: Any, key: Any, path: str, kind: str) -> None:
        node = holder[key]
        if kind in GROUPS:
            children: list[Node] = node[kind]
            for place in range(len(children)):

                def dropped(place: int = place) -> None:
                    del children[place]
                    self._shape()

                self._node(children, place, f"{path}.{kind}[{place}]", dropped)
            if not children:
                ui.label(t("rules.empty_group")).classes("m-mute m-small")

            def added(new: str) -> None:
                children.append(fresh(new))
                self._shape()

            with parts.row():
                self._adder(added)
        elif kind in ("not", "has_been"):
            self._node(node, kind, f"{path}.{kind}", None)
        else:
            FORMS[kind](self._edit, node)

    def _joined(self, holder: Any, key: Any, kind: str) -> None:
        """All of it, or any of it."""

        def turned(value: str) -> None:
            holder[key] = {value: holder[key][kind]}
            self._shape()

        with ui.element("div").classes("m-segmented"):
            for one in GROUPS:
                made = ui.element("button").props("type=button")
                made.props("aria-pressed=true" if one == kind else "aria-pressed=false")
                made.classes("m-here" if one == kind else "").on("click", lambda one=one: turned(one))
                with made:
                    ui.label(t(f"rules.kinds.{one}"))

    def _adder(self, added: Callable[[str], None]) -> None:
        """The menu of what a rule can ask."""
        with parts.button(t("rules.add"), icon="add"), ui.menu().props("auto-close") as menu:
            menu.classes("m-menu-wide")
            for title, kinds in MENU:
                ui.label(t(title)).classes("m-nav-group")
                for kind in kinds:
                    with ui.menu_item(on_click=lambda kind=kind: added(kind)), parts.row(tight=True):
                        ui.icon(ICONS[kind]).classes("m-mute")
                        ui.label(t(f"rules.new.{kind}"))
                        ui.label(t(f"rules.hints.{kind}")).classes("m-mute m-small")


def _inside(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))
