"""The rule language, for editors."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter

from services.segment.schemas import rule
from shared.caller import allow

router = APIRouter(prefix="/v1/segments", tags=["segments"])


@router.get("/rule-schema", dependencies=[allow("segment:read")])
async def rule_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of rules, with an example of every part; docs/rules.md says what they mean."""
    return _schema()


@cache
def _schema() -> dict[str, Any]:
    return rule.schema()
