"""Which edition of a campaign somebody has seen, so that the last of two editors does not undo the first (RFC 9110)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ANY = "*"


@dataclass(frozen=True)
class Condition:
    """The headers If-Match and If-None-Match of a change; each may be absent."""

    match: str | None = None
    none_match: str | None = None

    @property
    def wants_new(self) -> bool:
        """Whether only a new campaign may come of it."""
        return self.none_match is not None and ANY in _named(self.none_match)

    def admits(self, present: str | None) -> bool:
        """Whether the edition that is there (None: there is none) is one that may be changed."""
        if self.match is not None and (present is None or not {ANY, present} & _named(self.match)):
            return False
        return self.none_match is None or present is None or not {ANY, present} & _named(self.none_match)


def tag(version: int, updated_at: datetime) -> str:
    """The ETag of an edition: whatever an operator does makes another one, what messages do makes none."""
    return f'"{version}-{round(updated_at.timestamp() * 1_000_000)}"'


def _named(header: str) -> set[str]:
    return {one.strip() for one in header.split(",")}
