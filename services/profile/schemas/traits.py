"""Shapes of traits at profile's HTTP door: definitions, sources, what was refused, and how a value came to be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.schemas import Input, Output

Type = Literal["text", "number", "integer", "boolean", "date", "list"]
Choice = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class DefinitionInput(Input):
    """What a trait holds from now on; what was kept before stays as it is."""

    type: Type = Field(description="A value of another type is read as this one where that is unambiguous")
    enum: Annotated[list[Choice], Field(min_length=1, max_length=500)] | None = Field(
        None, description="The only values it takes; for a list, the only elements"
    )
    personal: bool = Field(
        False, description="Shown only to roles that see contact data, and never told to other services"
    )
    description: Annotated[str, StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _enum_of_text(self) -> DefinitionInput:
        if self.enum is not None and self.type not in ("text", "list"):
            raise ValueError("enum is for text and list only")
        if self.enum is not None and len(set(self.enum)) < len(self.enum):
            raise ValueError("enum names a value twice")
        return self


class DefinitionOutput(Output):
    """What a trait holds."""

    name: str
    type: Type
    enum: list[str] | None
    personal: bool
    description: str
    built_in: bool = Field(description="It comes with every installation, and nobody has laid down another")


class RankInput(Input):
    """How far a source is believed; null: as its kind is."""

    rank: Annotated[int, Field(ge=0, le=1000)] | None


class SourceOutput(Output):
    """A source or a kind of sources, and how far it is believed: a higher rank wins, whatever the time."""

    source: str
    rank: int
    default: bool = Field(description="Nobody has set another rank for it")


class RefusedOutput(Output):
    """Values of a trait that were not taken, by their source and the reason."""

    name: str
    source: str
    reason: str
    count: int
    first_at: datetime
    last_at: datetime


class Candidate(Output):
    """What one source says of a trait of one identity."""

    value: Any = Field(description="null: it cleared the trait")
    source: str
    rank: int
    origin: str = Field(description="The identity it came with")
    at: datetime = Field(description="When it said so last")
    since: datetime
    wins: bool


class TraitOutput(Output):
    """A trait, how it came to its value, and all that was said of it. `value` is null when nothing said counts."""

    name: str
    value: Any
    type: Type | None = Field(description="Absent for a trait without a definition")
    personal: bool = Field(description="Shown only to roles that see contact data")
    source: str | None
    since: datetime | None
    candidates: list[Candidate]


class TraitsOutput(Output):
    """All traits of a viewer. A higher rank wins over a later time; at equal rank the latest event time wins."""

    profile_id: int
    traits: list[TraitOutput]


class TraitsInput(Input):
    """Traits an operator sets; null clears what was said until now. What is absent stays."""

    traits: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=200)], Any], Field(min_length=1, max_length=100)
    ]
