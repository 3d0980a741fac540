"""When a viewer may be written to: his zone, quiet hours, and a time of day that is the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.days import zone as known

EARLIEST_ZONE = timedelta(hours=14)
"""Line Islands, UTC+14: nobody's clock is further ahead."""


@dataclass(frozen=True)
class Quiet:
    """Nothing is sent from `begin` until `end` on the viewer's clock; over midnight when `end` is the earlier one."""

    begin: time
    end: time

    def covers(self, clock: time) -> bool:
        """Whether a clock that shows this is within."""
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end


def quiet(said: str) -> Quiet | None:
    """`22:00-08:00`; an empty text is none, and so are hours that end when they begin."""
    if not said:
        return None
    begin, _, end = said.partition("-")
    hours = Quiet(time.fromisoformat(begin.strip()), time.fromisoformat(end.strip()))
    return None if hours.begin == hours.end else hours


def zone(said: str | None, default: str) -> tzinfo:
    """Where a viewer's clock is: what profile says of him, else the installation's zone. Both were looked at."""
    return (known(said) if said else None) or ZoneInfo(default)


def instant(local: datetime, where: tzinfo) -> datetime:
    """The instant at which the clock in this zone shows a local time.

    A time that the clock skips in spring is as much later as the clock jumps; of one that it shows twice in autumn the
    first counts (PEP 495, fold 0).
    """
    return local.replace(tzinfo=where, fold=0).astimezone(UTC)


def first(local: datetime) -> datetime:
    """The first instant at which any clock on earth shows this."""
    return local.replace(tzinfo=UTC) - EARLIEST_ZONE


def resume(now: datetime, where: tzinfo, hours: Quiet | None) -> datetime | None:
    """The first instant at which no quiet hours are; None when there are none now.

    Quiet is whenever the viewer's clock shows a time within the hours, also when it shows that time twice in a night.
    """
    if hours is None:
        return None
    local = now.astimezone(where)
    shown = local.time().replace(tzinfo=None)
    if not hours.covers(shown):
        return None
    day = local.date() if shown < hours.end else local.date() + timedelta(days=1)
    over = datetime.combine(day, hours.end, tzinfo=where).astimezone(UTC)
    if over.astimezone(where).utcoffset() == local.utcoffset():
        return over
    return _over_a_change(now.astimezone(UTC).replace(second=0, microsecond=0), where, hours)


@lru_cache(maxsize=4096)
def _over_a_change(minute: datetime, where: tzinfo, hours: Quiet) -> datetime:
    """The same in a night in which clocks are changed: minute by minute, since they jump over ends and into hours."""
    for _ in range(2 * 24 * 60):
        minute += timedelta(minutes=1)
        if not hours.covers(minute.astimezone(where).time().replace(tzinfo=None)):
            return minute
    return minute
