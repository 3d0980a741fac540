"""Shapes of placements and creatives at the HTTP door."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from services.recommend.schemas import content as contents
from services.recommend.schemas.texts import Key, Name
from shared.schemas import Input, Output


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
    content: Annotated[dict[str, str], AfterValidator(contents.content)]


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
