"""Runs one app in this process: `python -m services.profile`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI

from shared import telemetry
from shared.settings import Process

Settings = TypeVar("Settings", bound=Process)


def serve(name: str, settings: Settings, create: Callable[[Settings], FastAPI]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get ten seconds."""
    telemetry.configure(name, settings.log_level)
    app = create(settings)
    tidy_rarely()
    uvicorn.run(app, **options(settings))


def options(settings: Process) -> dict[str, Any]:
    """How uvicorn serves a process."""
    return {
        "host": settings.host,
        "port": settings.port,
        "loop": "uvloop",
        "http": "httptools",
        "access_log": False,
        "log_config": None,
        "forwarded_allow_ips": settings.trusted_proxies,
        "server_header": False,
        "date_header": False,
        "timeout_graceful_shutdown": 10,
        "timeout_keep_alive": 75,
    }


def tidy_rarely() -> None:
    """Let the collector leave what stands now alone for good, and look at the rest rarely.

    A batch makes tens of thousands of objects that all die with it and have no cycles; looking for cycles among them
    cost 30 % of profile's processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    gc.enable()
