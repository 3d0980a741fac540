"""Shapes at recommend's HTTP door."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from services.recommend.rules import content, popularity
from shared.schemas import Input, Output

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An operator's own handle; it stands in paths."""

Text = Annotated[str, AfterValidator(content.storable)]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
ItemId = Annotated[Text, StringConstraints(min_length=1, max_length=popularity.ID_LENGTH)]
Url = Annotated[str, AfterValidator(content.web_url)]
Kind = Literal["video", "live", "article", "activity", "product"]


class Audience(Input):
    """Who may see a creative: the members of a segment."""

    segment: Key


class PlacementInput(Input):
    """A place on a page, with room for `slots` creatives."""

    name: Name
    slots: int = Field(1, ge=1, le=20)


class CreativeInput(Input):
    """What may be shown there. `audience` null is everyone; a higher `priority` goes first; content is text only."""

    audience: Audience | None = None
    priority: int = Field(0, ge=-1_000_000, le=1_000_000)
    content: Annotated[dict[str, str], AfterValidator(content.content)]


class ItemInput(Input):
    """One item of the catalogue, whole: fields left out take their default."""

    kind: Kind
    title: Annotated[Text, StringConstraints(max_length=500)]
    tags: list[Annotated[Text, StringConstraints(min_length=1, max_length=100)]] = Field([], max_length=100)
    creator_id: ItemId | None = None
    url: Url | None = None
    active: bool = True
    properties: Annotated[dict[str, Any], AfterValidator(content.properties)] = Field({})


class BulkItem(ItemInput):
    """An item with its id, in a bulk call."""

    id: ItemId


class BulkInput(Input):
    """At most 1,000 items; each is checked by itself, so that a bad one does not keep the others out."""

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


class CreativeOutput(Output):
    """A creative as it stands."""

    key: str
    audience: Audience | None
    priority: int
    content: dict[str, str]
    created_at: datetime
    updated_at: datetime


class PlacementOutput(Output):
    """A placement as it stands."""

    key: str
    name: str
    slots: int
    created_at: datetime
    updated_at: datetime


class PlacementWhole(PlacementOutput):
    """A placement with its creatives, highest priority first."""

    creatives: list[CreativeOutput]


class CreativeDay(Output):
    """Impressions and clicks of one creative on one UTC day."""

    creative: str
    day: date
    shown: int
    clicked: int


class Report(Output):
    """Feedback on a placement's creatives, newest day first, from the day `since` on."""

    placement: str
    since: date
    days: list[CreativeDay]


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
