"""What every provider is given, and the one thing that is known of its fate afterwards."""

from __future__ import annotations

from collections.abc import Callable
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
    UNBEGUN = "unbegun"


class Stage(StrEnum):
    """What a provider had been told when it refused: who sends, to whom, or the whole message."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


@dataclass(frozen=True)
class Outcome:
    """The fate of one message with the provider's own words; of a refusal also how far it had come."""

    fate: Fate
    said: str
    stage: Stage = Stage.CONTENT


UNBEGUN = Outcome(Fate.UNBEGUN, "")


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


def always() -> bool:
    """Of a message that may be handed over whenever a connection is free."""
    return True


class Provider(Protocol):
    """Where messages of a channel are handed over."""

    async def deliver(self, parcel: Parcel, may: Callable[[], bool] = always) -> Outcome:
        """Hand one over. Never raises for what a provider or the network does.

        `may` is asked when a connection is free, before a word is said: if it says no, the message has not begun.
        """
        ...

    async def close(self) -> None:
        """Leave."""
        ...
