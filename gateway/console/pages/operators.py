"""Accounts: who may sign in, and as what."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

ROLES = ("viewer", "operator", "approver", "admin")
TONES: dict[str, parts.Tone] = {"admin": "accent", "approver": "good"}


@frame.page("/operators", title="operators.title", permission="operators:read")
async def operators(desk: Desk) -> None:
    """Everyone with an account; who may, makes and changes them."""

    def acts(one: dict[str, Any]) -> list[str]:
        if not desk.may("operators:write"):
            return []
        if not one["active"]:
            return ["edit", "activate"]
        return ["edit", "password", *(["deactivate"] if one["id"] != desk.operator["id"] else [])]

    def row(one: dict[str, Any]) -> dict[str, Any]:
        state = "off" if not one["active"] else "one_time" if one["must_change"] else "active"
        tones: dict[str, parts.Tone] = {"off": "bad", "one_time": "warn", "active": "good"}
        return {
            "id": one["id"],
            "name": one["name"],
            "login": one["login"],
            "role": parts.Badge(t(f"roles.{one['role']}"), TONES.get(one["role"], "")),
            "state": parts.Badge(t(f"operators.state.{state}"), tones[state]),
            "seen": parts.When(one["last_seen_at"]),
            "made": parts.When(one["created_at"]),
            "acts": acts(one),
            "account": one,
        }

    with parts.panel():
        with parts.row():
            with parts.stack(tight=True).classes("m-grow"):
                ui.label(t("operators.hint")).classes("m-mute")
            if desk.may("operators:write"):
                parts.button(t("operators.add"), lambda: _edit(desk, None, listing), kind="primary", icon="add")
        listing = parts.Listing(
            fetch=lambda cursor: desk.api.get("/v1/operators", limit=100, cursor=cursor),
            columns=[
                parts.Column("name", t("operators.name")),
                parts.Column("login", t("operators.login")),
                parts.Column("role", t("operators.role")),
                parts.Column("state", t("operators.is")),
                parts.Column("seen", t("operators.seen")),
                parts.Column("made", t("operators.made")),
            ],
            row=row,
            empty=lambda: parts.empty("badge", t("operators.empty")),
            acts=[
                parts.Act("edit", t("operators.edit"), lambda one: _edit(desk, one["account"], listing)),
                parts.Act("password", t("operators.password"), lambda one: _password(desk, one["account"], listing)),
                parts.Act(
                    "deactivate",
                    t("operators.deactivate"),
                    lambda one: _active(desk, one["account"], listing, active=False),
                    "bad",
                ),
                parts.Act(
                    "activate", t("operators.activate"), lambda one: _active(desk, one["account"], listing, active=True)
                ),
            ],
        )
        await listing.load()


def _edit(desk: Desk, known: dict[str, Any] | None, listing: parts.Listing) -> None:
    """The form of an account: a new one, or one that is there."""
    with parts.dialog(t("operators.add") if known is None else t("operators.edit_title")) as asked:
        login = ui.input(t("operators.login"), value=known["login"] if known else "")
        login.props("readonly" if known else "autofocus")
        name = ui.input(t("operators.name"), value=known["name"] if known else "")
        role = ui.select(
            {one: t(f"roles.{one}") for one in ROLES},
            label=t("operators.role"),
            value=known["role"] if known else "operator",
        )
        ui.label(t("operators.roles_hint")).classes("m-mute m-small")

        async def save() -> None:
            wanted = {"name": name.value, "role": role.value}
            try:
                if known is None:
                    made = await desk.api.post("/v1/operators", {**wanted, "login": login.value.strip()})
                else:
                    await desk.api.patch(f"/v1/operators/{known['id']}", wanted)
                    made = None
            except ApiError as error:
                parts.field_errors(error, {"login": login, "name": name, "role": role})
                return
            asked.close()
            await listing.load()
            if made is not None:
                _shown_once(made)
            else:
                parts.say(t("operators.saved", name=name.value))

        name.on("keydown.enter", save)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("shared.save"), save, kind="primary")
    asked.open()


def _shown_once(made: dict[str, Any]) -> None:
    with parts.dialog(t("operators.one_time_title")) as shown:
        ui.label(t("operators.one_time_hint", name=made["name"], login=made["login"]))
        parts.secret(made["password"])
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.close"), shown.close, kind="primary")
    shown.open()


async def _password(desk: Desk, known: dict[str, Any], listing: parts.Listing) -> None:
    told = t("operators.password_ask", name=known["name"])
    if await parts.confirm(t("operators.password"), told, action=t("operators.password_sure")):
        made = await desk.api.post(f"/v1/operators/{known['id']}/password")
        await listing.load()
        _shown_once(made)


async def _active(desk: Desk, known: dict[str, Any], listing: parts.Listing, *, active: bool) -> None:
    told = t("operators.deactivate_ask", name=known["name"])
    if active or await parts.confirm(t("operators.deactivate"), told, action=t("operators.deactivate_sure")):
        await desk.api.patch(f"/v1/operators/{known['id']}", {"active": active})
        parts.say(t("operators.saved", name=known["name"]))
        await listing.load()
