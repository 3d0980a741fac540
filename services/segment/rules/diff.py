"""What is different between two rules, as places in their JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One place where two rules differ; what is absent on a side is None there."""

    path: tuple[str | int, ...]
    before: Any
    after: Any


def differences(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    """Every deepest place that differs. Parts of a list are compared by their places, as operators read them."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(one for one in after if one not in before)]:
            yield from differences(before.get(name), after.get(name), (*path, name))
    elif isinstance(before, list) and isinstance(after, list):
        for place in range(max(len(before), len(after))):
            one, other = (side[place] if place < len(side) else None for side in (before, after))
            yield from differences(one, other, (*path, place))
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Difference(path, before, after)
