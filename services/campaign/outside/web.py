"""SMS and push over HTTP: a message is posted as JSON with its key in `Idempotency-Key`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec

from services.campaign.outside.parcels import UNBEGUN, Fate, Outcome, Parcel, Stage, always

SECONDS = 20.0
_WORDS = 300
_OURS = (401, 403, 405, 407)
"""Statuses that speak of our key or address, not of a message."""


class BadAddress(ValueError):
    """Not an address that can be posted to."""


class Gateway:
    """A provider, or an adapter to one, that takes `{key, channel, to, subject, body, link}` by POST.

    2xx is accepted; 408, 425, 429 and 503 are later; 401, 403, 405 and 407 refuse us, any other 4xx the message; a
    connection that could not be made is unreachable. Everything else (a silence, another 5xx) is unknown: it may have
    been sent.
    """

    def __init__(self, url: str, *, connections: int) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadAddress("MARQUEE_SMS_URL and MARQUEE_PUSH_URL must look like https://host/path")
        self._url = url
        self._connections = connections
        self._doors = asyncio.Semaphore(connections)
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, parcel: Parcel, may: Callable[[], bool] = always) -> Outcome:
        """Post one message, if it still may be when a connection is free."""
        async with self._doors:
            return await self._post(parcel) if may() else UNBEGUN

    async def _post(self, parcel: Parcel) -> Outcome:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections)
            timeout = aiohttp.ClientTimeout(total=SECONDS, connect=10)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        body = {
            "key": parcel.key,
            "channel": parcel.channel,
            "to": parcel.address,
            "subject": parcel.subject,
            "body": parcel.body,
            "link": parcel.link,
        }
        headers = {"Idempotency-Key": parcel.key, "Content-Type": "application/json"}
        try:
            async with self._session.post(self._url, data=msgspec.json.encode(body), headers=headers) as answer:
                said = (await answer.content.read(_WORDS)).decode("utf-8", "replace").strip()
                stage = Stage.SENDER if answer.status in _OURS else Stage.CONTENT
                return Outcome(_fate(answer.status), f"{answer.status} {said}".strip(), stage)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Outcome(Fate.UNREACHABLE, f"{error}"[:_WORDS] or type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Outcome(Fate.UNKNOWN, f"{error}"[:_WORDS] or type(error).__name__)

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()


def _fate(status: int) -> Fate:
    if 200 <= status < 300:
        return Fate.ACCEPTED
    if status in (408, 425, 429, 503):
        return Fate.LATER
    return Fate.REFUSED if 400 <= status < 500 else Fate.UNKNOWN
