"""The most popular items of each kind, best first, ready to be told."""

from __future__ import annotations

from collections.abc import Iterable

from shared.contracts import Recommended


class Popular:
    """Lists by kind, and one of all kinds. `changed` says that events or items came in since the last refresh."""

    def __init__(self) -> None:
        self.changed = True
        self._rest_until = 0.0
        self._lists: dict[str | None, list[Recommended]] = {}

    def due(self, now: float) -> bool:
        """Whether there is something new and the last ranking is long enough ago (monotonic seconds)."""
        return self.changed and now >= self._rest_until

    def rest(self, *, until: float) -> None:
        """Do not rank again before then."""
        self._rest_until = until

    def replace(self, ranked: Iterable[Recommended]) -> None:
        """Take over items that come best first."""
        lists: dict[str | None, list[Recommended]] = {None: []}
        for item in ranked:
            lists[None].append(item)
            lists.setdefault(item.kind, []).append(item)
        self._lists = lists

    def best(self, *, kind: str | None, limit: int, without: str | None) -> list[Recommended]:
        """At most `limit` items of a kind (None: any), without the one that is watched now."""
        found: list[Recommended] = []
        for item in self._lists.get(kind, []):
            if len(found) == limit:
                break
            if item.item_id != without:
                found.append(item)
        return found
