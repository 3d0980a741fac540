"""A static list: one viewer, or a file of them, put on it or taken off."""

from __future__ import annotations

from typing import Any

from nicegui import events, ui

from gateway.console import api, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

MOST = 50_000_000
"""Bytes of a file, as the API has it."""
ACTIONS = ("add", "remove")


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """Only for who may write; others see the members."""
    if not desk.may("segment:write") or one["archived"]:
        parts.empty("lock", t("segments.list_locked"))
        return
    with parts.grid():
        with parts.panel(t("segments.one_viewer"), span=5):
            _single(desk, one["key"])
        with parts.panel(t("segments.a_file"), hint=t("segments.a_file_hint"), span=7):
            _file(desk, one["key"])


def _single(desk: Desk, key: str) -> None:
    field = ui.input(t("segments.ref")).props('placeholder="user_id:u1"')

    async def put(action: str) -> None:
        wanted = (field.value or "").strip()
        if not wanted:
            field.error = t("people.needed")
            return
        path = f"/v1/segments/{key}/members/{api.ref(wanted)}"
        try:
            await (desk.api.put(path, None) if action == "add" else desk.api.delete(path))
        except ApiError as error:
            field.error = ": ".join(filter(None, parts.words(error)))
            return
        field.error = None
        field.value = ""
        parts.say(t(f"segments.did.{action}", ref=wanted))

    field.on("keydown.enter", lambda: put("add"))
    with parts.row():
        parts.button(t("segments.put.add"), lambda: put("add"), kind="primary", icon="person_add")
        parts.button(t("segments.put.remove"), lambda: put("remove"), icon="person_remove")


def _file(desk: Desk, key: str) -> None:
    with parts.row():
        action = ui.select(
            {one: t(f"segments.put.{one}") for one in ACTIONS}, label=t("segments.action"), value="add"
        ).style("width:150px")
        column = ui.input(t("segments.column")).style("width:220px")
        parts.attributes(column, placeholder=t("segments.first_column"))
    box = parts.stack()

    async def sent(event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        box.clear()
        with box:
            try:
                job = await desk.api.send(
                    f"/v1/segments/{key}/uploads",
                    content,
                    kind="text/csv",
                    column=(column.value or "").strip() or None,
                    action=action.value,
                )
            except ApiError as error:
                parts.failed(error)
                return
            path = f"/v1/segments/{key}/uploads/{job['job_id']}"
            parts.job(lambda: desk.api.get(path), lambda told: _report(box, path, told))

    def rejected() -> None:
        parts.show_error(ApiError(413, "", t("segments.too_large")))

    upload = ui.upload(auto_upload=True, max_file_size=MOST, on_upload=sent, on_rejected=rejected)
    upload.props('accept=".csv,text/csv" flat bordered').classes("m-upload")
    parts.attributes(upload, label=t("segments.choose_file"))


def _report(box: ui.element, path: str, told: dict[str, Any]) -> None:
    """What became of a file: how many, and whom nobody knows."""
    with box:
        if told["state"] in ("failed", "cancelled"):
            parts.alert(t("segments.upload_failed"), tone="bad", detail=told["error"] or "")
            return
        parts.alert(
            t("segments.uploaded", n=told["done"], unmatched=told["unmatched"]),
            tone="warn" if told["unmatched"] else "good",
        )
        if told["unmatched"]:
            parts.Table(
                [
                    parts.Column("line", t("segments.line"), number=True, width="70px"),
                    parts.Column("ref", t("segments.ref"), mono=True),
                ],
                told["first_unmatched"],
                key="line",
            )
            with parts.row():
                title = t("segments.unmatched")
                parts.button(
                    title, lambda: parts.download(title, f"{path}/unmatched.csv"), icon="download", kind="quiet"
                )
