"""Questions: destructive acts ask, and forms that stand above the page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nicegui import ui

from gateway.console.desk import t
from gateway.console.parts.attributes import attributes
from gateway.console.parts.basics import button, row


@contextlib.contextmanager
def dialog(title: str, *, wide: bool = False) -> Iterator[ui.dialog]:
    """A dialog to be filled and opened: `with dialog(…) as it: …` then `it.open()` or `await it`. Esc closes it."""
    with ui.dialog() as made, ui.element("div").classes("m-dialog m-wide" if wide else "m-dialog"):
        attributes(made, aria_label=title)
        with ui.element("h2"):
            ui.label(title)
        yield made
    made.on("hide", made.delete)


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
