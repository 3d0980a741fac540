"""Bases of the shapes at the HTTP doors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, LiteralString

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.errors import unknown_name

DEPTH = 32
"""Levels of lists and objects in a body: deeper ones are nobody's honest request, and would exhaust encoders."""


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such instant in UTC") from error


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An instant with its offset at the door, in UTC behind it: some that can be written fall out of the calendar there."""


class Input(BaseModel):
    """A body that is refused when it has a field nobody knows, naming the nearest known one.

    Text that no database can hold (a NUL, half a surrogate pair) is refused too, wherever it stands.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()} | set(cls.model_fields)
            problems = [
                _problem((str(name),), "unknown_field", unknown_name(str(name), sorted(known)))
                for name in data
                if name not in known
            ]
            problems += [_problem(place, "unstorable_text", why) for place, why in unstorable(data)]
            if problems:
                # Its errors are taken over with their places, below the place of this body.
                raise ValidationError.from_exception_data(cls.__name__, problems)
        return data


def unstorable(data: Any) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Places of what PostgreSQL or JSON cannot hold, or what is nested too deeply to be handled, with the reason."""
    left: list[tuple[tuple[int | str, ...], Any]] = [((), data)]
    while left:
        place, value = left.pop()
        if isinstance(value, str):
            if "\x00" in value:
                yield place, "text must not contain a NUL character"
            elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                yield place, "text must not contain half of a surrogate pair"
        elif isinstance(value, float) and not math.isfinite(value):
            yield place, "no number: it is too large, infinite or NaN"
        elif isinstance(value, dict | list) and len(place) >= DEPTH:
            yield place, f"nested more than {DEPTH} levels deep"
        elif isinstance(value, dict):
            left += [(place, name) for name in value]
            left += [((*place, str(name)), one) for name, one in value.items()]
        elif isinstance(value, list):
            left += [((*place, index), one) for index, one in enumerate(value)]


def _problem(place: tuple[int | str, ...], kind: LiteralString, sentence: str) -> InitErrorDetails:
    error = PydanticCustomError(kind, "{sentence}", {"sentence": sentence})
    return InitErrorDetails(type=error, loc=place, input=None)


class Output(BaseModel):
    """An answer; tolerant of attributes, so that rows fit in directly."""

    model_config = ConfigDict(from_attributes=True)
