"""SMS and push over HTTP: a message is posted as JSON with its key in `Idempotency-Key`."""

from __future__ import annotations

import aiohttp
import msgspec

from services.campaign.outside.parcels import Fate, Outcome, Parcel

SECONDS = 20.0
_WORDS = 300


class BadAddress(ValueError):
    """Not an address that can be posted to."""


class Gateway:
    """A provider, or an adapter to one, that takes `{key, channel, to, subject, body, link}` by POST.

    2xx is accepted; 408, 425, 429 and 503 are later; any other 4xx is refused; a connection that could not be made is
    unreachable. Everything else (a silence, another 5xx) is unknown: it may have been sent.
    """

    def __init__(self, url: str, *, connections: int) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadAddress("MARQUEE_SMS_URL and MARQUEE_PUSH_URL must look like https://host/path")
        self._url = url
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Post one message."""
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
                return Outcome(_fate(answer.status), f"{answer.status} {said}".strip())
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
