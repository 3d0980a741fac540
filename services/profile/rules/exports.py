"""What an export may hold, and how a viewer becomes a row of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.profile.rules import cells, looks, search
from services.profile.rules.workbook import Cell
from services.profile.schemas.profiles import Profile

PLAIN = ("profile_id", "first_seen", "last_seen", "events", "has", "tags")
NAMED = ("id", "trait", "tag", "consent", "segment")
DEFAULT = ["profile_id", "id:user_id", "trait:name", "first_seen", "last_seen", "events"]


def problem(columns: Sequence[str], *, pseudonymous: bool) -> str | None:
    """Why these columns cannot be, None when they can."""
    for column in columns:
        kind, _, name = column.partition(":")
        if column not in PLAIN and (kind not in NAMED or not name):
            return (
                f"{column!r} is no column; write trait:city, id:user_id, tag:vip, consent:email, segment:fans "
                f"or one of {', '.join(PLAIN)}"
            )
        if pseudonymous and kind == "id":
            return f"{column!r} says who it is: a pseudonymous export holds no ids"
        if pseudonymous and kind == "trait" and (looks.speaks(name) or search.is_name(name)):
            return f"{column!r} says who it is: a pseudonymous export holds no names and no contact data"
    if len(set(columns)) < len(columns):
        return "a column is named twice"
    return None


def header(columns: Sequence[str], *, pseudonymous: bool) -> list[str]:
    """The first row: the names alone where they are clear."""
    names = [column.partition(":")[2] or column for column in columns]
    named = [name if names.count(name) == 1 else column for name, column in zip(names, columns, strict=True)]
    return ["pseudonym" if pseudonymous and name == "profile_id" else name for name in named]


class Beside(NamedTuple):
    """What stands beside profiles: of each the weights of his tags by key, and the keys of the segments he is in."""

    tags: Mapping[int, Mapping[str, float]]
    segments: Mapping[int, Collection[str]]


def of_kind(columns: Iterable[str], kind: str) -> list[str]:
    """What columns of this kind name: segments of `segment:fans`."""
    return [column.partition(":")[2] for column in columns if column.startswith(f"{kind}:")]


def row(profile: Profile, columns: Sequence[str], beside: Beside, *, pseudonym: str | None) -> list[Cell]:
    """A viewer as a row. With a pseudonym that stands in the place of his profile id."""
    return [_cell(profile, column, beside, pseudonym) for column in columns]


def _cell(profile: Profile, column: str, beside: Beside, pseudonym: str | None) -> Cell:
    kind, _, name = column.partition(":")
    if column == "profile_id":
        return profile.profile_id if pseudonym is None else pseudonym
    if column == "tags":
        return "; ".join(sorted(beside.tags.get(profile.profile_id, ())))
    if kind == "id":
        return "; ".join(one.value for one in profile.identities if one.namespace == name)
    if kind == "trait":
        return _plain(profile.traits.get(name))
    if kind == "tag":
        return _plain(beside.tags.get(profile.profile_id, {}).get(name))
    if kind == "consent":
        return _plain(profile.consent.get(name))
    if kind == "segment":
        return name in beside.segments.get(profile.profile_id, ())
    value = getattr(profile, column)
    return value.isoformat() if isinstance(value, datetime) else _plain(value)


def _plain(value: Any) -> Cell:
    return value if isinstance(value, bool | int | float) else cells.text_of(value)


def text(cell: Cell) -> str:
    """A cell of a CSV file: text that looks like a formula is guarded, numbers are not."""
    return cells.safe(cell) if isinstance(cell, str) else cells.text_of(cell)
