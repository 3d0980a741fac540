"""What one process of campaign holds open: its SMTP connections, and the bell that wakes its steps."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.campaign import bell
from services.campaign.outside import smtp
from services.campaign.rules import letters, sending
from services.campaign.settings import CampaignSettings
from shared.house import House


@dataclass
class Desk:
    """Where letters are written and handed over. Without a post office messages wait."""

    sender: letters.Sender
    key: bytes
    post: smtp.PostOffice | None
    trouble: str | None = None
    """Why the SMTP server could not be reached at the last try."""
    closed_until: float = 0.0
    """Monotonic time before which it is not tried again."""

    @property
    def held_up(self) -> str | None:
        """Why nothing can leave now."""
        if self.post is None:
            return sending.NO_SERVER
        return f"the SMTP server cannot be reached: {self.trouble}" if self.trouble else None

    def unreachable(self, why: str) -> None:
        """Leave the server alone for a while."""
        self.trouble = why
        self.closed_until = time.monotonic() + sending.OUTAGE_RETRY.total_seconds()


@contextlib.asynccontextmanager
async def opened(house: House) -> AsyncIterator[Desk]:
    """Open the desk of this process. Raises BadServer or BadAddress, which end its start with that sentence."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    post = None
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
    if url:
        server = smtp.server(url)
        # A name of our own spares the library a reverse look-up that can take seconds.
        post = smtp.PostOffice(server, connections=settings.smtp_connections, name=_greeting())
    desk = Desk(letters.sender(settings.mail_from), settings.key("message-id"), post)

    def wake() -> None:
        house.loops.wake("send")
        house.loops.wake("resolve")

    with bell.heard_by(wake):
        try:
            yield desk
        finally:
            if post is not None:
                await post.close()


def _greeting() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
