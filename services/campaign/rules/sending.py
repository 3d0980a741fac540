"""What becomes of a message after each thing that can happen to it, and when it is tried again."""

from __future__ import annotations

import re
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

SUPPRESSED = "its address was refused for good before"
CAPPED = "the viewer had his number of marketing messages in the last 7 days"
HELD = "the viewer is in the hold-out: everything was ready, nothing was sent"
"""What the reasons `suppressed`, `capped` and `hold_out` mean."""

WAITS = ("local_time", "quiet_hours")
"""Reasons of planned messages that wait for the viewer's clock."""

_GONE = re.compile(r"\s*5(?:50|51|53|56)\b(?!.{0,3}\b5\.7\.)")

NO_SERVER = "no SMTP server is configured: set MARQUEE_SMTP_URL"
CRASHED = "its sender stopped while the server had it; it may have arrived and is not sent again"


def is_gone(said: str) -> bool:
    """Whether a server's refusal means that this address will never work: no such mailbox, moved, not accepting.

    RFC 5321, 4.2.2 (550, 551, 553) and RFC 7504 (556); an enhanced code 5.7.x (RFC 3463) is about policy instead.
    """
    return _GONE.match(said) is not None


def purpose(*, transactional: bool) -> str:
    """What a viewer must not have refused."""
    return "transactional" if transactional else "marketing"


def retry_at(now: datetime, attempts: int) -> datetime:
    """30 s after the first try, twice as long after each further one, an hour at most."""
    return now + min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)


def is_last(attempts: int, allowed: int) -> bool:
    """Whether a message that was tried this often may not be tried again."""
    return attempts >= allowed
