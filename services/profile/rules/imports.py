"""What a line of a file says about a viewer, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from services.profile.rules import contacts, definitions
from services.profile.rules.definitions import Definition
from services.profile.schemas.imports import Kind, MappedColumn
from shared.contracts import EventReceived

LONGEST_ID = 512
LONGEST_CELL = 10_000
CONTACTS = ("email", "phone")
NAMESPACE = re.compile("[a-z][a-z0-9_]{0,39}")

_SUGGESTED = {
    "user_id": ("userid", "uid", "用户id", "用户编号", "会员号", "会员id"),
    "anonymous_id": ("anonymousid",),
    "device_id": ("deviceid", "设备id"),
    "wechat_openid": ("openid", "wechatopenid", "微信openid"),
    "email": ("email", "mail", "emailaddress", "邮箱", "电子邮件"),
    "phone": ("phone", "mobile", "phonenumber", "tel", "手机", "手机号", "电话"),
}
_TRUE = ("true", "yes", "y", "1", "是", "真")
_FALSE = ("false", "no", "n", "0", "否", "假")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


class Line(NamedTuple):
    """What a line says."""

    ids: dict[str, str]
    traits: dict[str, Any]
    tags: dict[str, float | None]

    @property
    def ref(self) -> str:
        """One of its ids, as a ref: the user's first, contact data last."""
        namespace = min(self.ids, key=lambda name: (name != "user_id", name in CONTACTS))
        return f"{namespace}:{self.ids[namespace]}"


class Wrong(NamedTuple):
    """What is wrong with a line, and where. It quotes no cell: what is wrong is kept in clear, and may be anybody's."""

    column: str
    message: str


