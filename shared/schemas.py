"""Bases of the shapes at the HTTP doors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from shared.errors import unknown_name


class Input(BaseModel):
    """A body that is refused when it has a field nobody knows, naming the nearest known one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any, _: ValidationInfo) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()} | set(cls.model_fields)
            unknown = [name for name in data if name not in known]
            if unknown:
                raise PydanticCustomError(
                    "unknown_field",
                    "{sentence}",
                    {"sentence": f"{unknown[0]!r}: {unknown_name(str(unknown[0]), sorted(known))}"},
                )
        return data


class Output(BaseModel):
    """An answer; tolerant of attributes, so that rows fit in directly."""

    model_config = ConfigDict(from_attributes=True)
