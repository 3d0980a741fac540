"""Kinds of text that stand in placements, creatives and items."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints

from services.recommend.schemas import content

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An operator's own handle; it stands in paths."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ItemId = Annotated[
    str, AfterValidator(content.storable), StringConstraints(min_length=1, max_length=content.LONGEST_ID)
]
Url = Annotated[str, AfterValidator(content.web_url)]
Kind = Literal["video", "live", "article", "activity", "product"]
