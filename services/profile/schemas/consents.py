"""Shapes of consent at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.schemas import Input, Instant, Output

Purpose = Literal[
    "*",
    "analytics",
    "profiling",
    "personalisation",
    "marketing",
    "email",
    "sms",
    "push",
    "phone",
    "third_party",
    "guardian",
]


class NewStatement(Input):
    """One answer. `*` is everything; `guardian` is a guardian's answer for a child."""

    purpose: Purpose
    granted: bool | None = Field(description="null takes back what was said before")
    version: str | None = Field(None, max_length=200, description="Of the text he agreed to")
    proof: str | None = Field(None, max_length=2000, description="Where the answer can be seen: a form, a recording")
    at: Instant | None = Field(None, description="When he said so; now, if absent")


class NewStatements(Input):
    """Answers of one viewer, from one place."""

    consents: list[NewStatement] = Field(min_length=1, max_length=50)
    source: str = Field("operator", min_length=1, max_length=200, description="Where he was asked")


class Statement(Output):
    """One line of the history."""

    id: int
    purpose: str
    granted: bool | None
    source: str
    version: str | None
    proof: str | None
    at: datetime
    recorded_at: datetime
    recorded_by: str
    origin: str


class Consents(Output):
    """What holds now, and the lines that led to it, the last first."""

    profile_id: int
    current: dict[str, bool] = Field(description="By purpose; what is absent was never asked")
    age: float | None = Field(description="Years, where known; below 14 a guardian must agree")
    history: list[Statement]
    next: str | None = None
