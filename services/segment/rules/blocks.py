"""Blocks: members as bitmaps, cut so that whoever works on one partition of facts never meets another partition's.

A block holds what is true of 1,024 profile ids that are neighbours among the ids of one partition: id = place *
PARTITIONS + partition, block = place // 1,024 * PARTITIONS + partition. A bitmap holds places, which are dense whatever
the number of partitions is, so a full block is 15 bytes and a mixed one at most 128 and a header.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from shared.contracts import PARTITIONS

SPAN = 1024
"""Places of one block."""

GROUP = SPAN * PARTITIONS
"""Neighbouring profile ids whose blocks are numbered one after the other: blocks of one group before the next one's."""


Ids = TypeVar("Ids", int, npt.NDArray[np.int64])
"""One profile id, or an array of many."""


def block_of(profile_id: Ids) -> Ids:
    """The block a viewer is in."""
    return profile_id // GROUP * PARTITIONS + profile_id % PARTITIONS


def place_of(profile_id: Ids) -> Ids:
    """The bit that stands for a viewer in the bitmaps of his block."""
    return profile_id // PARTITIONS


def ids(block: int, places: Iterable[int]) -> list[int]:
    """The profile ids of these places of a block, in their order."""
    part = block % PARTITIONS
    return [place * PARTITIONS + part for place in places]


def everyone(stored: Iterable[tuple[int, bytes]]) -> BitMap:
    """The profile ids of stored bitmaps, by block, as one bitmap: some hundred kilobytes of a million."""
    found = BitMap()
    for block, bitmap in stored:
        places = np.frombuffer(unpack(bitmap).to_array(), dtype=np.uint32)
        found |= BitMap(places * np.uint32(PARTITIONS) + np.uint32(block % PARTITIONS))
    return found


def first_block(profile_id: int) -> int:
    """The lowest block that can hold this or a higher profile id."""
    return profile_id // GROUP * PARTITIONS


def unpack(data: bytes | None) -> BitMap:
    """A stored bitmap; an empty one of nothing."""
    return BitMap.deserialize(data) if data else BitMap()


def pack(bitmap: BitMap) -> bytes:
    """A bitmap to be stored, in the portable format of Roaring."""
    bitmap.run_optimize()
    return bitmap.serialize()
