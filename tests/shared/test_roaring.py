"""Ids of one partition as bitmaps: the same comes out, and neighbours take few bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.campaign.rules import occasions
from shared import clock, roaring
from shared.contracts import PARTITIONS, SegmentChanged


@given(st.integers(0, PARTITIONS - 1), st.sets(st.integers(0, 2**28 - 1), max_size=50))
def test_what_is_packed_comes_out_again(part: int, places: set[int]) -> None:
    ids = sorted(place * PARTITIONS + part for place in places)
    assert roaring.unpack(roaring.pack(ids), part) == ids


def test_a_million_neighbours_are_small() -> None:
    assert len(roaring.pack(range(PARTITIONS, 1_000_000, PARTITIONS))) < 100


def test_lists_and_bitmaps_add_up_for_whoever_reads_them() -> None:
    part = 3
    fact = SegmentChanged(
        key="k",
        version=1,
        part=part,
        cause="rule",
        at=clock.now(),
        entered=[part],
        entered_roaring=roaring.pack([PARTITIONS + part]),
        left_roaring=roaring.pack([2 * PARTITIONS + part]),
    )
    assert (roaring.entered(fact), roaring.left(fact)) == ([3, 19], [35])
    moved = occasions.moved([fact])
    assert [one for one, _ in moved["segment_entered", "k"]] == [3, 19]
    assert [one for one, _ in moved["segment_left", "k"]] == [35]
