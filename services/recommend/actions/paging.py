"""Where a page begins."""

from __future__ import annotations

from shared.errors import Invalid
from shared.pages import PageAsked


def after(asked: PageAsked, name: str) -> str | None:
    """The text under `name` in the cursor, None on the first page; Invalid when the cursor is not one of this list."""
    if asked.after is None:
        return None
    value = asked.after.get(name)
    if not isinstance(value, str) or "\x00" in value:
        raise Invalid("the cursor belongs to another list: begin again without it", field="cursor")
    return value
