"""What a viewer agreed to, and every answer that led there."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

PURPOSES = (
    "*",
    "marketing",
    "email",
    "sms",
    "push",
    "phone",
    "personalisation",
    "profiling",
    "analytics",
    "third_party",
    "guardian",
)


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """What holds now by purpose, and the history."""
    path = f"/v1/profiles/{profile['profile_id']}/consents"
    told = await desk.api.get(path)
    with parts.grid():
        with parts.panel(t("person.consents"), hint=t("person.consents_hint"), span=5):
            for purpose in PURPOSES:
                _purpose(desk, path, purpose, told["current"].get(purpose))
        with parts.panel(t("person.consent_history"), span=7):
            if not told["history"]:
                parts.empty("how_to_reg", t("person.no_consents"), t("person.no_consents_hint"))
            else:
                called = await names.called(desk, (names.key_of(one["recorded_by"]) for one in told["history"]))
                parts.Table(
                    [
                        parts.Column("at", t("person.at")),
                        parts.Column("purpose", t("person.purpose")),
                        parts.Column("granted", t("person.answer")),
                        parts.Column("source", t("person.asked_at")),
                        parts.Column("by", t("person.noted_by")),
                        parts.Column("version", t("person.version"), shown=False),
                        parts.Column("proof", t("person.proof"), shown=False),
                    ],
                    [
                        {
                            "id": one["id"],
                            "at": parts.When(one["at"]),
                            "purpose": t(f"person.purposes.{_key(one['purpose'])}"),
                            "granted": _badge(one["granted"]),
                            "source": one["source"],
                            "by": parts.Named(names.source(one["recorded_by"], called), one["recorded_by"]),
                            "version": one["version"],
                            "proof": one["proof"],
                        }
                        for one in told["history"]
                    ],
                    choose="consents",
                )


def _key(purpose: str) -> str:
    return "all" if purpose == "*" else purpose


def _badge(granted: bool | None) -> parts.Badge:
    if granted is None:
        return parts.Badge(t("person.never_asked"))
    return parts.Badge(t("person.granted"), "good") if granted else parts.Badge(t("person.denied"), "bad")


def _purpose(desk: Desk, path: str, purpose: str, granted: bool | None) -> None:
    with parts.row().style("flex-wrap:nowrap"):
        ui.label(t(f"person.purposes.{_key(purpose)}")).classes("m-grow")
        shown = _badge(granted)
        parts.badge(shown.text, shown.tone)
        if desk.may("profile:write"):
            for wanted, text in ((True, t("person.grant")), (False, t("person.withdraw"))):
                if granted is not wanted:
                    parts.button(text, lambda wanted=wanted: _say(desk, path, purpose, granted=wanted), kind="quiet")


def _say(desk: Desk, path: str, purpose: str, *, granted: bool) -> None:
    """Note an answer he gave elsewhere."""
    title = t("person.grant_title") if granted else t("person.withdraw_title")
    with parts.dialog(title) as asked:
        ui.label(t("person.say_hint", purpose=t(f"person.purposes.{_key(purpose)}"))).classes("m-mute")
        source = ui.input(t("person.asked_at"), value="console")
        proof = ui.input(t("person.proof"))

        async def save() -> None:
            statement = {"purpose": purpose, "granted": granted, "proof": proof.value or None}
            try:
                await desk.api.put(path, {"consents": [statement], "source": source.value})
            except ApiError as error:
                parts.field_errors(error, {"source": source})
                return
            asked.close()
            ui.navigate.reload()

        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("shared.save"), save, kind="primary")
    asked.open()
