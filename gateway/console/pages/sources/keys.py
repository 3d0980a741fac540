"""Keys: write keys of front-ends, secret keys of tools."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

ROLES = ("viewer", "operator", "approver", "admin")


async def draw(desk: Desk) -> None:
    """The keys, and one more."""
    if not desk.may("keys:write"):
        parts.empty("key", t("sources.keys_forbidden"), t("sources.keys_forbidden_hint"))
        return
    with parts.panel():
        with parts.row():
            ui.label(t("sources.keys_hint")).classes("m-mute m-grow")
            parts.button(t("sources.add_key"), lambda: _make(desk, listing), kind="primary", icon="add")
        listing = parts.Listing(
            fetch=lambda cursor: desk.api.get("/v1/keys", limit=50, cursor=cursor),
            columns=[
                parts.Column("name", t("sources.name")),
                parts.Column("kind", t("sources.kind")),
                parts.Column("key", t("sources.key"), mono=True),
                parts.Column("role", t("sources.role")),
                parts.Column("origins", t("sources.origins")),
                parts.Column("rate", t("sources.rate"), number=True, shown=False),
                parts.Column("state", t("sources.state")),
                parts.Column("used", t("sources.used")),
                parts.Column("made", t("sources.made")),
            ],
            row=_row,
            empty=lambda: parts.empty("key", t("sources.no_keys")),
            choose="keys",
            acts=[parts.Act("revoke", t("sources.revoke"), lambda one: _revoke(desk, one, listing), "bad")],
        )
        await listing.load()


def _row(one: dict[str, Any]) -> dict[str, Any]:
    write = one["kind"] == "write"
    return {
        "id": one["id"],
        "name": one["name"],
        "kind": parts.Badge(t(f"sources.kinds.{one['kind']}"), "accent" if write else "warn"),
        "key": f"pk_{one['id']}" if write else f"sk_{one['id']}_…",
        "role": t(f"roles.{one['role']}") if one["role"] else "",
        "origins": parts.Chips(one["origins"]) if one["origins"] else (t("sources.any_origin") if write else ""),
        "rate": one["rate"],
        "state": parts.Badge(t("sources.revoked"), "bad")
        if one["revoked_at"]
        else parts.Badge(t("sources.live"), "good"),
        "used": parts.When(one["last_used_at"]),
        "made": parts.When(one["created_at"]),
        "acts": [] if one["revoked_at"] else ["revoke"],
    }


def _make(desk: Desk, listing: parts.Listing) -> None:
    with parts.dialog(t("sources.add_key")) as asked:
        kinds = {one: t(f"sources.kinds.{one}") for one in ("write", "secret")}
        kind = ui.select(kinds, label=t("sources.kind"), value="write")
        name = ui.input(t("sources.name")).props("autofocus")
        role = ui.select({one: t(f"roles.{one}") for one in ROLES}, label=t("sources.role"), value="operator")
        role.bind_visibility_from(kind, "value", value="secret")
        origins = ui.input(t("sources.origins_field"), placeholder="https://www.example.com")
        origins.bind_visibility_from(kind, "value", value="write")

        async def save() -> None:
            wanted: dict[str, Any] = {"kind": kind.value, "name": name.value}
            if kind.value == "secret":
                wanted["role"] = role.value
            else:
                wanted["origins"] = [one for one in (origins.value or "").replace(",", " ").split() if one]
            try:
                made = await desk.api.post("/v1/keys", wanted)
            except ApiError as error:
                parts.field_errors(error, {"name": name, "role": role, "origins[0]": origins, "origins": origins})
                return
            asked.close()
            await listing.load()
            with parts.dialog(t("sources.new_key"), wide=True) as shown:
                ui.label(t("sources.new_key_hint") if kind.value == "secret" else t("sources.new_write_key_hint"))
                parts.secret(made["key"])
                with parts.row().style("justify-content:flex-end"):
                    parts.button(t("shared.close"), shown.close, kind="primary")
            shown.open()

        name.on("keydown.enter", save)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("sources.make"), save, kind="primary")
    asked.open()


async def _revoke(desk: Desk, one: dict[str, Any], listing: parts.Listing) -> None:
    told = t("sources.revoke_ask", name=one["name"])
    if await parts.confirm(t("sources.revoke"), told, action=t("sources.revoke_sure")):
        await desk.api.delete(f"/v1/keys/{one['id']}")
        parts.say(t("sources.revoked_said", name=one["name"]))
        await listing.load()
