"""Shapes of segments at the HTTP door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from services.segment.schemas.rule import WholeRule
from shared.schemas import Input, Output

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

Key = Annotated[
    str,
    StringConstraints(max_length=64, pattern=SLUG),
    Field(description="Lower-case letters and digits, with single - or _ between them", examples=["likers"]),
]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")]


class SegmentInput(Input):
    """A new segment."""

    key: Key
    name: Title
    rule: WholeRule


class SegmentWording(Input):
    """A segment said anew."""

    name: Title
    rule: WholeRule


class SegmentChange(Input):
    """What to change of a segment; what is absent stays."""

    name: Title | None = None
    rule: WholeRule | None = None


class PreviewInput(Input):
    """A rule to try, as of an instant (now, if absent)."""

    rule: WholeRule
    as_of: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = None


class Filling(Output):
    """How far the judging of every viewer by a new rule has come."""

    job_id: int
    state: str
    cause: str
    done: int
    total: int | None


class SegmentOutput(Output):
    """A segment. `true_as_of` is when its members became what the rule says; absent until the first fill is through."""

    key: str
    name: str
    version: int
    rule: dict[str, Any]
    archived: bool
    size: int
    true_as_of: datetime | None
    filling: Filling | None
    created_at: datetime
    updated_at: datetime


class PreviewOutput(Output):
    """How many viewers a rule holds for, and a few of them."""

    count: int
    sample: list[int]
    as_of: datetime


class MemberOutput(Output):
    """A member, since when, and what made him one."""

    profile_id: int
    since: datetime
    cause: str
