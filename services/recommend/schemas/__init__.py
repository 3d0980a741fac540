"""Shapes at recommend's HTTP door, by noun."""

from services.recommend.schemas.items import BulkError, BulkInput, BulkItem, BulkOutput, ItemInput, ItemOutput
from services.recommend.schemas.placements import (
    Audience,
    CreativeDay,
    CreativeInput,
    CreativeOutput,
    PlacementInput,
    PlacementOutput,
    PlacementWhole,
    Report,
)
from services.recommend.schemas.texts import ItemId, Key

__all__ = [
    "Audience",
    "BulkError",
    "BulkInput",
    "BulkItem",
    "BulkOutput",
    "CreativeDay",
    "CreativeInput",
    "CreativeOutput",
    "ItemId",
    "ItemInput",
    "ItemOutput",
    "Key",
    "PlacementInput",
    "PlacementOutput",
    "PlacementWhole",
    "Report",
]
