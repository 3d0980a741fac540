"""Ids follow merges and splits, whatever order the facts of two profiles come in, and memory forgets at once."""

from __future__ import annotations

import itertools

import pytest

from services.recommend.actions import viewers
from shared.contracts import IdentityLinked
from tests.harness.houses import Running
from tests.recommend.words import linked, moved


def later(profile_id: int, namespace: str, value: str, move: int) -> IdentityLinked:
    return IdentityLinked(profile_id=profile_id, namespace=namespace, value=value, move=move)


async def take(running: Running, *facts: IdentityLinked) -> None:
    for fact in facts:
        async with running.db.transaction() as session:
            await viewers.link(session, [fact])


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("together", [True, False])
async def test_the_latest_move_counts_in_any_order(
    shared_house: Running, order: tuple[int, ...], *, together: bool
) -> None:
    name = f"{order}{together}"
    facts = [later(10 + move, "anonymous_id", name, move) for move in range(4)]
    shuffled = [facts[place] for place in order]
    if together:
        async with shared_house.db.transaction() as session:
            await viewers.link(session, shuffled)
    else:
        await take(shared_house, *shuffled)
    found = await viewers.find(shared_house.house, user_id=None, anonymous_id=name)
    assert found.profile_id == 13


async def test_a_merge_and_a_split_change_what_is_remembered(running: Running) -> None:
    """Whether a profile is named changes for ids that did not move, too."""
    await take(running, linked(1, "anonymous_id", "phone"), linked(1, "anonymous_id", "tablet"))
    await take(running, linked(2, "user_id", "u2"))
    async with running.db.transaction() as session:
        await viewers.move(session, [moved("likers", entered=(2,))])

    async def who(name: str) -> tuple[int | None, bool, frozenset[str]]:
        found = await viewers.find(running.house, user_id=None, anonymous_id=name)
        return found.profile_id, found.named, found.segments

    nobody: frozenset[str] = frozenset()
    assert await who("phone") == await who("tablet") == (1, False, nobody)
    await take(running, later(2, "anonymous_id", "phone", 1), later(2, "anonymous_id", "tablet", 1))
    assert await who("phone") == await who("tablet") == (2, True, frozenset({"likers"}))
    await take(running, later(1, "user_id", "u2", 2))
    assert await who("tablet") == (2, False, frozenset({"likers"}))
    await take(running, later(1, "anonymous_id", "phone", 3))
    assert await who("phone") == (1, True, nobody)
    # An older fact that was read late changes nothing.
    await take(running, linked(9, "anonymous_id", "phone"))
    assert await who("phone") == (1, True, nobody)
