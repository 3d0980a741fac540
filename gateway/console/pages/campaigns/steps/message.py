"""The second step: the channel and the texts, their variants, how they look to a real viewer, and a test."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import t
from gateway.console.pages.campaigns import drafts, letter, words
from gateway.console.pages.campaigns.editing import Making
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person
from gateway.console.parts.rule import fields

SAMPLES = 5
"""Viewers of the segment that are offered to look as."""
MOST = 20
"""Variants of one campaign."""


async def draw(making: Making) -> None:
    """Texts on the left, what becomes of them on the right."""
    with ui.element("div").classes("m-composing"):
        with parts.stack():
            with parts.panel(t("campaigns.channel")), parts.row():
                leads = ui.label("").classes("m-mute m-small").style("order:9;flex-basis:100%")
                options = {one: words.channel(one) for one in words.CHANNELS}
                fields.choose(
                    options, making.body["channel"], lambda value: turned(value), label=t("campaigns.channel")
                )
                missing = {one: t(f"campaigns.missing.{one}") for one in ("blank", "skip")}
                fields.choose(
                    missing,
                    making.body["content"].get("missing", "blank"),
                    lambda value: making.body["content"].update(missing=value),
                    label=t("campaigns.missing_value"),
                    width=260,
                )
            box = parts.stack()
        with parts.stack().classes("m-sticky"):
            await _looks(making)

    def turned(value: str) -> None:
        making.body["channel"] = value
        drafts.fit(making.body)
        show()

    def show() -> None:
        leads.text = words.goes_to(making.body["channel"], making.manners)
        box.clear()
        making.fields.clear()
        with box:
            with parts.panel(t("campaigns.default_text"), hint=t("campaigns.liquid_hint")):
                _texts(making, making.body["content"], "content")
            for place, one in enumerate(making.body["content"].setdefault("variants", [])):
                _variant(making, place, one, show)
            with parts.row():
                if len(making.body["content"]["variants"]) < MOST:
                    parts.button(t("campaigns.add_variant"), added, icon="add")
                ui.label(t("campaigns.variants_hint")).classes("m-mute m-small")

    def added() -> None:
        content = making.body["content"]
        texts = {name: content[name] for name in ("subject", "body", "html", "link") if content.get(name)}
        content["variants"].append({"when": {"segment": ""}, **texts})
        show()

    show()


def _variant(making: Making, place: int, one: dict[str, Any], show: Any) -> None:
    variants = making.body["content"]["variants"]

    def earlier() -> None:
        variants[place - 1], variants[place] = variants[place], variants[place - 1]
        show()

    def dropped() -> None:
        del variants[place]
        show()

    with parts.panel():
        with parts.row(tight=True):
            ui.label(t("campaigns.variant_n", n=place + 1)).classes("m-strong m-grow")
            if place:
                parts.button("", earlier, kind="quiet", icon="arrow_upward", hint=t("campaigns.earlier"))
            parts.button("", dropped, kind="quiet", icon="close", hint=t("campaigns.drop_variant"))
        with parts.row(tight=True):
            kind = "tag" if "tag" in one["when"] else "segment"

            def turned(value: str) -> None:
                one["when"] = {value: ""}
                one.pop("name", None)
                show()

            def told(value: str) -> None:
                one["when"][kind] = value
                one.pop("name", None)

            kinds = {name: t(f"campaigns.when.{name}") for name in ("segment", "tag")}
            fields.choose(kinds, kind, turned, label=t("campaigns.for_whom"), width=170)
            known = making.known.segments if kind == "segment" else making.known.tags
            making.fields[f"content.variants[{place}].when.{kind}"] = fields.choose(
                known, str(one["when"][kind]), told, label=t(f"campaigns.when.{kind}"), width=240, free=True
            )
        _texts(making, one, f"content.variants[{place}]")


def _texts(making: Making, node: dict[str, Any], path: str) -> None:
    """The texts that the channel has."""
    channel = making.body["channel"]

    def field(name: str, label: str, *, tall: bool) -> ui.input | ui.textarea:
        def told(value: str | None) -> None:
            if value:
                node[name] = value
            else:
                node.pop(name, None) if name in ("html", "link") else node.update({name: ""})

        made: Any = (ui.textarea if tall else ui.input)(label, value=node.get(name) or "").style("width:100%")
        if tall:
            made.props("autogrow input-style='min-height:110px'")
        made.on_value_change(lambda event: told(event.value))
        making.fields[f"{path}.{name}"] = made
        return made  # type: ignore[no-any-return]

    if channel != "sms":
        field("subject", t("campaigns.subject") if channel == "email" else t("campaigns.headline"), tall=False)
    body = field("body", t("campaigns.body"), tall=True)
    if channel == "email":
        field("html", t("campaigns.html"), tall=True)
    if channel in ("push", "inbox"):
        field("link", t("campaigns.link"), tall=False)
    with (
        parts.row(),
        parts.button(t("campaigns.insert"), kind="quiet", icon="data_object"),
        ui.menu().props("auto-close").classes("m-menu-wide"),
    ):
        if not making.body.get("transactional"):
            ui.menu_item(t("campaigns.unsubscribe_value"), lambda: _insert(body, t("campaigns.unsubscribe_line")))
        for name, said in making.known.traits.items():
            ui.menu_item(said, lambda name=name: _insert(body, f"{{{{ profile.traits.{name} }}}}"))


def _insert(field: ui.input | ui.textarea, text: str) -> None:
    field.value = f"{field.value or ''}{text}"


async def _looks(making: Making) -> None:
    """The message as a viewer would get it, and a test."""
    people = await _samples(making)
    held = {"ref": next(iter(people), "")}
    with parts.panel(t("campaigns.preview"), hint=t("campaigns.preview_hint")):
        with parts.row(tight=True):
            fields.choose(
                people,
                held["ref"],
                lambda value: held.update(ref=value),
                label=t("campaigns.as_whom"),
                width=220,
                free=True,
            )
            parts.button(t("campaigns.preview"), lambda: look(), icon="visibility")
        shown = parts.stack()
    with parts.panel(t("campaigns.test"), hint=t("campaigns.test_hint")), parts.row(tight=True):
        address = ui.input(t("campaigns.address")).style("width:220px")
        parts.button(t("campaigns.send_test"), lambda: send(), icon="send")
        parts.button(t("frame.nav.outbox"), href="/outbox", icon="outbox", kind="quiet", hint=t("outbox.hint"))

    async def look() -> None:
        key = await making.save()
        if key is None or not held["ref"]:
            return
        told = await making.desk.api.post(f"/v1/campaigns/{key}/preview", {"ref": held["ref"]})
        shown.clear()
        with shown:
            _shown(making, told)

    async def send() -> None:
        key = await making.save()
        if key is None:
            return
        wanted = {"address": (address.value or "").strip(), "ref": held["ref"] or None}
        try:
            told = await making.desk.api.post(f"/v1/campaigns/{key}/test", wanted)
        except ApiError as error:
            parts.field_errors(error, {"address": address})
            return
        address.error = None
        if told["accepted"]:
            parts.say(t("campaigns.test_sent", variant=told["variant"]))
        else:
            parts.show_error(ApiError(409, "", t("campaigns.test_failed"), told["detail"]))

    if held["ref"] and making.campaign is not None:
        ui.timer(0, look, once=True)


async def _samples(making: Making) -> dict[str, str]:
    """Some viewers of the audience by id, with their names."""
    trigger = making.body["trigger"]
    manual = trigger.get("manual", {})
    if manual.get("list"):
        return {one: one for one in manual["list"][:SAMPLES]}
    if making.kept and making.campaign is not None:
        path = f"/v1/campaigns/{making.campaign['key']}/list"
        refs = [one["ref"] for one in (await making.desk.api.get(path, limit=SAMPLES * 4))["items"]]
        return {one: one for one in refs if "•" not in one}  # contact data is masked, and nobody is found by a mask
    key = manual.get("segment") or trigger.get("segment_entered") or trigger.get("segment_left")
    try:
        if key:
            found = (await making.desk.api.get(f"/v1/segments/{key}/members", limit=SAMPLES))["items"]
            people = [await person(making.desk, one["profile_id"]) for one in found]
        else:
            people = (await making.desk.api.get("/v1/profiles", limit=SAMPLES))["items"]
    except ApiError:
        return {}
    return {str(one["profile_id"]): named(one) for one in people}


def _shown(making: Making, told: dict[str, Any]) -> None:
    """A preview, or why this viewer would get none."""
    if told["reason"]:
        parts.alert(t("campaigns.would_not"), detail=words.reason(making.desk, told["reason"]))
    if told["body"] is None:
        return
    with parts.row(tight=True):
        ui.label(t("campaigns.variant")).classes("m-mute m-small")
        parts.badge(str(told["variant"]), "accent")
    letter.draw(told)
