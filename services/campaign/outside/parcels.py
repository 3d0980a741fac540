"""What every provider is given, and the one thing that is known of its fate afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Fate(StrEnum):
    """What became of a message. Only `UNKNOWN` is unsure: it may have arrived; all but `ACCEPTED` surely did not."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LATER = "later"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """The fate of one message with the provider's own words."""

    fate: Fate
    said: str


@dataclass(frozen=True)
class Parcel:
    """A message ready to go. `key` is the same at every attempt: a provider that honours it sends it once.

    `raw` is the whole e-mail, where it is one.
    """

    key: str
    channel: str
    address: str
    subject: str | None
    body: str
    html: str | None = None
    link: str | None = None
    raw: bytes = b""


class Provider(Protocol):
    """Where messages of a channel are handed over."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Hand one over. Never raises for what a provider or the network does."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...
