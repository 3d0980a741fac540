"""Shapes of erasures at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field, model_validator

from shared.schemas import Input, Output


class NewErasure(Input):
    """Whom to forget, and why."""

    ref: str = Field(min_length=1, max_length=600, description="A profile id, or namespace:value")
    reason: str = Field("asked by the viewer", min_length=1, max_length=500)


class Lifting(Input):
    """Whose ids may come in again, and why: one id, or all of an erasure."""

    ref: str | None = Field(None, min_length=1, max_length=600, description="One id, as namespace:value")
    erasure_id: int | None = Field(None, ge=1, description="All ids of this erasure")
    reason: str = Field(min_length=1, max_length=500, description="Like: he has signed up again, letter of 3 May")

    @model_validator(mode="after")
    def _one(self) -> Lifting:
        if (self.ref is None) == (self.erasure_id is None):
            raise ValueError("give either ref or erasure_id")
        return self


class Lifted(Output):
    """One time that ids were let in again."""

    at: datetime
    by: str
    ids: int = Field(description="How many")
    reason: str


class Erasure(Output):
    """How far an erasure is."""

    id: int
    profile_id: int
    state: str = Field(description="running, until every service and every stream has forgotten; then finished")
    reason: str
    requested_by: str
    requested_at: datetime
    receipts: dict[str, Any] = Field(description="By service: rows by table that were removed or made nobody's")
    verification: dict[str, Any] | None = Field(description="What was looked for afterwards, and how much was found")
    dropped: int = Field(description="Events of his ids that came later and were dropped")
    lifted: list[Lifted] = Field(description="When ids of his were let in again, and why")
    finished_at: datetime | None
