"""When an event happened, by our clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.rules.events.refusals import Refused
from gateway.rules.events.shapes import Sent

OLDEST = datetime(2005, 1, 1, tzinfo=UTC)
"""Nothing happened on the platform before this: such a time is a mistake, seconds for milliseconds above all."""

FUTURE = timedelta(hours=24)
"""How far ahead of us an event may claim to be, after the correction of the client's clock."""

SKEW = timedelta(seconds=60)
"""A clock that differs by less is right: the difference is the way here, and a resend keeps its time."""


def happened(sent: Sent, sent_at: datetime | None, received_at: datetime) -> datetime:
    """The time of the event by our clock: the client's, moved by how much his clock is off (over a minute only)."""
    field = "timestamp" if sent.timestamp is not None else "originalTimestamp"
    told = instant(sent.timestamp if sent.timestamp is not None else sent.original_timestamp, field)
    if told is None:
        return received_at
    sent_at = instant(sent.sent_at, "sentAt") or sent_at
    try:
        if sent_at is not None and abs(received_at - sent_at) > SKEW:
            told += received_at - sent_at
    except OverflowError as error:
        raise Refused(400, "invalid_time", f"{field} is not a time", field=field) from error
    if told > received_at + FUTURE:
        raise Refused(400, "time_in_future", f"{field} is more than 24 hours in the future", field=field)
    if told < OLDEST:
        raise Refused(400, "time_too_old", f"{field} is before 2005 (epoch times are in milliseconds)", field=field)
    return told


def instant(told: str | float | None, field: str) -> datetime | None:
    """ISO 8601 text or milliseconds since 1970, as an aware UTC instant; text without an offset is UTC."""
    if told is None:
        return None
    try:
        if isinstance(told, str):
            read = datetime.fromisoformat(told)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        return datetime.fromtimestamp(told / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(
            400, "invalid_time", f"{field} must be ISO 8601 or milliseconds since 1970", field=field
        ) from error
