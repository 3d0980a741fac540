"""What becomes of a message after each thing that can happen to it, and when it is tried again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
OUTAGE_RETRY = timedelta(seconds=5)
"""Profile or the SMTP server is away: nobody's message is at fault, so no attempt is counted and the wait is short."""
CLOSED_RETRY = timedelta(minutes=1)
"""A provider takes nothing from us: somebody must set that right, so nothing is lost by asking seldom."""

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

CRASHED = "its sender stopped while the server had it; it may have arrived and is not sent again"
NO_SERVER = "no SMTP server is configured: set MARQUEE_SMTP_URL"

FRESH_SECONDS = 4.0
"""A message that has not begun so long after its viewer's consent was read is given back, and he is asked again."""
SET_SECONDS = 1.5
"""A set is as large as a provider takes in this time: so much may be unsure after a crash, and little is given back."""

_NO_MAILBOX = re.compile(r"\b5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
"""Enhanced codes (RFC 3463, RFC 7505) of addresses that will never work: no such mailbox or host, moved, disabled."""
_OTHER_CODE = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")
_NO_MAILBOX_WORDS = re.compile(
    r"(?:user|mailbox|recipient|account|address)\b.{0,60}?\b(?:unknown|unavailable|disabled|inactive|not found|invalid"
    r"|no longer|(?:does|do) ?(?:not|n.t) exist|not exist)"
    r"|\b(?:no such|unknown|invalid|bad|non-?existent)\b.{0,20}?\b(?:user|mailbox|recipient|account|address|here)",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN_GONE = re.compile(r"\s*55[0136]\b")
_OUR_CODE = re.compile(r"\b5\.1\.[78]\b")
_OUR_WORDS = re.compile(
    r"\bsender\b|\bclient host\b|\bh?ehlo\b|\bhelo\b|authenticat|not logged in|\byour (?:ip|host|server|domain)\b",
    re.IGNORECASE,
)
_RELAY = re.compile(r"\brelay", re.IGNORECASE)


class Blame(StrEnum):
    """Whose fault a provider's refusal is: the message's, its address's, or ours, who may not send at all."""

    MESSAGE = "message"
    ADDRESS = "address"
    OURS = "ours"
    RELAY = "relay"


def blame(stage: str, said: str) -> Blame:
    """Whose fault a refusal for good is, by how far the provider was told (`sender`, `recipient`, `content`).

    Only a refused recipient can mean that his mailbox is gone. Many servers hold back what they think of the sender
    until a recipient is named: those words are about us. A relay may be denied for one domain alone: it is tried again.
    """
    if stage == "sender":
        return Blame.OURS
    if stage != "recipient":
        return Blame.MESSAGE
    if is_gone(said):
        return Blame.ADDRESS
    if _OUR_CODE.search(said) or _OUR_WORDS.search(said):
        return Blame.OURS
    return Blame.RELAY if _RELAY.search(said) else Blame.MESSAGE


def is_gone(said: str) -> bool:
    """Whether a refused recipient, or a bounce, means that this address will never work.

    The enhanced code decides where there is one. Without it the words must speak of the mailbox: plain 550 is also what
    servers say to senders and messages they dislike (RFC 5321, 4.2.2). 556 is a domain without mail (RFC 7504).
    """
    if _NO_MAILBOX.search(said):
        return True
    if _OTHER_CODE.search(said) or not _PLAIN_GONE.match(said) or _OUR_WORDS.search(said) or _RELAY.search(said):
        return False
    return said.lstrip().startswith("556") or _NO_MAILBOX_WORDS.search(said) is not None


def set_size(pace: float | None, *, least: int, most: int) -> int:
    """How many messages a lane takes at once from a provider of this many per second; at first as many as may be."""
    return most if pace is None else max(1, least, min(most, math.ceil(pace * SET_SECONDS)))


def pauses(seconds: float) -> Iterator[float]:
    """Waits between tries to write down what a provider did, ever longer, for so many seconds altogether."""
    pause, waited = 0.05, 0.0
    while waited < seconds:
        yield pause
        waited += pause
        pause = min(2 * pause, 2.0)


def purpose(*, transactional: bool) -> str:
    """What a viewer must not have refused."""
    return "transactional" if transactional else "marketing"


def retry_at(now: datetime, attempts: int) -> datetime:
    """30 s after the first try, twice as long after each further one, an hour at most."""
    return now + min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LONGEST_RETRY)


def is_last(attempts: int, allowed: int) -> bool:
    """Whether a message that was tried this often may not be tried again."""
    return attempts >= allowed
