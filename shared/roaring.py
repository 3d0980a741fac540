"""Profile ids of one partition as a Roaring bitmap, as facts about many viewers carry them.

A bitmap holds `profile_id // PARTITIONS` in the portable format of Roaring (its specification is RoaringFormatSpec);
the partition is the fact's. Ids are dense, so a partition's are too, and thousands of neighbours take a few bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import BitMap

from shared.contracts import PARTITIONS, SegmentChanged


def pack(profile_ids: Iterable[int]) -> bytes:
    """Ids of one partition; nothing for none."""
    places = BitMap([one // PARTITIONS for one in profile_ids])
    if not places:
        return b""
    places.run_optimize()
    return places.serialize()


def unpack(data: bytes, part: int) -> list[int]:
    """The ids, ascending. Raises ValueError where the bytes are no bitmap."""
    return [place * PARTITIONS + part for place in BitMap.deserialize(data)] if data else []


def entered(fact: SegmentChanged) -> list[int]:
    """Everyone who entered, however the fact says it."""
    return [*fact.entered, *unpack(fact.entered_roaring, fact.part)]


def left(fact: SegmentChanged) -> list[int]:
    """Everyone who left, however the fact says it."""
    return [*fact.left, *unpack(fact.left_roaring, fact.part)]
