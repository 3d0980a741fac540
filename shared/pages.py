"""Lists page by cursor: opaque, and stable while rows come and go."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict

from shared.errors import Invalid

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page; `next` is the cursor of the following one, absent on the last."""

    model_config = ConfigDict(from_attributes=True)

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True)
class PageAsked:
    """How many rows, and after which."""

    limit: int
    after: dict[str, Any] | None

    def number(self, name: str) -> int | None:
        """A number in the cursor, None on the first page. Raises Invalid: a cursor may be anybody's invention."""
        if self.after is None:
            return None
        value = self.after.get(name)
        if type(value) is not int or not -(2**63) <= value < 2**63:
            raise _not_ours()
        return value

    def text(self, name: str) -> str | None:
        """A text in the cursor, None on the first page. Raises Invalid."""
        if self.after is None:
            return None
        value = self.after.get(name)
        if not isinstance(value, str) or "\x00" in value:
            raise _not_ours()
        return value


def encode(position: dict[str, Any]) -> str:
    """A cursor that says where the next page begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode(cursor: str) -> dict[str, Any]:
    """Where a cursor points. Raises Invalid."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise _not_ours() from error


def _not_ours() -> Invalid:
    return Invalid("the cursor is not one of ours: begin again without it", field="cursor")


def _asked(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows per page")] = 50,
    cursor: Annotated[str | None, Query(description="`next` of the page before")] = None,
) -> PageAsked:
    return PageAsked(limit, decode(cursor) if cursor else None)


PageDep = Annotated[PageAsked, Depends(_asked)]
