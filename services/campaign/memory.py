"""What one process of campaign holds open: where messages are handed over, and the bell that wakes its steps."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from services.campaign import bell
from services.campaign.outside import smtp, web
from services.campaign.outside.parcels import Provider
from services.campaign.rules import letters, sending, tracking
from services.campaign.settings import CampaignSettings
from services.campaign.tables import suppressions
from shared import lasting, telemetry
from shared.house import House

log = telemetry.logger(__name__)

SINK = "sink:"
"""Address of the local sink."""


@dataclass
class Counter:
    """Where messages of one channel are handed over: to a provider, or kept here; neither: they wait."""

    channel: str
    provider: Provider | None = None
    keeps: Literal["sink", "inbox"] | None = None
    trouble: str | None = None
    """What was wrong with the provider at the last try: a sentence."""
    closed_until: float = 0.0
    """Monotonic time before which it is not tried again."""
    pace: float | None = None
    """Messages per second that one lane hands over here, as far as it is known."""
    probes: bool = False
    """Whether it took nothing from us at the last try."""

    @property
    def name(self) -> str:
        """What stands behind it, in reasons."""
        return "smtp" if self.channel == "email" else self.channel

    @property
    def held_up(self) -> str | None:
        """Why nothing can leave now."""
        if self.provider is None and self.keeps is None:
            return sending.NO_SERVER
        return self.trouble

    @property
    def is_open(self) -> bool:
        """Whether messages can be handed over now."""
        return (self.provider is not None or self.keeps is not None) and time.monotonic() >= self.closed_until

    @property
    def _what(self) -> str:
        return "the SMTP server" if self.channel == "email" else f"the {self.channel} provider"

    def size(self, *, least: int, most: int) -> int:
        """How many messages a lane takes at once; of a provider that took nothing one, to see whether it does again."""
        if self.probes:
            return 1
        return most if self.provider is None else sending.set_size(self.pace, least=least, most=most)

    def unreachable(self, why: str) -> None:
        """Leave the provider alone for a moment: it is not there."""
        self._close(f"{self._what} cannot be reached: {why}", sending.OUTAGE_RETRY)

    def reached(self, *, fully: bool) -> None:
        """It took or refused messages: it is there, and takes them from us. `fully`: at every try of a set."""
        self.probes = False
        if fully:
            self.trouble = None

    def turned_away(self, why: str) -> None:
        """Leave the provider alone for a while: it takes nothing from us until somebody sets that right."""
        variable = {"email": "MARQUEE_MAIL_FROM and MARQUEE_SMTP_URL"}.get(
            self.channel, f"MARQUEE_{self.channel.upper()}_URL"
        )
        self.probes = True
        self._close(f"{self._what} takes nothing from us, check {variable}: {why}", sending.CLOSED_RETRY)

    def _close(self, trouble: str, length: timedelta) -> None:
        self.trouble = trouble
        self.closed_until = time.monotonic() + length.total_seconds()

    def learn(self, number: int, seconds: float) -> None:
        """A lane handed over so many messages in this time."""
        pace = number / max(seconds, 1e-3)
        self.pace = pace if self.pace is None else (self.pace + pace) / 2


@dataclass
class Desk:
    """Where messages are written and handed over."""

    sender: letters.Sender
    message_key: bytes
    link_key: bytes
    address_key: bytes
    base: str
    """The address viewers reach the gateway by."""
    counters: dict[str, Counter]
    links: dict[tuple[int, bytes], int] = field(default_factory=dict)
    """Numbers of links by campaign and digest, as far as this process has met them."""
    turns: int = 0
    busy: bool = False
    """Whether the last turn of the lanes found anything to send."""

    def turn(self, of: int) -> int:
        """Whose turn it is of so many: each lane begins with another one."""
        self.turns += 1
        return self.turns % of if of else 0

    def held_up(self, channel: str) -> str | None:
        """Why nothing can leave on a channel now."""
        return self.counters[channel].held_up


@contextlib.asynccontextmanager
async def opened(house: House) -> AsyncIterator[Desk]:
    """Open the desk of this process. Raises BadServer or BadAddress, which end its start with that sentence."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    sender = letters.sender(settings.mail_from)
    counters = {
        "email": _post(settings, sender),
        "sms": _web("sms", settings.sms_url, settings),
        "push": _web("push", settings.push_url, settings),
        "inbox": Counter("inbox", keeps="inbox"),
    }
    if counters["email"].provider is not None and not settings.public_url.startswith("https://"):
        log.warning("mail programs offer no one-click unsubscribe: MARQUEE_PUBLIC_URL is not https (RFC 8058)")
    async with house.db.transaction() as session:
        # It outlives a change of the secret: an address that is of no use stays so.
        address_key = await lasting.key(session, "suppression", since=suppressions)
    desk = Desk(
        sender,
        settings.key("message-id"),
        settings.key(tracking.PURPOSE),
        address_key,
        settings.public_url.rstrip("/"),
        counters,
    )

    def wake() -> None:
        for step in ("plan", "resolve", "send", "withdraw"):
            house.loops.wake(step)

    with bell.heard_by(wake):
        try:
            yield desk
        finally:
            for counter in counters.values():
                if counter.provider is not None:
                    await counter.provider.close()


def _post(settings: CampaignSettings, sender: letters.Sender) -> Counter:
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
    if url == SINK:
        return Counter("email", keeps="sink")
    if not url:
        return Counter("email")
    # A name of our own spares the library a reverse look-up that can take seconds.
    office = smtp.PostOffice(
        smtp.server(url), connections=settings.smtp_connections, name=_greeting(), sender=sender.address
    )
    return Counter("email", office)


def _web(channel: str, url: SecretStr | None, settings: CampaignSettings) -> Counter:
    if url is None or url.get_secret_value() in ("", SINK):
        return Counter(channel, keeps="sink")
    return Counter(channel, web.Gateway(url.get_secret_value(), connections=settings.smtp_connections))


def _greeting() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
