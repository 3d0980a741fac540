"""What may be done with a campaign in its state and by whom: each act with its question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act: its path, who may, from which states. `asks` is whether it is confirmed; `danger` how it looks."""

    name: str
    icon: str
    manual: tuple[str, ...]
    automatic: tuple[str, ...] = ()
    permission: str = "campaign:write"
    kind: Literal["primary", "plain", "danger"] = "plain"
    asks: bool = False


ACTS = (
    Act(name="submit", icon="outgoing_mail", manual=("draft",), kind="primary"),
    Act(
        name="approve", icon="verified", manual=("submitted",), permission="campaign:approve", kind="primary", asks=True
    ),
    Act(name="reject", icon="undo", manual=("submitted", "approved"), permission="campaign:approve"),
    Act(name="start", icon="play_arrow", manual=("approved",), automatic=("draft",), kind="primary", asks=True),
    Act(name="resume", icon="play_arrow", manual=("paused",), automatic=("paused",), kind="primary"),
    Act(name="pause", icon="pause", manual=("running",), automatic=("running",), asks=True),
    Act(name="cancel", icon="stop", manual=("running", "paused", "approved"), kind="danger", asks=True),
    Act(
        name="archive",
        icon="inventory_2",
        manual=("draft", "finished", "cancelled"),
        automatic=("draft", "paused", "finished", "cancelled"),
        asks=True,
    ),
)
PAST = "/problems/time-is-past"
SENDING = ("approve", "start")
"""Acts before which it is said how many would get it."""


def offered(desk: Desk, campaign: dict[str, Any]) -> list[Act]:
    """The acts that are possible now and allowed to this operator."""
    manual = words.manual(campaign)
    return [
        one
        for one in ACTS
        if campaign["state"] in (one.manual if manual else one.automatic) and desk.may(one.permission)
    ]


def draw(desk: Desk, campaign: dict[str, Any], *, large: bool = False) -> None:
    """The buttons; `large` says beside them what comes next."""
    possible = offered(desk, campaign)
    with parts.row(tight=not large):
        for one in possible:
            parts.button(t(f"campaigns.acts.{one.name}"), _does(desk, campaign, one), kind=one.kind, icon=one.icon)
        if large:
            kind = "manual" if words.manual(campaign) else "automatic"
            waits = campaign["state"] in ("draft", "submitted", "approved")
            if waits and (kind == "manual" or campaign["state"] == "draft"):
                ui.label(t(f"campaigns.ahead.{kind}.{campaign['state']}")).classes("m-mute")


def _does(desk: Desk, campaign: dict[str, Any], act: Act) -> Callable[[], Any]:
    async def done() -> None:
        if act.name == "reject":
            _reject(desk, campaign)
            return
        if act.asks and not await _sure(desk, campaign, act):
            return
        path = f"/v1/campaigns/{campaign['key']}"
        if act.name == "archive":
            await desk.api.delete(path)
            ui.navigate.to("/campaigns")
            return
        try:
            await desk.api.post(f"{path}/{act.name}")
        except ApiError as error:
            if error.type != PAST:
                raise
            title, text = t("campaigns.past"), t("campaigns.past_hint", why=error.detail.partition(": ")[0])
            if not await parts.confirm(title, text, action=t(f"campaigns.late.{act.name}"), danger=False):
                return
            await desk.api.post(f"{path}/{act.name}", late="true")
        ui.navigate.to(path.removeprefix("/v1"))

    return done


async def _sure(desk: Desk, campaign: dict[str, Any], act: Act) -> bool:
    question = t(f"campaigns.asks.{act.name}")
    if act.name in SENDING and words.manual(campaign):
        told = await desk.api.post(f"/v1/campaigns/{campaign['key']}/estimate")
        question = t("campaigns.asks_with_size", question=question, n=desk.number(told["planned"]))
    return await parts.confirm(
        campaign["name"], question, action=t(f"campaigns.acts.{act.name}"), danger=act.name in ("cancel", "archive")
    )


def _reject(desk: Desk, campaign: dict[str, Any]) -> None:
    """Ask why; the draft's author reads it."""
    with parts.dialog(t("campaigns.acts.reject")) as asked:
        note = ui.input(t("campaigns.note")).props("autofocus maxlength=200")

        async def done() -> None:
            if not (note.value or "").strip():
                note.error = t("campaigns.needed")
                return
            await desk.api.post(f"/v1/campaigns/{campaign['key']}/reject", {"note": note.value.strip()})
            asked.close()
            ui.navigate.to(f"/campaigns/{campaign['key']}")

        note.on("keydown.enter", done)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("campaigns.acts.reject"), done, kind="primary")
    asked.open()
