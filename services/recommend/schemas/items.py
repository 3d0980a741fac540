"""Shapes of items at the HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.recommend.schemas import content
from services.recommend.schemas.texts import ItemId, Kind, Url
from shared.schemas import Input, Output


class ItemInput(Input):
    """One item of the catalogue, whole: fields left out take their default."""

    kind: Kind
    title: Annotated[str, StringConstraints(max_length=500)]
    tags: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field([], max_length=100)
    creator_id: ItemId | None = None
    url: Url | None = None
    active: bool = True
    properties: Annotated[dict[str, Any], AfterValidator(content.properties)] = Field({})


class BulkItem(ItemInput):
    """An item with its id, in a bulk call."""

    id: ItemId


class BulkInput(BaseModel):
    """At most 1,000 items; no `Input`, since each is checked by itself: a bad one does not keep the others out."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, Any]] = Field(max_length=1000)


class BulkError(Output):
    """Why one item of a bulk call was refused. `field` leads into the body: items[3].kind."""

    index: int
    id: str | None
    field: str
    message: str


class BulkOutput(Output):
    """Items that were created or changed, items that were as told before, and those refused."""

    changed: int
    unchanged: int
    errors: list[BulkError]


class ItemOutput(Output):
    """An item as it stands."""

    id: str
    kind: str
    title: str
    tags: list[str]
    creator_id: str | None
    url: str | None
    active: bool
    properties: dict[str, Any]
    updated_at: datetime
