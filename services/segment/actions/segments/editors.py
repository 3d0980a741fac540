"""Who changes a segment, and whether he has seen what he changes."""

from __future__ import annotations

from dataclasses import dataclass

from services.segment.store.rows import AnyRow
from shared.errors import Problem


@dataclass(frozen=True)
class Editor:
    """Who changes a segment (the id of a caller), and the version he has seen, as the header If-Match says it."""

    id: str | None = None
    match: str | None = None


NOBODY = Editor()


class ChangedMeanwhile(Problem):
    """Somebody else has changed the segment"""

    status = 412


def admit(row: AnyRow, by: Editor) -> None:
    """Whether the version that is there is the one that the editor has seen. Raises ChangedMeanwhile."""
    if by.match is not None and not {"*", edition(row.version)} & {one.strip() for one in by.match.split(",")}:
        told = f"{row.key!r} has version {row.version} by now: read it again, then repeat your change"
        raise ChangedMeanwhile(told, field="If-Match")


def edition(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'
