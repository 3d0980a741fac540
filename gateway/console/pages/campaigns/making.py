"""The steps in which a campaign is made: who, message, time, proof, review. Each saves the draft and has an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import drafts, words
from gateway.console.pages.campaigns.editing import Making
from gateway.console.pages.campaigns.steps import message, proof, review, time, who
from gateway.console.parts.rule import Known

STEPS: dict[str, Callable[[Making], Awaitable[None]]] = {
    "who": who.draw,
    "message": message.draw,
    "time": time.draw,
    "proof": proof.draw,
    "review": review.draw,
}
OPEN = ("draft", "submitted", "approved")
"""States in which a manual campaign can be changed."""


@frame.page("/campaigns/new", title="campaigns.new", permission="campaign:write")
async def new(desk: Desk) -> None:
    """The first step of a new one; `?segment=` is who gets it."""
    body = drafts.blank(name="", segment=desk.query.get("segment", ""))
    known, manners = await Known.load(desk), await words.manners(desk)
    await _draw(Making(desk=desk, known=known, campaign=None, body=body, manners=manners), "who")


@frame.page("/campaigns/{key}/edit", title="campaigns.edit", permission="campaign:write")
async def edit(desk: Desk, key: str) -> None:
    """A step (`?step=time`) of one that is there."""
    campaign, edition = await desk.api.edition(f"/v1/campaigns/{key}")
    ui.page_title(f"{campaign['name']} · Marquee")
    if campaign["state"] == "archived" or (words.manual(campaign) and campaign["state"] not in OPEN):
        parts.empty(
            "lock",
            t("campaigns.started_already"),
            t("campaigns.started_already_hint"),
            action=t("campaigns.to_campaign"),
            href=f"/campaigns/{key}",
        )
        return
    chosen = desk.query.get("step", "")
    known, manners = await Known.load(desk), await words.manners(desk)
    body = drafts.of(campaign)
    made = Making(desk=desk, known=known, campaign=campaign, body=body, manners=manners, edition=edition)
    await _draw(made, chosen if chosen in STEPS else "who")


async def _draw(making: Making, step: str) -> None:
    names = list(STEPS)
    with parts.attributes(ui.element("nav").classes("m-tabs"), aria_label=t("campaigns.making")):
        for number, name in enumerate(names, 1):
            link = ui.element("button").classes("m-tab m-tab-button").props("type=button")
            if name == step:
                link.classes("m-here").props("aria-current=step")
            link.on("click", lambda name=name: making.go(name))
            with link:
                ui.label(f"{number}  {t(f'campaigns.making_steps.{name}')}")
    if making.campaign is not None and making.campaign["state"] in ("submitted", "approved"):
        parts.alert(t("campaigns.change_takes_back"))
    if making.campaign is not None and making.campaign["note"]:
        parts.alert(t("campaigns.sent_back"), detail=making.campaign["note"])
    await STEPS[step](making)
    place = names.index(step)
    with parts.row():
        if place:
            parts.button(t("campaigns.back"), lambda: making.go(names[place - 1]), icon="arrow_back")
        ui.element("div").classes("m-grow")
        parts.button(t("campaigns.later"), lambda: making.go(""), kind="quiet")
        if place + 1 < len(names):
            parts.button(t("campaigns.next"), lambda: making.go(names[place + 1]), kind="primary", icon="arrow_forward")
