"""What a viewer is found by, and what is asked of it: words of rules and store."""

from __future__ import annotations

from typing import Literal, NamedTuple

NAME = "$name"
HAS = "$has"
TAG = "$tag"
BOT = "$bot"

Op = Literal["eq", "gt", "gte", "lt", "lte", "contains"]
Sort = Literal["newest", "last_seen", "events"]


class Value(NamedTuple):
    """One row a viewer is found by."""

    name: str
    value: str
    number: float | None
    key: str | None


class Condition(NamedTuple):
    """What is asked of a value: `value` as stored, `number` for comparing, `pattern` for LIKE on the key."""

    name: str
    op: Op
    value: str
    number: float | None = None
    pattern: str | None = None
