"""What becomes of a message after each thing that can happen to it, and when it is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
OUTAGE_RETRY = timedelta(seconds=5)
"""Profile or the SMTP server is away: nobody's message is at fault, so no attempt is counted and the wait is short."""

REFUSED = {
    "no_address": "the viewer has no address for this channel",
    "no_consent": "the viewer has not consented to this channel",
    "unknown_profile": "there is no such profile",
}
"""Reasons profile gives for not answering with an address."""

NO_SERVER = "no SMTP server is configured: set MARQUEE_SMTP_URL"
CRASHED = "its sender stopped while the server had it; it may have arrived and is not sent again"


def retry_at(now: datetime, attempts: int) -> datetime:
    """30 s after the first try, twice as long after each further one, an hour at most."""
    return now + min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)


def is_last(attempts: int, allowed: int) -> bool:
    """Whether a message that was tried this often may not be tried again."""
    return attempts >= allowed
