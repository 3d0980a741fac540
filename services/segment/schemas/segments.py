"""Shapes of segments at the HTTP door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from services.segment.schemas.rule import WholeRule
from services.segment.schemas.rule.comparisons import refused
from shared.schemas import Input, Output

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

RESERVED = frozenset({"graph", "rule-schema"})
"""Paths beside those of keys."""


def _free(key: str) -> str:
    if key in RESERVED:
        raise ValueError(f"{key!r} is a path of its own: choose another key")
    return key


Key = Annotated[
    str,
    StringConstraints(max_length=64, pattern=SLUG),
    AfterValidator(_free),
    Field(description="Lower-case letters and digits, with single - or _ between them", examples=["likers"]),
]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")]


class SegmentInput(Input):
    """A new segment: of a rule, or a static list (`kind` static, no rule) that viewers are put on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"key": "likers", "name": "Liked lately", "rule": {"did": "Content Liked", "within": "3d"}},
                {"key": "panel", "name": "Test panel", "kind": "static"},
            ]
        }
    )

    key: Key
    name: Title
    kind: Literal["rule", "static"] = "rule"
    rule: WholeRule | None = None

    @model_validator(mode="after")
    def _rule_or_list(self) -> SegmentInput:
        if (self.rule is None) is (self.kind == "rule"):
            raise refused(self, 'a segment has a rule, or it is a list: {"kind": "static"} without one', "rule")
        return self


class SegmentWording(Input):
    """A segment said anew."""

    name: Title
    rule: WholeRule


class SegmentChange(Input):
    """What to change of a segment; what is absent stays."""

    name: Title | None = None
    rule: WholeRule | None = None


class Filling(Output):
    """How far the judging of every viewer by a new rule has come."""

    job_id: int
    state: str
    cause: str
    done: int
    total: int | None


class SegmentOutput(Output):
    """A segment.

    `true_as_of` is when its members were last what the rule says: this moment, unless `behind` says by how many seconds
    facts or the clock are late; while a new rule is being filled in, when it came; absent until the first fill is
    through. `problem` is why nobody comes or leaves any more, with the remedy. `entered_today` and `left_today` count
    since midnight in the zone of the installation, for whatever reason.
    """

    key: str
    name: str
    kind: str
    version: int
    rule: dict[str, Any] | None
    archived: bool
    size: int
    entered_today: int
    left_today: int
    true_as_of: datetime | None
    behind: float | None
    filling: Filling | None
    problem: str | None
    created_at: datetime
    updated_at: datetime
