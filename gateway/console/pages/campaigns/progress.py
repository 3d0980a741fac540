"""How far a campaign is, every second while it sends: done, rate, end, what waits, and why messages were not sent."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import recipients, waits, words
from gateway.console.pages.campaigns.listing import segment_names

EVERY = 1.0
MOVING = ("running", "paused")


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The bar and the figures; a bus campaign also shows what came in."""
    key = one["key"]
    if one["state"] in ("draft", "submitted", "approved"):
        parts.empty("hourglass_empty", t("campaigns.not_started"), t(f"campaigns.not_started_hint.{one['state']}"))
        return
    waiting, said = parts.stack(), [""]
    with parts.panel(t("campaigns.tab.progress")):
        bar = parts.progress("")
        figures = parts.row().style("gap:32px")
        hint = ui.label("").classes("m-mute m-small")
    unsure = parts.alert(t("campaigns.unsure"), detail=t("campaigns.unsure_hint"))
    unsure.set_visibility(False)
    with unsure:
        parts.button(t("campaigns.see_them"), href=recipients.href(key, state="unknown"))
    with parts.grid():
        with parts.panel(t("campaigns.messages"), span=4) as by_state:
            states = parts.Table(_columns(t("campaigns.state")))
        with parts.panel(t("campaigns.waiting"), hint=t("campaigns.waiting_hint"), span=4) as later:
            later_by = parts.Table(_columns(t("campaigns.for_what")))
        with parts.panel(t("campaigns.not_sent"), span=4) as missed:
            reasons = parts.Table(_columns(t("campaigns.why_not")))

    async def look() -> None:
        told = await desk.api.get(f"/v1/campaigns/{key}/progress")
        _show(desk, told, bar, figures)
        stuck = told["state"] in MOVING and not told["delivery_ready"]
        if (why := told["planning_waits_for"] or "") != said[0]:
            said[0] = why
            waiting.clear()
            if why:
                segments = await segment_names(desk, one["trigger"])
                with waiting:
                    waits.draw(desk, one, why, segments)
        hint.text = t("campaigns.held_up", why=told["delivery_reason"] or "") if stuck else ""
        states.replace(
            [
                _counted(words.message_state(name), told["states"][name], recipients.href(key, state=name))
                for name in words.MESSAGE_STATES
                if told["states"].get(name)
            ]
        )
        later_by.replace(_by_reason(desk, key, told["waiting"], state="planned"))
        reasons.replace(_by_reason(desk, key, told["reasons"]))
        unsure.set_visibility(bool(told["states"].get("unknown")))
        by_state.set_visibility(any(told["states"].values()))
        later.set_visibility(bool(told["waiting"]))
        missed.set_visibility(bool(told["reasons"]))
        if told["state"] != one["state"]:
            timer.deactivate()
            ui.navigate.to(f"/campaigns/{key}")
        elif told["state"] not in MOVING:
            timer.deactivate()

    timer = ui.timer(EVERY, look)
    if one["trigger"].get("bus"):
        with parts.panel(t("campaigns.triggers"), hint=t("campaigns.triggers_hint")):
            parts.later(lambda: _triggers(desk, key))


def _columns(label: str) -> list[parts.Column]:
    return [parts.Column("name", label), parts.Column("n", t("campaigns.messages"), number=True)]


def _by_reason(desk: Desk, key: str, numbers: dict[str, int], **state: str) -> list[dict[str, Any]]:
    return [
        _counted(words.reason(desk, name), number, recipients.href(key, **state, reason=name))
        for name, number in numbers.items()
    ]


def _counted(name: str, number: int, href: str) -> dict[str, Any]:
    """A row that says how many, and leads to them."""
    return {"id": href, "name": parts.Link(name, href), "n": number}


def _show(desk: Desk, told: dict[str, Any], bar: parts.progress, figures: ui.element) -> None:
    done, total = told["done"], told["total"]
    text = t("campaigns.done_of", done=desk.number(done), total=desk.number(total))
    begins, waits = told["planning_begins_at"], told["planning_waits_for"]
    if begins:
        text = t("campaigns.begins_at", at=desk.exact(begins))
    elif waits:
        text = t("campaigns.planning_waits", n=desk.number(total), why=words.reason(desk, waits))
    elif not told["planning_done"]:
        text = t("campaigns.planning", n=desk.number(total))
    # While viewers are still being given their rows nobody knows of how many; before its time nothing is done.
    known = total or None if told["planning_done"] else None
    bar.show(0 if begins else done, 1 if begins else known, text)
    figures.clear()
    with figures:
        parts.figure_line(t("campaigns.done"), desk.percent(words.rate(done, total)))
        parts.figure_line(t("campaigns.steps.sent"), desk.number(told["states"].get("accepted", 0)))
        if told["state"] in MOVING:
            parts.figure_line(t("campaigns.pace_now"), t("campaigns.per_second", n=desk.number(told["rate"])))
            parts.figure_line(t("campaigns.ends"), desk.time(told["eta"]))


async def _triggers(desk: Desk, key: str) -> None:
    """What other systems sent over the bus."""
    listing = parts.Listing(
        fetch=lambda cursor: desk.api.get(f"/v1/campaigns/{key}/triggers", limit=25, cursor=cursor),
        columns=[
            parts.Column("at", t("campaigns.at")),
            parts.Column("trigger", t("campaigns.trigger"), mono=True),
            parts.Column("state", t("campaigns.state")),
            parts.Column("recipients", t("campaigns.viewers"), number=True),
        ],
        row=lambda one: {
            "id": one["id"],
            "at": parts.When(one["at"]),
            "trigger": one["trigger_id"],
            "state": parts.Badge(t(f"campaigns.trigger_states.{one['state']}")),
            "recipients": one["recipients"],
        },
        empty=lambda: parts.empty("input", t("campaigns.no_triggers"), t("campaigns.no_triggers_hint")),
    )
    await listing.load()
