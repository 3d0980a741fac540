"""Shapes of a segment's life at the HTTP door: versions, dependencies, lists, snapshots, explanations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from services.segment.schemas.segments import EARLIEST, LATEST, Key, Title
from shared.schemas import Input, Output


class Version(Output):
    """What a segment was from an instant on. A static list has no rule."""

    version: int
    name: str
    rule: dict[str, Any] | None
    archived: bool
    at: datetime
    by: str | None = Field(description="Who said so: a key or an operator; null of the oldest versions")


class DifferenceOutput(Output):
    """One place of the rule (or `name`, `archived`) that differs; what is absent on a side is null there."""

    path: list[str | int]
    before: Any
    after: Any


class Diff(Output):
    """From one version to another."""

    before: int
    after: int
    differences: list[DifferenceOutput]


class UseOutput(Output):
    """A campaign, a creative or a tag that needs a segment; a creative's key is `placement/creative`."""

    segment: str
    kind: str
    key: str
    name: str


class Dependencies(Output):
    """Which segments a segment asks, and which ask it: directly, and through others; and what uses it or those."""

    key: str
    asks: list[str]
    asks_in_all: list[str]
    asked_by: list[str]
    asked_by_in_all: list[str]
    used_by: list[UseOutput]
    unasked: list[str] = Field(description="Services that did not answer: what they use is not known")


class GraphNode(Output):
    """A segment that lives."""

    key: str
    name: str
    kind: str


class GraphEdge(Output):
    """The segment `key` asks the segment `asks`."""

    key: str
    asks: str


class Graph(Output):
    """All segments that live, which asks which, and what uses them."""

    segments: list[GraphNode]
    edges: list[GraphEdge]
    uses: list[UseOutput]
    unasked: list[str] = Field(description="Services that did not answer: what they use is not known")


class SnapshotInput(Input):
    """The list to freeze the members in, as they are now or as told at an instant."""

    key: Key
    name: Title
    as_of: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = None


class ListJob(Output):
    """How far the viewers of an uploaded file are put on a list (or taken off it).

    `unmatched` are lines of which profile knows nobody, `first_unmatched` some of them by line number; of contacts the
    value is not kept. The whole list of them can be had as CSV for 30 days.
    """

    job_id: int
    state: str
    error: str | None
    done: int
    total: int | None
    unmatched: int
    first_unmatched: list[Unmatched]


class Unmatched(Output):
    """A line of a file (the header is line 1) whose viewer is not known."""

    line: int
    ref: str


class ExplainedPart(Output):
    """One part of a rule: what it asks, whether it holds, and what is known of the viewer there.

    `actual` is null for groups and for what is missing. `changes_at` is when time alone can change the answer next. The
    parts of an `in_segment` are those of that segment's rule.
    """

    path: str
    kind: str
    text: str
    holds: bool
    actual: Any
    changes_at: datetime | None
    parts: list[ExplainedPart]


class Explanation(Output):
    """Why a viewer is in a segment, or not.

    `inside` is what was told last, since when and why, of who is out too; both are null of who was never in, as far as
    the log tells. `rule` is what its rule says at this moment: it differs only while facts or the clock are late, or a
    new rule is being filled in. A static list has no rule.
    """

    key: str
    profile_id: int
    inside: bool
    since: datetime | None
    cause: str | None
    rule: ExplainedPart | None
