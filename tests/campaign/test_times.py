"""The viewer's clock: quiet hours over midnight and changes of clocks, the same time of day for everybody."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.campaign.rules import times
from services.campaign.rules.times import Quiet

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/St_Johns",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Sao_Paulo",
)
MINUTES = st.times().map(lambda one: one.replace(second=0, microsecond=0))
# Nights in which clocks are changed come up often: the last weeks of March, October and the first of November.
INSTANTS = st.datetimes(datetime(2018, 1, 1), datetime(2030, 1, 1)) | st.datetimes(
    datetime(2026, 10, 20),
    datetime(2026, 11, 5),
)


def is_quiet(at: datetime, zone: ZoneInfo, hours: Quiet) -> bool:
    """Said another way: minutes since `begin`, around the clock."""
    shown = at.astimezone(zone)
    minutes = shown.hour * 60 + shown.minute
    begin, end = hours.begin.hour * 60 + hours.begin.minute, hours.end.hour * 60 + hours.end.minute
    return (minutes - begin) % 1440 < (end - begin) % 1440


@given(INSTANTS, st.sampled_from(ZONES), MINUTES, MINUTES)
def test_quiet_hours_are_over_at_the_first_minute_that_is_not_quiet(
    naive: datetime, name: str, begin: time, end: time
) -> None:
    assume(begin != end)
    now, zone, hours = naive.replace(tzinfo=UTC), ZoneInfo(name), Quiet(begin, end)
    over = times.resume(now, zone, hours)
    if not is_quiet(now, zone, hours):
        assert over is None
        return
    assert over is not None
    assert over > now
    assert not is_quiet(over, zone, hours)
    minute = now.replace(second=0, microsecond=0)
    while minute < over:
        assert is_quiet(minute, zone, hours)
        minute += timedelta(minutes=1)


@pytest.mark.parametrize(
    ("now", "hours", "over"),
    [
        ("2026-06-01T22:30:00+02:00", "22:00-08:00", "2026-06-02T08:00:00+02:00"),
        ("2026-06-02T07:59:59+02:00", "22:00-08:00", "2026-06-02T08:00:00+02:00"),
        ("2026-06-02T08:00:00+02:00", "22:00-08:00", None),
        ("2026-06-02T13:00:00+02:00", "12:00-14:00", "2026-06-02T14:00:00+02:00"),
        ("2026-03-29T01:30:00+01:00", "22:00-02:30", "2026-03-29T03:00:00+02:00"),  # 02:30 is never shown
        ("2026-03-28T23:00:00+01:00", "22:00-08:00", "2026-03-29T08:00:00+02:00"),  # an hour shorter
        ("2026-10-24T23:00:00+02:00", "22:00-08:00", "2026-10-25T08:00:00+01:00"),  # an hour longer
        ("2026-10-25T02:15:00+02:00", "02:00-02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T02:15:00+01:00", "02:00-02:30", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_quiet_hours_in_berlin(now: str, hours: str, over: str | None) -> None:
    found = times.resume(datetime.fromisoformat(now), ZoneInfo("Europe/Berlin"), times.quiet(hours))
    assert found == (None if over is None else datetime.fromisoformat(over))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES))
def test_a_local_time_is_what_the_clock_shows_then(local: datetime, name: str) -> None:
    local = local.replace(second=0, microsecond=0)
    found = times.instant(local, ZoneInfo(name))
    shown = found.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    # What the clock skips comes as much later as the clock jumps; Samoa once skipped a day, long before.
    assert shown == local or timedelta(0) < shown - local <= timedelta(hours=1)
    assert found >= times.first(local)


def test_a_zone_is_the_viewers_where_it_is_one() -> None:
    for said, is_ in (("Asia/Tokyo", "Asia/Tokyo"), ("Mars/Base", "UTC"), ("../etc", "UTC"), (None, "UTC")):
        assert times.zone(said, "UTC") == ZoneInfo(is_)
    assert times.zone("-03:30", "UTC").utcoffset(None) == timedelta(hours=-3, minutes=-30)
