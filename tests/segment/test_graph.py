"""Pure rules of segments: order and circles, blocks, and what is different between two rules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from services.segment.rules import blocks, graph
from services.segment.rules.diff import differences
from shared.contracts import PARTITIONS, partition_of

KEYS = "abcdef"
# Every key asks only earlier ones, so there is no circle.
ACYCLIC = st.fixed_dictionaries(
    {key: st.sets(st.sampled_from(KEYS[:place])) if place else st.just(set()) for place, key in enumerate(KEYS)}
)
ANY = st.fixed_dictionaries({key: st.sets(st.sampled_from(KEYS)) for key in KEYS})


def reachable(key: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[key])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(edges[one])
    return found


@given(ACYCLIC)
def test_each_comes_after_those_it_asks(edges: dict[str, set[str]]) -> None:
    order = graph.order(edges)
    assert sorted(order) == list(KEYS)
    for key, asked in edges.items():
        assert all(order.index(one) < order.index(key) for one in asked)


@given(ANY)
def test_a_circle_is_found_with_its_way(edges: dict[str, set[str]]) -> None:
    for key in KEYS:
        way = graph.circle(key, edges)
        assert (way is not None) is (key in reachable(key, edges))
        if way is not None:
            assert way[0] == way[-1] == key
            assert all(following in edges[one] for one, following in pairwise(way))


@given(ANY)
def test_dependents_are_those_who_reach_it(edges: dict[str, set[str]]) -> None:
    for key in KEYS:
        assert graph.dependents([key], edges) == {one for one in KEYS if key in reachable(one, edges)}


@given(ACYCLIC)
def test_a_rule_has_the_parts_of_all_it_asks(edges: dict[str, set[str]]) -> None:
    def parts(key: str) -> int:
        return 1 + sum(parts(one) for one in edges[key])

    assert {key: graph.size(key, edges, dict.fromkeys(KEYS, 1)) for key in KEYS} == {key: parts(key) for key in KEYS}


@given(st.integers(0, 2**31))
def test_a_block_is_of_one_partition_and_gives_its_ids_back(profile_id: int) -> None:
    block = blocks.block_of(profile_id)
    assert blocks.ids(block, [blocks.place_of(profile_id)]) == [profile_id]
    assert block % PARTITIONS == partition_of(profile_id)
    assert blocks.first_block(profile_id) <= block < blocks.first_block(profile_id) + PARTITIONS
    assert blocks.block_of(profile_id + PARTITIONS * blocks.SPAN) == block + PARTITIONS


def test_a_full_block_is_small() -> None:
    assert len(blocks.pack(BitMap(range(5 * blocks.SPAN, 6 * blocks.SPAN)))) == 15
    assert blocks.unpack(None) == BitMap()


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one, where true is not 1 and what is absent is null."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(name), other.get(name)) for name in one.keys() | other.keys())
    if isinstance(one, list) and isinstance(other, list):
        longest = max(len(one), len(other))
        padded = [[*side, *[None] * (longest - len(side))] for side in (one, other)]
        return all(same(left, right) for left, right in zip(*padded, strict=True))
    return type(one) is type(other) and bool(one == other)


@given(JSON, JSON)
def test_differences_are_where_values_differ(one: Any, other: Any) -> None:
    found = list(differences(one, other))
    assert bool(found) is not same(one, other)
    for difference in found:
        for side, value in ((one, difference.before), (other, difference.after)):
            there: Any = side
            for step in difference.path:
                if isinstance(there, dict):
                    there = there.get(str(step))
                else:
                    there = there[int(step)] if isinstance(there, list) and int(step) < len(there) else None
            assert same(there, value)
