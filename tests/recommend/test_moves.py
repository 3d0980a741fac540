"""Ids follow merges and splits, whatever order the facts of two profiles come in, and memory forgets at once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.recommend.actions import viewers
from services.recommend.store import decisions
from shared.contracts import IdentityLinked
from tests.harness.houses import Running
from tests.recommend.words import linked, moved

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


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


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_what_was_decided_goes_where_the_ids_go(shared_house: Running, order: tuple[int, ...]) -> None:
    """A phone merged into two viewers in turn; its decisions are the last one's, and the user's own stay his."""
    name = f"banner{order}"
    first, second, third = (100 * place + sum(10**n * one for n, one in enumerate(order)) for place in (10, 20, 30))
    await take(shared_house, linked(first, "anonymous_id", name), linked(third, "user_id", name))
    lines = [(uuid4(), NOW, first, None, name, "[]"), (uuid4(), NOW, third, name, name, "[]")]

    async def of(profile_id: int) -> list[str]:
        async with shared_house.db.transaction() as session:
            return sorted(str(row.id) for row in await decisions.of_viewer(session, profile_id, 10))

    async with shared_house.db.transaction() as session:
        await decisions.write(session, lines)
    his, hers = ([str(line[0])] for line in lines)
    assert (await of(first), await of(second), await of(third)) == (his, [], hers)
    moves = [later(into, "anonymous_id", name, move) for move, into in enumerate((second, third, second), 1)]
    await take(shared_house, *(moves[place] for place in order))
    assert (await of(first), await of(second), await of(third)) == ([], his, hers)
    # Un-merged, and what memory had not heard of yet when it decided.
    await take(shared_house, later(first, "anonymous_id", name, 4))
    late = (uuid4(), NOW, second, None, name, "[]")
    async with shared_house.db.transaction() as session:
        await decisions.write(session, [late])
    assert (await of(first), await of(second)) == (sorted([*his, str(late[0])]), [])
