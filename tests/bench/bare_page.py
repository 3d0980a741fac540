"""The bare baseline of the console: a NiceGUI page with one line of text, on the server our processes run on."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui

from shared.serve import serve
from shared.settings import Process


def create(settings: Process) -> FastAPI:
    """`GET /` shows one line."""
    app = FastAPI()

    @ui.page("/")
    def bare() -> None:
        ui.label("bare").classes("bare")

    ui.run_with(app, title="Bare", tailwind=False, show_welcome_message=False)
    return app


if __name__ == "__main__":
    serve("bare-page", Process(), create)
