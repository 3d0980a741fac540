"""A file of the API, fetched by the browser, with its progress in a dialog."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import downloads
from gateway.console.desk import t
from gateway.console.parts.basics import button, row
from gateway.console.parts.dialogs import dialog
from gateway.console.parts.errors import failed
from gateway.console.parts.progress import progress


def download(title: str, path: str, *, total: int | None = None, **query: Any) -> None:
    """Fetch a file of lines; the dialog counts them. `total` is how many there will be, where that is known."""
    file = downloads.begin(path, **query)
    desk = desks.here()
    with dialog(title) as shown:
        bar = progress(t("shared.working"))
        end = row().style("justify-content:flex-end")
        with end:
            button(t("shared.close"), shown.close)

        def look() -> None:
            counted = max(0, file.lines - 1)  # the first line names the columns
            kilobytes = desk.number(file.size // 1024)
            bar.show(counted, total, t("shared.downloaded", n=desk.number(counted), kb=kilobytes))
            if file.state == "finished":
                timer.deactivate()
                bar.show(1, 1, t("shared.download_done", n=desk.number(counted), kb=kilobytes))
            elif file.state == "failed":
                timer.deactivate()
                with shown.default_slot.children[0]:
                    failed(file.error or ConnectionError())

        timer = ui.timer(0.3, look)
    shown.open()
    ui.navigate.to(file.href)
