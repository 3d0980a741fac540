"""Distribution: how a number spreads over viewers, or over events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.insights.common import Asked, Saved, Told, Wheres
from services.segment.schemas.rule.comparisons import example
from services.segment.schemas.rule.values import EventName, Name, Number
from shared.schemas import Input, Output

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


class DistributionInput(Asked):
    """How often each viewer did it; with `sum`, how much of a property each had; with `property`, of each event."""

    model_config = example({"event": "Video Watched", "property": "watch_seconds", "within": "7d"})

    event: EventName
    where: Wheres = Field(default_factory=list)
    property: Name | None = Field(None, description="The number of each event, not of each viewer")
    sum: Name | None = Field(None, description="The sum of this property over the events of a viewer")
    bins: Annotated[int, Field(ge=2, le=100)] = Field(20, description="At most so many bins of equal width")

    @model_validator(mode="after")
    def _one_kind(self) -> DistributionInput:
        if self.property is not None and self.sum is not None:
            raise PydanticCustomError("measure", "property and sum cannot stand beside each other")
        return self


class Bin(Input):
    """A bin: `from` ≤ number < `to`; the last one holds `to` as well."""

    from_: Number = Field(alias="from")
    to: Number
    last: bool = False


class DistributionViewers(Input):
    """A distribution as it was asked for (with the `as_of` of its answer), and one of its bins."""

    request: DistributionInput
    cell: Bin


class DistributionSave(DistributionViewers, Saved):
    """A bin, and the segment to make of it."""


class BinOutput(Output):
    """A bin of the histogram; send `from`, `to` and `last` back as a cell."""

    from_: float = Field(serialization_alias="from")
    to: float
    last: bool
    count: int = Field(description="Viewers, or with `property` events")
    viewers: int
    small: bool = Field(description="Fewer than 30 viewers are in it")


class DistributionOutput(Told):
    """Moments, quantiles and histogram; everything is null or empty when there is no number."""

    count: int = Field(description="Numbers: of viewers, or with `property` of events")
    viewers: int
    small: bool
    mean: float | None
    min: float | None
    max: float | None
    quantiles: dict[str, float] = Field(description="p50 is the median; between two numbers it is straight")
    bins: list[BinOutput]
