"""What stands in a rule's fields: names, scalars, durations, instants and zones, each refused with its reason."""

from __future__ import annotations

import difflib
import math
import re
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import Field, PlainValidator, StrictInt, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_CHOICES = 200
MAX_NAME = 200
MAX_TEXT = 500
MAX_NUMBER = 1e300
MAX_TIMES = 1_000_000_000
MAX_DAYS = 3660
MAX_BIRTHDAY_DAYS = 366

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

SLUG = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
_DURATION = r"^[1-9][0-9]{0,9}[smhdw]$"
_DAYS = r"^[1-9][0-9]{0,9}[dw]$"
_DATE = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)

ANY = "*"
"""In place of the name of an event: every event, whatever its name."""

Scalar: TypeAlias = str | int | float | bool
"""What a trait or property is compared with. Text, numbers and booleans never equal each other."""


def seconds(duration: str) -> int:
    """How many seconds a duration such as `3d` is."""
    return int(duration[:-1]) * UNITS[duration[-1]]


def span(duration: str) -> timedelta:
    """A duration such as `3d` as a fixed length of time, which no calendar and no zone stretches."""
    return timedelta(seconds=seconds(duration))


@cache
def zone(name: str) -> tzinfo:
    """The time zone of this IANA name; UTC needs no database."""
    return UTC if name == "UTC" else zoneinfo.ZoneInfo(name)


@lru_cache(maxsize=20_000)
def instant(text: str, where: str = "UTC") -> datetime | None:
    """The instant that a text names, in UTC: RFC 3339 with its offset, or `YYYY-MM-DD` as midnight in a zone.

    None for any other text, for days that no calendar has, and for years before 1000 or after 2999. Digits beyond the
    microsecond are dropped. Of a midnight that a clock shows twice the first counts.
    """
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=zone(where)).astimezone(UTC)
    except ValueError:
        pass
    return None


def is_date(text: str) -> bool:
    """Whether an instant was written as a day without a time."""
    return len(text) == len("2026-01-31")


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("text", "must be a text that is not empty")
    if len(value) > longest:
        raise PydanticCustomError("text", "is longer than {longest} characters", {"longest": longest})
    return value


def _name(value: Any) -> str:
    return _text(value, MAX_NAME)


def _words(value: Any) -> str:
    return _text(value, MAX_TEXT)


def _number(value: Any) -> int | float:
    # abs() before float(): a JSON integer may be too large for any float
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number")
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) > MAX_NUMBER:
        raise PydanticCustomError("number", "must be a number between -1e300 and 1e300")
    return value if isinstance(value, float) or abs(value) <= 2**53 else float(value)


def _share(value: Any) -> int | float:
    if not 0 <= _number(value) <= 1:
        raise PydanticCustomError("share", "must be a number from 0 to 1")
    return _number(value)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if value == "":
        return ""
    if isinstance(value, str):
        return _text(value, MAX_TEXT)
    raise PydanticCustomError("scalar", "must be a text, a number, true or false; for a missing value use exists")


def _element(value: Any) -> Scalar:
    if value == "":
        raise PydanticCustomError("text", "must not be empty: every text contains the empty one")
    return _scalar(value)


def _choices(value: Any) -> list[Scalar]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHOICES:
        raise PydanticCustomError("choices", "must be a list of 1 to {most} values", {"most": MAX_CHOICES})
    return [_scalar(one) for one in value]


def _range(value: Any) -> list[int | float]:
    if not isinstance(value, list) or len(value) != 2:
        raise PydanticCustomError("range", "must be a list of two numbers, the lower first")
    low, high = (_number(one) for one in value)
    if low > high:
        raise PydanticCustomError("range", "must have the lower number first")
    return [low, high]


def _duration(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_DURATION[1:-1], value):
        raise PydanticCustomError("duration", 'must be a whole number and a unit of s, m, h, d or w, such as "3d"')
    if seconds(value) > MAX_DAYS * 86_400:
        raise PydanticCustomError("duration", "is longer than {days} days", {"days": MAX_DAYS})
    return value


