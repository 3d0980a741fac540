"""Shapes of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.schemas import Input, Instant, Output

Word = Annotated[str, Field(min_length=1, max_length=200)]


class Filter(Input):
    """Whom the export holds, as in the list of viewers: all of it must hold; nothing given is everybody."""

    trait: list[Word] = Field(default_factory=list, max_length=8, description="name:operator:value, like age:gte:18")
    name: Word | None = None
    has: list[Word] = Field(default_factory=list, max_length=8)
    tag: list[Word] = Field(default_factory=list, max_length=8)
    segment: Word | None = Field(None, description="Members of this segment, as they are while the file is written")
    seen_after: Instant | None = None
    seen_before: Instant | None = None
    bot: bool | None = Field(None, description="Only programs, or only people")


class ExportOrder(Input):
    """What is to be exported."""

    name: str = Field("viewers", min_length=1, max_length=100)
    format: Literal["csv", "xlsx"] = "csv"
    filter: Filter = Field(default_factory=Filter)
    columns: list[Word] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="profile_id, first_seen, last_seen, events, has, tags, id:<namespace>, trait:<name>, tag:<key> "
        "(its weight), consent:<purpose>, segment:<key>",
    )
    pseudonymous: bool = Field(False, description="A pseudonym instead of the profile id; no ids, names, contact data")
    domain: str = Field(
        "analytics",
        pattern=r"^[a-z0-9][a-z0-9_.\-]{0,63}$",
        description="Who gets it: a viewer has the same pseudonym in all files of a domain, another one in any other",
    )


class Export(Output):
    """An export: its file is written while it is downloaded."""

    id: int
    name: str
    format: str
    filter: dict[str, Any]
    columns: list[str]
    pseudonymous: bool
    domain: str
    by: str
    created_at: datetime
    file: str = Field(description="Path of the file")
    rows: int | None = Field(description="Viewers written by the last download so far; null before the first")
    finished_at: datetime | None = Field(description="When the last download was complete; null while it is not")
