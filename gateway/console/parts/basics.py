"""Panels, figures, buttons and other small things."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from nicegui import ui

from gateway.console import desk as desks
from gateway.console.desk import t
from gateway.console.parts.attributes import attributes

Tone = Literal["", "good", "warn", "bad", "accent"]
Kind = Literal["primary", "plain", "quiet", "danger"]


def row(*, tight: bool = False) -> ui.element:
    """Things side by side that wrap when there is no room."""
    return ui.element("div").classes("m-row m-tight" if tight else "m-row")


def pills(label: str, links: Mapping[str, str], here: str, *, grow: bool = False) -> ui.element:
    """Links to the views of one page, as href to its words; `here` is the href of the view that is shown."""
    return _links("m-row m-tight m-grow" if grow else "m-row m-tight", "m-pill", label, links, here)


def tabs(label: str, links: Mapping[str, str], here: str) -> ui.element:
    """The same as a line of tabs above what belongs to one thing."""
    return _links("m-tabs", "m-tab", label, links, here)


def _links(box: str, look: str, label: str, links: Mapping[str, str], here: str) -> ui.element:
    with attributes(ui.element("nav").classes(box), aria_label=label) as nav:
        for href, words in links.items():
            link = attributes(ui.element("a").classes(look), href=href)
            if href == here:
                link.classes("m-here").props("aria-current=page")
            with link:
                ui.label(words)
    return nav


def stack(*, tight: bool = False) -> ui.element:
    """Things below each other."""
    return ui.element("div").classes("m-stack m-tight" if tight else "m-stack")


def grid() -> ui.element:
    """Twelve columns; children take a class `m-3` … `m-12`."""
    return ui.element("div").classes("m-grid")


def panel(title: str = "", *, hint: str = "", span: int | None = None) -> ui.element:
    """A box with a title; use it with `with`. `span` is its width in a grid of twelve."""
    box = ui.element("section").classes("m-panel")
    if span is not None:
        box.classes(f"m-{span}")
    if title:
        with box, ui.element("div").classes("m-panel-head"):
            with ui.element("h2"):
                ui.label(title)
            if hint:
                ui.label(hint).classes("m-hint")
    return box


def figure(
    label: str, value: str, *, change: float | None = None, foot: str = "", href: str = "", good: bool = True
) -> None:
    """One number with its name. `change` is the share it grew by (0.1: 10 %); `good` says whether growing is good."""
    desk = desks.here()
    box = ui.element("a" if href else "div").classes("m-figure")
    if href:
        attributes(box, href=href)
    with box:
        ui.label(label).classes("m-figure-label")
        ui.label(value).classes("m-figure-value")
        with ui.element("div").classes("m-figure-foot"):
            if change is not None:
                tone = "" if abs(change) < 0.005 else "m-good" if (change > 0) is good else "m-bad"
                arrow = "→" if abs(change) < 0.005 else "↑" if change > 0 else "↓"
                ui.label(f"{arrow} {desk.percent(abs(change))}").classes(tone)
            if foot:
                ui.label(foot)


def figure_line(label: str, value: str, change: float | None = None) -> None:
    """A number among others in a panel: its name above, and the share it grew by."""
    with stack(tight=True).style("gap:0"):
        ui.label(label).classes("m-mute m-small m-nowrap")
        with row(tight=True):
            ui.label(value).classes("m-figure-value").style("font-size:19px")
            if change is not None:
                tone = "m-mute" if abs(change) < 0.005 else "m-good" if change > 0 else "m-bad"
                arrow = "→" if abs(change) < 0.005 else "↑" if change > 0 else "↓"
                ui.label(f"{arrow} {desks.here().percent(abs(change))}").classes(f"{tone} m-small")


def badge(text: str, tone: Tone = "") -> ui.label:
    """A short word about a state."""
    return ui.label(text).classes(f"m-badge {'m-' + tone if tone else ''}")


def button(
    text: str,
    on_click: Callable[..., Any] | None = None,
    *,
    kind: Kind = "plain",
    icon: str | None = None,
    href: str = "",
    hint: str = "",
    renews: ui.element | None = None,
) -> ui.button:
    """A button, or a link that looks like one. One with an icon only has a hint, which is its name too.

    `renews` is the part of the page that a click draws anew.
    """
    made = ui.button(text, on_click=on_click if renews is None else None, icon=icon)
    made.classes(f"m-{kind}").props(remove="color")
    if renews is not None and on_click is not None:
        renewing(made, on_click, renews)
    if href:
        attributes(made, href=href)
    if hint:
        attributes(made, aria_label=hint).tooltip(hint)
    return made


def renewing(made: ui.element, on_click: Callable[..., Any], box: ui.element) -> None:
    """A click on this draws what is in the box anew; from the click on nothing there can be pressed until it is.

    Clicks before the page is connected wait in the browser, and later ones reach us at once, so none of them is lost.
    But one on what stands there still while its successor is on the way meets an element that is gone, and nothing
    happens (test_a_click_on_what_is_being_renewed_is_not_lost). So the browser itself closes the box, at once.
    """

    async def clicked() -> None:
        try:
            result = on_click()
            if inspect.isawaitable(result):
                await result
        finally:
            box.run_method("removeAttribute", "inert")

    closes = f"() => {{ const box = getHtmlElement({box.id}); if (box) box.inert = true; emit(); }}"
    made.on("click", clicked, [], js_handler=closes)


def facts(pairs: Iterable[tuple[str, str] | tuple[str, str, str]]) -> None:
    """Names and values below each other; a third text is seen when the value is pointed at."""
    with ui.element("dl").classes("m-facts"):
        for name, value, *more in pairs:
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                attributes(ui.label(value), title=more[0] if more else None)


def when(value: str | None) -> ui.label:
    """A time, the exact one when pointed at."""
    desk = desks.here()
    return attributes(ui.label(desk.time(value)).classes("m-nowrap"), title=desk.exact(value))


def alert(text: str, *, tone: Tone = "warn", detail: str = "") -> ui.element:
    """A sentence that stands out; use it with `with` to add buttons."""
    icons = {"bad": "error_outline", "good": "check_circle", "warn": "warning_amber"}
    box = ui.element("div").classes(f"m-alert m-{tone}").props("role=status")
    with box:
        ui.icon(icons.get(tone, "info")).classes(f"m-{tone}").props("aria-hidden=true")
        with stack(tight=True):
            ui.label(text).classes("m-strong" if detail else "")
            if detail:
                ui.label(detail).classes("m-wrap")
    return box


def empty(
    icon: str,
    title: str,
    hint: str = "",
    *,
    action: str = "",
    href: str = "",
    on_click: Callable[..., Any] | None = None,
) -> None:
    """Nothing is here yet: why, and the next step."""
    with ui.element("div").classes("m-empty"):
        ui.icon(icon).props("aria-hidden=true")
        with ui.element("h2"):
            ui.label(title)
        if hint:
            with ui.element("p"):
                ui.label(hint)
        if action:
            button(action, on_click, kind="primary", href=href)


def skeleton(lines: int = 3) -> None:
    """Grey bars where something is being loaded."""
    with attributes(ui.element("div").classes("m-stack"), role="status", aria_label=t("shared.loading")):
        for number in range(lines):
            ui.element("div").classes("m-skeleton").style(f"width:{(100, 86, 64)[number % 3]}%")
