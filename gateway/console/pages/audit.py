"""Audit: who saw or did what, and the proof that nothing was changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from gateway.console import frame, names, parts, texts
from gateway.console.desk import Desk, t

NAMED = ("operator", "key")
"""Kinds of objects that have a name."""
MOST = 4
"""Objects of a line that are shown; all of them when it is pointed at."""


@frame.page("/audit", title="audit.title", permission="audit:read")
async def audit(desk: Desk) -> None:
    """The log, filtered by who, what and about whom, which stand in the address; and its proof."""
    with parts.panel():
        with parts.row():
            actor = await _actors(desk)
            action = ui.input(t("audit.action"), value=desk.query.get("action", "")).style("width:220px")
            about = ui.input(t("audit.object"), value=desk.query.get("object", "")).style("width:220px")

            def filtered() -> None:
                wanted = {"actor": actor.value, "action": action.value, "object": about.value}
                query = urlencode({name: value.strip() for name, value in wanted.items() if value and value.strip()})
                ui.navigate.to(f"/audit?{query}" if query else "/audit")

            for field in (action, about):
                field.on("keydown.enter", filtered)
            parts.button(t("shared.filter"), filtered, kind="primary")
            ui.element("div").classes("m-grow")
            parts.button(t("audit.prove"), lambda: _prove(desk, proof), icon="verified")
        proof = ui.element("div").classes("m-stack")
        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, cursor),
            columns=[
                parts.Column("at", t("audit.at")),
                parts.Column("who", t("audit.who")),
                parts.Column("role", t("audit.role")),
                parts.Column("action", t("audit.what")),
                parts.Column("objects", t("audit.about")),
                parts.Column("reason", t("audit.reason")),
                parts.Column("id", t("audit.number"), number=True, shown=False),
                parts.Column("hash", t("audit.hash"), mono=True, shown=False),
            ],
            row=lambda line: _row(desk, line),
            empty=lambda: parts.empty("verified_user", t("audit.empty"), t("audit.empty_hint")),
            choose="audit",
        )
        await listing.load()


async def _page(desk: Desk, cursor: str | None) -> dict[str, Any]:
    """A page of the log; of operators and keys it is about the names stand with it."""
    asked = {name: desk.query.get(name) for name in ("actor", "action", "object")}
    page: dict[str, Any] = await desk.api.get("/v1/audit", limit=50, cursor=cursor, **asked)
    about = [one.partition(":") for line in page["items"] for one in line["objects"]]
    called = await names.called(desk, (id_ for kind, _, id_ in about if kind in NAMED))
    return {**page, "items": [{**line, "called": called} for line in page["items"]]}


async def _actors(desk: Desk) -> ui.select:
    """Operators and secret keys to choose from."""
    people = await desk.api.every("/v1/operators") if desk.may("operators:read") else []
    keys = await desk.api.every("/v1/keys") if desk.may("keys:write") else []
    options = {"": t("audit.anyone")} | {one["id"]: one["name"] for one in people}
    options |= {one["id"]: f"{one['name']} ({t('audit.key')})" for one in keys if one["kind"] == "secret"}
    chosen = desk.query.get("actor", "")
    if chosen not in options:
        options[chosen] = chosen
    return ui.select(options, label=t("audit.who"), value=chosen).style("width:220px")


def _row(desk: Desk, line: dict[str, Any]) -> dict[str, Any]:
    key = f"roles.{line['role']}"
    return {
        "id": line["id"],
        "at": parts.When(line["at"]),
        "who": parts.Named(line["actor_name"] or line["actor"], line["actor"]),
        "role": t(key) if texts.known(desk.language, key) else line["role"],
        "action": named(desk, line["action"]),
        "objects": _objects(line["objects"], line["called"]),
        "reason": line["reason"],
        "hash": line["hash"][:16],
    }


def named(desk: Desk, action: str) -> str:
    """What an action is called; those without a word of ours as the log has them."""
    key = "audit.actions." + action.replace(".", "_").replace("-", "_")
    return t(key) if texts.known(desk.language, key) else action


def _objects(objects: list[str], called: dict[str, str]) -> parts.Link | parts.Chips:
    """What it was about: operators and keys by their names; one viewer is a link to him."""
    if len(objects) == 1 and objects[0].startswith("profile:"):
        return parts.Link(objects[0], f"/people/{objects[0].removeprefix('profile:')}")
    shown = []
    for one in objects[:MOST]:
        kind, _, id_ = one.partition(":")
        shown.append(called.get(id_, one) if kind in NAMED else one)
    return parts.Chips([*shown, *([f"+{len(objects) - MOST}"] if len(objects) > MOST else [])], ", ".join(objects[:50]))


async def _prove(desk: Desk, box: ui.element) -> None:
    box.clear()
    with box:
        parts.skeleton(1)
    told = await desk.api.get("/v1/audit/verify")
    box.clear()
    with box:
        if told["intact"]:
            lines = desk.number(told["lines"])
            parts.alert(t("audit.intact", n=lines), tone="good", detail=t("audit.head", head=told["head"]))
        else:
            parts.alert(t("audit.broken", n=told["first_broken"]), tone="bad", detail=t("audit.broken_hint"))
