"""The console's own options."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Process


class Settings(Process):
    """Where the gateway is. `HOST` and `PORT` are the console's."""

    gateway_url: str = Field("http://127.0.0.1:8080", validation_alias="GATEWAY_URL")
