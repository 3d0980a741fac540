"""What campaign tells about the messages it plans and sends."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from shared.contracts.wire import Fact


class MessageFact(Fact, frozen=True, kw_only=True):
    """The fields every message fact has. `occasion` is the fact that triggered it, or `once`."""

    owner: ClassVar[str] = "campaign"

    message_id: int
    campaign: str
    step: str
    profile_id: int
    channel: str
    occasion: str
    at: datetime
    reason: str | None = None


class MessagePlanned(MessageFact, frozen=True, kw_only=True):
    """A message has its row: from here on it is sent once or its one reason is visible."""

    kind: ClassVar[str] = "message.planned.v1"


class MessageSent(MessageFact, frozen=True, kw_only=True):
    """The provider accepted it."""

    kind: ClassVar[str] = "message.sent.v1"


class MessageFailed(MessageFact, frozen=True, kw_only=True):
    """It was not sent, or nobody can know whether it was; `reason` says which."""

    kind: ClassVar[str] = "message.failed.v1"


class MessageOpened(MessageFact, frozen=True, kw_only=True):
    """Its viewer opened it, for the first time."""

    kind: ClassVar[str] = "message.opened.v1"


class MessageClicked(MessageFact, frozen=True, kw_only=True):
    """Its viewer followed a link in it, for the first time."""

    kind: ClassVar[str] = "message.clicked.v1"
