"""What the server must be, and have, before a service speaks to it."""

from __future__ import annotations

import contextlib
import functools
import ssl

import httpx
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError

from shared import telemetry
from shared.bus.errors import BusDown
from shared.bus.streams import STREAMS
from shared.settings import Settings

log = telemetry.logger(__name__)

MINIMUM = (2, 15, 1)
"""The oldest nats-server that will do."""


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whom to believe: reading them takes 50 ms, and tests open many connections."""
    return httpx.create_ssl_context()


async def check(settings: Settings) -> None:
    """Refuse a server that acknowledges before its disk has it: a power cut would lose what was promised."""
    async with httpx.AsyncClient(timeout=5, verify=_authorities()) as client:
        try:
            page = (await client.get(f"{settings.nats_monitor_url.rstrip('/')}/varz")).json()
        except (httpx.HTTPError, ValueError) as error:
            raise BusDown(f"NATS_MONITOR_URL {settings.nats_monitor_url} does not answer: {error}") from error
    version = tuple(int(part) for part in str(page["version"]).split("-")[0].split("."))
    if version < MINIMUM:
        raise RuntimeError(f"nats-server {page['version']} is too old: {'.'.join(map(str, MINIMUM))} is needed")
    if not page.get("jetstream", {}).get("config", {}).get("sync_always"):
        raise RuntimeError("nats-server must run with jetstream { sync_interval: always }: see deploy/nats.conf")


async def ensure_streams(js: JetStreamContext) -> None:
    """Create the streams that are missing and bring the others to what the code declares."""
    for config in STREAMS:
        try:
            present = (await js.stream_info(str(config.name))).config
        except NotFoundError:
            with contextlib.suppress(BadRequestError):  # another process was faster
                await js.add_stream(config)
                log.info("stream created", stream=config.name)
            continue
        wanted = (config.subjects, config.max_bytes, config.max_age, config.discard, config.max_msg_size)
        if (present.subjects, present.max_bytes, present.max_age, present.discard, present.max_msg_size) != wanted:
            await js.update_stream(config)
            log.info("stream updated", stream=config.name)
