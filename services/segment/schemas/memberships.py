"""Shapes of members and of how they came to be, at the HTTP door."""

from __future__ import annotations

from datetime import date, datetime

from shared.schemas import Output


class MemberOutput(Output):
    """A member, since when, and what made him one; both are absent when it was before the log begins."""

    profile_id: int
    since: datetime | None
    cause: str | None


class Day(Output):
    """One day: how many were in at its end, and how many entered and left in it."""

    day: date
    size: int
    entered: int
    left: int


class History(Output):
    """A segment by day, up to today; days are those of `zone`, the installation's.

    Members as of an instant can be asked for from `log_from` on.
    """

    key: str
    zone: str
    days: list[Day]
    log_from: datetime