def suggest(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """A mapping that fits the names of the columns: known ids, anything else a trait of its name."""
    found: dict[str, dict[str, str]] = {}
    taken: set[str] = set()
    for column in columns:
        plain = re.sub(r"[\W_]", "", column).lower()
        namespace = next((name for name, words in _SUGGESTED.items() if plain in words and name not in taken), None)
        if namespace:
            taken.add(namespace)
            found[column] = {"id": namespace}
        else:
            found[column] = {"trait": column[:200]}
    return found


def mapping_problem(mapping: Mapping[str, MappedColumn], columns: Sequence[str]) -> Wrong | None:
    """Why a mapping does not fit the file, None when it does."""
    for column in mapping:
        if column not in columns:
            return Wrong(column, f"the file has no such column; it has {', '.join(map(repr, columns[:20]))}")
    names = [_target(one) for one in mapping.values() if not one.tags]
    for column, one in mapping.items():
        if names.count(_target(one)) > 1:
            return Wrong(column, f"{_target(one)} is given by two columns; keep one of them")
    if not any(one.id for one in mapping.values()):
        return Wrong("", 'no column is an id; map at least one, like {"用户ID": {"id": "user_id"}}')
    return None


def _target(column: MappedColumn) -> str:
    if column.id is not None:
        return column.id
    return f"trait {column.trait!r}" if column.trait is not None else f"tag {column.tag!r}"


def header_problem(columns: Sequence[str]) -> str | None:
    """Why these cannot be the names of columns, None when they can."""
    if not columns:
        return "the file is empty; its first line must name the columns"
    for number, column in enumerate(columns, start=1):
        if not column:
            return f"column {number} has no name in the first line; name it, or delete the column"
        if columns.index(column) != number - 1:
            return f"two columns are named {column!r}; give them different names"
    return None


def read(
    row: Sequence[str],
    columns: Sequence[str],
    mapping: Mapping[str, MappedColumn],
    tags: Mapping[str, str] = MappingProxyType({}),
) -> Line | list[Wrong]:
    """What a line says, or what is wrong with it. Empty cells say nothing. `tags`: word → key of what can be given."""
    wrong: list[Wrong] = []
    line = Line({}, {}, {})
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        wrong.append(Wrong("", f"{len(row)} cells, but the header names {len(columns)} columns"))
    for column, raw in zip(columns, row, strict=False):
        target = mapping.get(column)
        cell = raw.strip()
        if target is None or not cell:
            continue
        if len(cell) > LONGEST_CELL or "\0" in cell:
            wrong.append(Wrong(column, f"longer than {LONGEST_CELL} characters, or with a NUL character"))
        elif target.id is not None:
            if (why := id_problem(target.id, cell)) is None:
                line.ids[target.id] = cell
            else:
                wrong.append(Wrong(column, why))
        else:
            try:
                if target.trait is not None:
                    line.traits[target.trait] = value(cell, target.type)
                else:
                    for key, weight in _tags(cell, target, tags).items():
                        line.tags[key] = line.tags.get(key) if weight is None else weight
            except ValueError as error:
                wrong.append(Wrong(column, str(error)))
    if not wrong and not line.ids:
        wrong.append(Wrong("", "no id in this line"))
    return wrong or line


def _tags(cell: str, target: MappedColumn, tags: Mapping[str, str]) -> dict[str, float | None]:
    """Tags a cell gives: key → weight, None for the tag's own. Raises ValueError, which says what was expected."""
    if target.tag is None:
        named = list_of(cell)
        for word in named:
            if word not in tags:
                called = contacts.masked(word[:100])
                raise ValueError(f"no tag that can be given by hand is called {called!r}; make it, or leave it out")
        return {tags[word]: None for word in named}
    if tags.get(target.tag) != target.tag:
        raise ValueError(f"there is no tag {target.tag!r} that can be given by hand")
    if cell.lower() in _TRUE:
        return {target.tag: None}
    if cell.lower() in _FALSE:
        return {}
    try:
        weight = _number(cell)
    except ValueError:
        weight = -1
    if not 0 <= weight <= 1:
        raise ValueError("neither true nor false (是, 否), nor a weight from 0 to 1")
    return {target.tag: float(weight)}


def id_problem(namespace: str, value: str) -> str | None:
    """Why this can be nobody's id, None when it can."""
    if not NAMESPACE.fullmatch(namespace):
        return f"{namespace!r} is no namespace: small letters, digits and _, like user_id"
    if not value.strip() or len(value) > LONGEST_ID:
        return f"an id has 1 to {LONGEST_ID} characters"
    if namespace == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "this is not an e-mail address"
    if namespace == "phone" and not re.fullmatch(r"\+?[0-9][0-9 ().\-]{4,22}[0-9]", value):
        return "this is not a telephone number"
    return None


def value(cell: str, kind: Kind) -> Any:
    """A cell as a value of that kind. Raises ValueError, which says what was expected."""
    if kind == "number":
        return _number(cell)
    if kind == "boolean":
        if cell.lower() in _TRUE:
            return True
        if cell.lower() in _FALSE:
            return False
        raise ValueError("neither true nor false (or 是, 否)")
    if kind == "date":
        return _date(cell)
    return list_of(cell) if kind == "list" else cell


def list_of(cell: str) -> list[str]:
    """The parts of a cell that holds several."""
    return [part.strip() for part in re.split("[,;|、，；]", cell) if part.strip()]


def _number(cell: str) -> int | float:
    try:
        # Thousands may be set apart by commas.
        plain = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", cell)
        found = float(plain)
    except ValueError as error:
        raise ValueError("not a number") from error
    if found != found or abs(found) == float("inf"):
        raise ValueError("not a number")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _date(cell: str) -> str:
    match = _DATE.fullmatch(cell)
    try:
        if match:
            return date(*map(int, match.groups())).isoformat()
        return datetime.fromisoformat(cell).isoformat()
    except ValueError as error:
        raise ValueError("not a date; write it as 2024-05-01") from error


def refused(line: Line, mapping: Mapping[str, MappedColumn], laid: Mapping[str, Definition]) -> list[Wrong]:
    """Traits of a line that are not as they were laid down (name → definition), by column."""
    wrong: list[Wrong] = []
    for column, target in mapping.items():
        known = laid.get(target.trait) if target.trait is not None else None
        if known is None or known.name not in line.traits:
            continue
        try:
            definitions.taken(known, line.traits[known.name])
        except definitions.Refused as error:
            choices = f"; it takes {', '.join(known.enum)}" if known.enum else ""
            wrong.append(Wrong(column, f"{known.name} does not take this: {error}{choices}"))
    return wrong


def sample(
    lines: Sequence[Sequence[str]], columns: Sequence[str], mapping: Mapping[str, Mapping[str, Any]]
) -> list[list[str]]:
    """First lines as those see them who may not see contact data."""

    def shown(column: str, cell: str) -> str:
        target = mapping.get(column, {})
        return str(contacts.masked(cell, str(target.get("id") or target.get("trait") or column)))

    return [[shown(column, cell) for column, cell in zip(columns, line, strict=False)] for line in lines]


def call(line: Line, *, message_id: str, time: datetime, received_at: datetime, source: str) -> EventReceived:
    """A line as the identify it amounts to."""
    others = {name: value for name, value in line.ids.items() if name not in ("user_id", "anonymous_id", *CONTACTS)}
    # An address is an id and a trait at once: as a trait it is kept sealed.
    addresses = {name: value for name, value in line.ids.items() if name in CONTACTS}
    return EventReceived(
        message_id=message_id,
        type="identify",
        time=time,
        received_at=received_at,
        source=source,
        user_id=line.ids.get("user_id"),
        anonymous_id=line.ids.get("anonymous_id"),
        traits=addresses | line.traits,
        context={"externalIds": [{"id": value, "type": name} for name, value in others.items()]} if others else {},
    )
