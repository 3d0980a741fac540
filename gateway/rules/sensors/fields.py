"""Fields of a record, read strictly: texts and times."""

from __future__ import annotations

from typing import Any

from gateway.rules.events import Refused


def text(value: Any, field: str) -> str | None:
    """A text, or a whole number as one; None where nothing is said. Raises Refused."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refused(400, "wrong_type", f"{field} is a text", field=field)
    return str(value)


def milliseconds(value: Any, field: str) -> int | float | None:
    """A time of a record: milliseconds, or seconds where it is ten digits long, as their SDKs have it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400, "invalid_time", f"{field} must be milliseconds since 1970", field=field)
    return value * 1000 if 10**9 <= value < 10**10 else value
