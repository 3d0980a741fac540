"""Runs one app in this process: `python -m services.profile`."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from shared import telemetry
from shared.settings import Settings


def serve(name: str, settings: Settings, create: Callable[[Settings], FastAPI]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get ten seconds."""
    telemetry.configure(name, settings.log_level)
    uvicorn.run(
        create(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
    )
