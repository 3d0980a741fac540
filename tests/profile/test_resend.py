"""A message that comes again within 30 days is the same message, also across the border of a storage month."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.profile.store import events
from shared.contracts import EventRecorded, Fact
from tests.profile.samples import call

Take = Callable[..., Awaitable[list[Fact]]]

BORDER = datetime(2026, 5, 1, tzinfo=UTC)


def recorded(told: list[Fact]) -> list[str]:
    """Ids of the events that were recorded."""
    return [fact.event_id for fact in told if isinstance(fact, EventRecorded)]


@pytest.mark.parametrize("apart", [timedelta(seconds=2), timedelta(days=1), timedelta(days=29, hours=23)])
@pytest.mark.parametrize("first", [BORDER - timedelta(seconds=1), BORDER + timedelta(hours=3)])
async def test_a_resend_in_another_month_is_the_same_message(take: Take, first: datetime, apart: timedelta) -> None:
    """Whether the second sending looks later or earlier than the first, and whatever else it says."""
    assert recorded(await take(call(user_id="u1", message_id="m", time=first))) == ["m"]
    for moved in (first + apart, first - apart):
        told = await take(call(user_id="u2", anonymous_id="a2", message_id="m", time=moved), call(user_id="u1"))
        assert "m" not in recorded(told)
        assert not [fact for fact in told if getattr(fact, "value", None) in ("u2", "a2")], "it links nobody"


async def test_the_short_february_hides_nothing(take: Take) -> None:
    """From the first of March the 30 days reach back into January, over all of February."""
    await take(call(user_id="u1", message_id="m", time=datetime(2026, 1, 30, 12, tzinfo=UTC)))
    assert recorded(await take(call(user_id="u1", message_id="m", time=datetime(2026, 3, 1, 6, tzinfo=UTC)))) == []
    await take(call(user_id="u1", message_id="n", time=datetime(2026, 2, 10, tzinfo=UTC)))
    assert recorded(await take(call(user_id="u1", message_id="n", time=datetime(2026, 3, 2, tzinfo=UTC)))) == []


async def test_after_30_days_an_id_may_come_again(take: Take) -> None:
    """Some clients count their messages from one after each start."""
    early, late = BORDER - timedelta(days=20), BORDER + timedelta(days=20)
    assert recorded(await take(call(user_id="u1", message_id="1", time=early))) == ["1"]
    assert recorded(await take(call(user_id="u1", message_id="1", time=late))) == ["1"]


async def test_one_batch_holds_a_message_once(take: Take) -> None:
    """Also when its two sendings fall into different months."""
    told = await take(
        call(user_id="u1", message_id="m", time=BORDER - timedelta(minutes=1)),
        call(user_id="u1", message_id="m", time=BORDER + timedelta(minutes=1)),
        call(user_id="u1", message_id="m", time=BORDER + timedelta(days=40)),
    )
    assert recorded(told) == ["m", "m"]


def test_the_promise_is_thirty_days() -> None:
    """What the documents say."""
    assert timedelta(days=30) == events.REMEMBERED
