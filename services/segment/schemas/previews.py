"""Shapes of previews: what a rule would do, before it is saved."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints, model_validator

from services.segment.schemas.rule import WholeRule
from services.segment.schemas.segments import EARLIEST, LATEST, Key
from shared.schemas import Input, Output

MOST_SEGMENTS = 50
MOST_VALUES = 20
MOST_BANDS = 19

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]

EXAMPLE: dict[str, Any] = {"rule": {"did": "Content Liked", "within": "3d"}}


class PreviewInput(Input):
    """A rule to try, or a saved segment by its key, as of an instant (now, if absent)."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE, {"segment": "likers"}]})

    rule: WholeRule | None = None
    segment: Key | None = Field(None, description="A saved segment, instead of a rule")
    as_of: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = Field(
        None, description="Events up to this instant count, and all else as it is known now"
    )

    @model_validator(mode="after")
    def _one(self) -> PreviewInput:
        if (self.rule is None) is (self.segment is None):
            raise ValueError("needs either a rule or the key of a segment")
        return self


class PreviewOutput(Output):
    """How many viewers it is, and up to 20 of them, picked at random but always the same ones."""

    count: int
    sample: list[int]
    as_of: datetime


class OverlapInput(PreviewInput):
    """With which segments it shall be compared; all that live (the largest 50), if absent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "with": ["vip", "newcomers"]}]})

    with_: Annotated[list[Key], Field(min_length=1, max_length=MOST_SEGMENTS)] | None = Field(None, alias="with")


class Overlapping(Output):
    """A segment beside the rule: its size, who is in both, and the share that this is of either."""

    key: str
    name: str
    size: int
    both: int
    of_rule: float | None
    of_segment: float | None
    small: bool = Field(description="Fewer than 30 viewers are in the rule, or in the segment")


class OverlapOutput(Output):
    """The overlap with each segment, and of each with each other: row and column 0 are the rule, then the segments."""

    count: int
    segments: list[Overlapping]
    matrix: list[list[int]]
    as_of: datetime


class SplitInput(PreviewInput):
    """By which trait it shall be split, into how many of its most frequent values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "trait": "city", "top": 10}]})

    trait: Name
    top: Annotated[int, Field(ge=1, le=MOST_VALUES)] = 10


class Part(Output):
    """Viewers whose trait is this value, in this band, anything else (`other`), or not there (`missing`).

    A band is `from` ≤ value < `to`; an end that is absent is open.
    """

    value: Any = None
    from_: float | None = Field(None, alias="from", serialization_alias="from")
    to: float | None = None
    other: bool = False
    missing: bool = False


class SplitPart(Part):
    """A part with its size, its share of all, and the rule that makes it."""

    count: int
    share: float | None
    small: bool = Field(description="Fewer than 30 viewers are in it")
    rule: dict[str, Any] | None


class SplitOutput(Output):
    """Parts: the most frequent values first, then the others, then those without one. Empty parts are left out."""

    count: int
    parts: list[SplitPart]
    as_of: datetime


class Axis(Input):
    """A trait as one side of a grid: its most frequent values, or bands of a number.

    Without either, a trait that is mostly numbers and has more than `top` of them is cut into five bands of about equal
    size.
    """

    trait: Name
    top: Annotated[int, Field(ge=1, le=MOST_VALUES)] = 8
    bands: Annotated[list[float], Field(min_length=1, max_length=MOST_BANDS)] | None = Field(
        None, description="Where one band ends and the next begins, rising", examples=[[18, 25, 35]]
    )

    @model_validator(mode="after")
    def _rising(self) -> Axis:
        if self.bands is not None and any(low >= high for low, high in zip(self.bands, self.bands[1:], strict=False)):
            raise ValueError("the edges of bands must rise")
        return self


class CrossInput(PreviewInput):
    """Two traits that make a grid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**EXAMPLE, "rows": {"trait": "city"}, "columns": {"trait": "age", "bands": [18, 25, 35]}}]
        }
    )

    rows: Axis
    columns: Axis


class Cell(Output):
    """A cell: how many viewers, and the rule that makes it, ready to be saved; null where a rule would be too large."""

    count: int
    small: bool = Field(description="Fewer than 30 viewers are in it")
    rule: dict[str, Any] | None


class CrossOutput(Output):
    """The grid: cells by row and column. The other values and the missing ones have their own, where there are any."""

    count: int
    rows: list[Part]
    columns: list[Part]
    cells: list[list[Cell]]
    as_of: datetime


class ContactsInput(PreviewInput):
    """For which purpose they would be written to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "purpose": "marketing"}]})

    purpose: Name = "marketing"


class Channel(Output):
    """A channel: how many have it, how many of these have not refused (the channel, the purpose, personalisation or
    everything), and how many of these have said yes to the channel or the purpose."""

    channel: str
    reachable: int
    contactable: int
    agreed: int


class ContactsOutput(Output):
    """Who could be written to: the last word has profile, at the moment of sending."""

    count: int
    purpose: str
    channels: list[Channel]
    as_of: datetime
