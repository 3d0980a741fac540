"""Calls that the gateway turned away: what, from whom, why, how many, and how its sender is mended."""

from __future__ import annotations

from typing import Any

from gateway.console import names, parts, texts
from gateway.console.desk import Desk, t

MENDS = {
    "missing_id": "id",
    "contact_as_id": "contact",
    "missing_event": "name",
    "unknown_type": "type",
    "unsupported_type": "type",
    "blank": "blank",
    "invalid_time": "time",
    "time_in_future": "clock",
    "time_too_old": "clock",
    "event_too_large": "size",
    "too_large": "size",
    "too_long": "size",
    "too_many_traits": "size",
    "packed_too_well": "size",
    "wrong_type": "shape",
    "missing_properties": "shape",
    "invalid_number": "shape",
    "invalid_text": "shape",
    "too_deep": "shape",
    "empty_batch": "body",
    "invalid_json": "body",
    "invalid_gzip": "body",
    "unsupported_encoding": "body",
}
"""What is to be done about each code; one that is not here has its reason only."""
UNREAD, OTHERS = "(unread)", "*"
"""Instead of an event's name: what is no call, and the rest where there are too many to be told apart."""


async def draw(desk: Desk, event: str | None) -> None:
    """The kinds of the last seven days, the most frequent first. They are counted only: no call of them is kept."""
    with parts.panel(t("sources.turned_title"), hint=t("sources.turned_hint")):
        told = await desk.api.get("/v1/refused-events/turned-away", event=event)
        if not told:
            parts.empty("task_alt", t("sources.none_turned"), t("sources.none_turned_hint"))
            return
        called = await names.called(desk, (one["source"] for one in told))
        table = parts.Table(
            [
                parts.Column("event", t("sources.event")),
                parts.Column("why", t("sources.why")),
                parts.Column("field", t("sources.where"), mono=True),
                parts.Column("source", t("sources.source")),
                parts.Column("number", t("sources.calls"), number=True),
                parts.Column("last", t("sources.last")),
                parts.Column("mend", t("sources.what_to_do")),
                parts.Column("code", t("sources.code"), mono=True, shown=False),
            ],
            [_row(desk, one, called) for one in told],
            choose="turned",
            acts=[parts.Act("look", t("sources.look"), lambda row: _look(desk, row["whole"]))],
        )
        parts.attributes(table.table, aria_label=t("sources.turned_title"))


def _row(desk: Desk, one: dict[str, Any], called: dict[str, str]) -> dict[str, Any]:
    return {
        "id": " ".join((one["source"], one["event"], one["code"], one["field"])),
        "event": _event(one["event"]),
        "why": parts.Named(_why(desk, one), one["reason"]),
        "field": one["field"],
        "source": parts.Named(called.get(one["source"], one["source"]), one["source"]),
        "number": one["number"],
        "last": parts.When(one["last_at"]),
        "mend": _mend(one),
        "code": one["code"],
        "whole": one,
    }


def _event(name: str) -> str:
    if name == UNREAD:
        return t("sources.unread")
    return t("sources.others") if name == OTHERS else names.event(name)


def _why(desk: Desk, one: dict[str, Any]) -> str:
    key = f"sources.turned.{one['code']}"
    return t(key) if texts.known(desk.language, key) else str(one["reason"])


def _mend(one: dict[str, Any]) -> str:
    way = MENDS.get(one["code"])
    return t(f"sources.mend.{way}") if way else ""


def _look(desk: Desk, one: dict[str, Any]) -> None:
    """Everything that is known of a kind: the reason in the gateway's words, and the last call by its id."""
    with parts.dialog(_event(one["event"]), wide=True) as shown:
        parts.alert(_why(desk, one), tone="bad", detail=one["reason"])
        if mend := _mend(one):
            parts.alert(mend, tone="accent")
        known = (
            (t("sources.code"), one["code"]),
            (t("sources.where"), one["field"]),
            (t("sources.calls"), desk.number(one["number"])),
            (t("sources.since"), desk.day(one["since"])),
            (t("sources.last"), desk.exact(one["last_at"])),
            (t("sources.last_id"), one["message_id"] or ""),
        )
        parts.facts((name, value) for name, value in known if value)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.close"), shown.close, kind="primary")
    shown.open()
