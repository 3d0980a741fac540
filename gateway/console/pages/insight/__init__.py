"""Insight: trends, funnels, retention, active hours and distributions; each number leads to the people behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.insight import distribution, forms, funnel, hours, retention, trend
from gateway.console.pages.insight.people import Drill
from gateway.console.parts.rule import Known

KINDS: dict[str, Any] = {
    "trends": trend,
    "funnels": funnel,
    "retention": retention,
    "hours": hours,
    "distribution": distribution,
}


@frame.page("/insight", title="insight.title", permission="segment:read")
async def insight(desk: Desk) -> None:
    """`?kind=funnels&ask=` (JSON): a question can be sent to a colleague; it is asked at once when it is whole."""
    chosen = desk.query.get("kind", "")
    kind = chosen if chosen in KINDS else next(iter(KINDS))
    views = {f"/insight?kind={name}": t(f"insight.kind.{name}") for name in KINDS}
    parts.tabs(t("insight.title"), views, f"/insight?kind={kind}")
    known = await Known.load(desk)
    ask = _asked(desk, KINDS[kind].fresh(known))
    with parts.panel():
        form = forms.Form(desk, known, ask)
        KINDS[kind].form(form)
        with parts.row() as foot:
            forms.when(form)
            forms.whose(form)
            ui.element("div").classes("m-grow")
        form.wrong = ui.label("").classes("m-bad m-small m-wrap").props("role=alert")
        form.wrong.set_visibility(False)
    with parts.panel():
        box = parts.stack()
    with foot:
        parts.button(t("insight.run"), lambda: run(), kind="primary", icon="play_arrow", renews=box)
    with box:
        ui.label(t("insight.run_hint")).classes("m-mute")

    async def run() -> None:
        request = form.request()
        missing = forms.missing(request)
        form.wrong.text = t("insight.choose_event") if missing else ""
        form.wrong.set_visibility(missing)
        if missing:
            return
        query = urlencode({"kind": kind, "ask": json.dumps(request, ensure_ascii=False)})
        ui.navigate.history.replace(f"/insight?{query}")
        box.clear()
        with box:
            parts.later(_answer(desk, kind, request), lines=5)

    if not forms.missing(form.request()):
        await run()


def _asked(desk: Desk, fresh: dict[str, Any]) -> dict[str, Any]:
    """The question of the address, else the first one of its kind."""
    try:
        read = json.loads(desk.query.get("ask") or "null")
    except ValueError:
        read = None
    return read if isinstance(read, dict) and forms.drawable(read) else fresh


def _answer(desk: Desk, kind: str, request: dict[str, Any]) -> Callable[[], Any]:
    async def draw() -> None:
        told = await desk.api.post(f"/v1/insights/{kind}", request)
        drill = Drill(desk, kind, {**request, "as_of": told["as_of"]})
        KINDS[kind].draw(desk, request, told, drill)
        begin, end = desk.exact(told["from"]), desk.exact(told["to"])
        ui.label(t("insight.span", begin=begin, end=end)).classes("m-mute m-small")

    return draw
