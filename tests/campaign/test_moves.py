"""Messages follow their viewers through merges and splits, and nobody is written to twice for one occasion."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from services.campaign.actions import messages, moves
from services.campaign.rules.moves import Row, settle
from services.campaign.tables import messages as table
from shared.contracts import EventRecorded, Fact, ProfileMerged, ProfileSplit, SegmentChanged
from tests.campaign.samples import NOW, body, entered, event
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
ACTIONS: dict[type[Fact], Callable[..., Any]] = {
    ProfileMerged: moves.merge,
    ProfileSplit: moves.split,
    SegmentChanged: messages.on_segment,
    EventRecorded: messages.on_event,
}


def merged(gone: int, into: int, *origins: str, move: int = 1) -> ProfileMerged:
    return ProfileMerged(from_id=gone, into_id=into, origins=list(origins), move=move, at=NOW)


def split(left: int, into: int, *origins: str, move: int = 2) -> ProfileSplit:
    return ProfileSplit(from_id=left, into_id=into, origins=list(origins), move=move, at=NOW)


def row(id: int, state: str, profile_id: int, home: int = 9) -> Row:
    return Row(id, 1, "message", "o", state, profile_id, home)


@pytest.mark.parametrize(
    ("rows", "repoint", "skip"),
    [
        ([row(1, "planned", 7)], {1: 9}, []),
        ([row(1, "planned", 7), row(2, "planned", 9)], {}, [2]),
        ([row(1, "accepted", 7), row(2, "planned", 9)], {}, [2]),
        ([row(1, "planned", 7), row(2, "calling", 9)], {}, [1]),
        ([row(1, "planned", 7), row(2, "unknown", 8)], {2: 9}, [1]),
        ([row(1, "failed", 7), row(2, "planned", 8)], {2: 9}, []),
        ([row(1, "accepted", 7), row(2, "accepted", 9)], {}, []),
        ([row(1, "skipped", 7), row(2, "failed", 8)], {1: 9}, []),
        ([row(1, "planned", 9)], {}, []),
    ],
)
def test_one_message_per_viewer_and_occasion(rows: list[Row], repoint: dict[int, int], skip: list[int]) -> None:
    settled = settle(rows)
    assert (settled.repoint, settled.skip) == (repoint, skip)


async def started(home: Running, key: str, trigger: dict[str, str]) -> None:
    """A running campaign that plans and sends nothing by itself: it has no mail server."""
    answer = await home.client.put(f"/v1/campaigns/{key}", json=body(trigger))
    assert answer.is_success, answer.text
    assert (await home.client.post(f"/v1/campaigns/{key}/start")).is_success


async def take(home: Running, *facts: Fact) -> None:
    for fact in facts:
        async with home.db.transaction() as session:
            await ACTIONS[type(fact)](session, [fact])


async def viewers(home: Running) -> list[tuple[int, str]]:
    async with home.db.transaction() as session:
        rows = await session.execute(select(table.c.profile_id, table.c.state).order_by(table.c.id))
        return [(one.profile_id, one.state) for one in rows]


async def test_messages_go_along_and_come_back(campaign: Campaign) -> None:
    home = await campaign(smtp_url="")
    await started(home, "thanks", {"segment_entered": "likers"})
    await started(home, "liked", {"event": "Content Liked"})
    await take(home, entered(1), entered(2), event(1, "e1"))
    assert await viewers(home) == [(1, "planned"), (2, "planned"), (1, "planned")]
    # Two entries at one time are two occasions of one name: the older message stays, the other is called off.
    await take(home, merged(1, 2, "user_id:u1"))
    assert await viewers(home) == [(1, "planned"), (2, "skipped"), (2, "planned")]


async def test_a_late_fact_of_the_old_id_lands_with_the_new_one_and_is_sent_once(campaign: Campaign) -> None:
    home = await campaign(smtp_url="")
    await started(home, "thanks", {"segment_entered": "likers"})
    await take(home, merged(1, 2, "user_id:u1"), merged(2, 3, "user_id:u1", "user_id:u2", move=5))
    await take(home, entered(1), entered(2))
    assert await viewers(home) == [(3, "planned")]
    await take(home, split(3, 1, "user_id:u1", move=6), entered(1, minute=1))
    assert await viewers(home) == [(1, "planned"), (1, "planned")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_any_order_of_moves_ends_the_same(campaign: Campaign, order: tuple[int, ...]) -> None:
    home = await campaign(smtp_url="")
    await started(home, "liked", {"event": "Content Liked"})
    await started(home, "thanks", {"segment_entered": "likers"})
    await take(home, event(1, "e1"), event(2, "e2"), entered(1))
    facts = [
        merged(1, 2, "user_id:u1", move=1),
        split(2, 1, "user_id:u1", move=2),
        merged(2, 4, "user_id:u2", move=3),
    ]
    await take(home, *(facts[place] for place in order))
    assert await viewers(home) == [(1, "planned"), (4, "planned"), (1, "planned")]


async def test_what_was_sent_is_not_sent_again(campaign: Campaign) -> None:
    home = await campaign(smtp_url="")
    await started(home, "thanks", {"segment_entered": "likers"})
    await take(home, entered(1))
    async with home.db.transaction() as session:
        await session.execute(update(table).values(state="accepted"))
    await take(home, entered(2), merged(1, 2, "user_id:u1"))
    assert await viewers(home) == [(1, "accepted"), (2, "skipped")]
    await take(home, entered(1))
    assert await viewers(home) == [(1, "accepted"), (2, "skipped")]


async def test_they_are_heard(campaign: Campaign) -> None:
    home = await campaign(smtp_url="")
    await started(home, "liked", {"event": "Content Liked"})
    await home.tell(event(1, "e1"), merged(1, 2, "user_id:u1"))

    async def moved() -> None:
        assert await viewers(home) == [(2, "planned")]

    await eventually(moved)
    await home.tell(split(2, 1, "user_id:u1"))

    async def back() -> None:
        assert await viewers(home) == [(1, "planned")]

    await eventually(back)
