"""Questions: destructive acts ask, and forms that stand above the page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from nicegui import background_tasks, ui

from gateway.console.desk import t
from gateway.console.parts.attributes import attributes
from gateway.console.parts.basics import button, row

LINGERS = 120.0
"""Seconds that a closed dialog is kept: longer than any call to the gateway takes."""


@contextlib.contextmanager
def dialog(title: str, *, wide: bool = False) -> Iterator[ui.dialog]:
    """A dialog to be filled and opened: `with dialog(…) as it: …` then `it.open()` or `await it`. Esc closes it.

    It hangs on the page, not on what opened it: a dialog may open another and go. What its own buttons began goes on
    after it was closed and needs its place there, so it is deleted a while later.
    """
    with (
        ui.context.client.content,
        ui.dialog() as made,
        ui.element("div").classes("m-dialog m-wide" if wide else "m-dialog"),
    ):
        attributes(made, aria_label=title)
        with ui.element("h2"):
            ui.label(title)
        yield made

    async def delete() -> None:
        await asyncio.sleep(LINGERS)
        if not made.is_deleted:
            made.delete()

    made.on("hide", lambda: background_tasks.create(delete(), name="a closed dialog"))


async def confirm(title: str, text: str, *, action: str, danger: bool = True) -> bool:
    """Ask; whether the answer is yes. `action` is what the button says: "Revoke the key", never "OK"."""
    with dialog(title) as asked:
        ui.label(text).classes("m-pre")
        with row().style("justify-content:flex-end"):
            button(t("shared.cancel"), lambda: asked.submit(False))
            sure = button(action, lambda: asked.submit(True), kind="danger" if danger else "primary")
            sure.props("autofocus" if not danger else "")
    return bool(await asked)


def secret(text: str) -> None:
    """A secret that is shown once, with a button that copies it."""
    with ui.element("div").classes("m-secret"):
        ui.label(text).classes("m-mono m-wrap m-grow").props("data-secret")
        button(t("shared.copy"), lambda: ui.clipboard.write(text), icon="content_copy", kind="quiet")
