"""All placements with their creatives, arranged for choosing."""

from __future__ import annotations

from collections.abc import Mapping

from services.recommend.rules.creatives import Placement


class Catalogue:
    """Placements by key, each with the revision it stands at; a lower revision never replaces a higher one."""

    def __init__(self) -> None:
        self._placements: dict[str, tuple[int, Placement | None]] = {}
        self._touched = 0

    def get(self, key: str) -> Placement | None:
        """The placement as it is now, or None when there is none of that name."""
        known = self._placements.get(key)
        return known[1] if known else None

    def put(self, key: str, revision: int, placement: Placement | None) -> None:
        """The placement changed, or is gone (None)."""
        known = self._placements.get(key)
        if known is None or known[0] < revision:
            self._placements[key] = (revision, placement)
            self._touched += 1

    @property
    def touched(self) -> int:
        """Rises with every `put`: what `replace` compares to notice a change during its read."""
        return self._touched

    def replace(self, placements: Mapping[str, tuple[int, Placement]], *, touched: int) -> bool:
        """Take over a read of everything, begun when `touched` was so; False when something changed meanwhile."""
        if touched != self._touched:
            return False
        self._placements = dict(placements)
        return True