def _days(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_DAYS[1:-1], value):
        raise PydanticCustomError("duration", 'must be whole days or weeks, such as "7d": it counts days of a calendar')
    if seconds(value) > MAX_BIRTHDAY_DAYS * 86_400:
        raise PydanticCustomError("duration", "is longer than {days} days", {"days": MAX_BIRTHDAY_DAYS})
    return value


def _ago(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) != 2:
        raise PydanticCustomError("ago", 'must be a list of two durations, the longer first, such as ["90d", "30d"]')
    far, near = (_duration(one) for one in value)
    if seconds(far) <= seconds(near):
        raise PydanticCustomError("ago", 'must have the longer duration first, such as ["90d", "30d"]')
    return [far, near]


def _instant(value: Any) -> str:
    if not isinstance(value, str) or instant(value) is None:
        raise PydanticCustomError(
            "instant",
            'must be a day such as "2026-01-31", or an instant with its offset such as "2026-01-31T12:00:00Z",'
            " of the years 1000 to 2999",
        )
    return value


def _zone(value: Any) -> str:
    known = _zones()
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) and len(value) < 64 else []
    hint = f"; did you mean {near[0]!r}?" if near else ' such as "Asia/Shanghai" or "UTC"'
    raise PydanticCustomError("zone", "must be the name of a time zone{hint}", {"hint": hint})


@cache
def _zones() -> frozenset[str]:
    return frozenset(name for name in zoneinfo.available_timezones() if "/" in name) | {"UTC"}


CHANNELS = ("email", "phone", "push")
"""By what profile says that somebody can be reached. Text messages go to a phone."""


PURPOSES = ("analytics", "profiling", "personalisation", "marketing", "email", "sms", "push", "phone", "third_party")
"""What profile asks consent for by itself. Platforms ask for more, so other names are no errors."""


def _channel(value: Any) -> str:
    if value in CHANNELS:
        return str(value)
    near = difflib.get_close_matches(value, CHANNELS, n=1) if isinstance(value, str) and len(value) < 64 else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise PydanticCustomError("channel", "must be one of {known}{hint}", {"known": ", ".join(CHANNELS), "hint": hint})


def _key(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 64 or not re.fullmatch(SLUG[1:-1], value):
        raise PydanticCustomError("key", "must be the key of a segment: lower-case letters and digits, with - or _")
    return value


_SCALAR = {"type": ["string", "number", "boolean"]}

Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME})]
EventName = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_NAME,
            "description": "Name of an event; * is every event, whatever its name",
        }
    ),
]
Channel = Annotated[str, PlainValidator(_channel), WithJsonSchema({"enum": list(CHANNELS)})]
Words = Annotated[
    str, PlainValidator(_words), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_TEXT})
]
Key = Annotated[str, PlainValidator(_key), WithJsonSchema({"type": "string", "maxLength": 64, "pattern": SLUG})]
Value = Annotated[Scalar, PlainValidator(_scalar), WithJsonSchema({**_SCALAR, "maxLength": MAX_TEXT})]
Element = Annotated[Scalar, PlainValidator(_element), WithJsonSchema({**_SCALAR, "minLength": 1})]
Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
Range = Annotated[
    list[int | float],
    PlainValidator(_range),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
]
Choices = Annotated[
    list[Scalar],
    PlainValidator(_choices),
    WithJsonSchema({"type": "array", "items": _SCALAR, "minItems": 1, "maxItems": MAX_CHOICES}),
]
_LENGTH = {"type": "string", "pattern": _DURATION, "examples": ["7d", "12h"]}
Duration = Annotated[str, PlainValidator(_duration), WithJsonSchema(_LENGTH)]
Days = Annotated[str, PlainValidator(_days), WithJsonSchema({"type": "string", "pattern": _DAYS, "examples": ["7d"]})]
Ago = Annotated[
    list[str],
    PlainValidator(_ago),
    WithJsonSchema({"type": "array", "items": _LENGTH, "minItems": 2, "maxItems": 2, "examples": [["90d", "30d"]]}),
]
Instant = Annotated[
    str,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "examples": ["2026-01-31", "2026-01-31T12:00:00+08:00"]}),
]
Zone = Annotated[
    str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Asia/Shanghai", "Europe/Berlin"]})
]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_TIMES)]
Share = Annotated[int | float, PlainValidator(_share), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
