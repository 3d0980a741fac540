"""Text in the cells of a spreadsheet that must stay text."""

from __future__ import annotations

import re
from typing import Any

import msgspec

# What a spreadsheet takes for the beginning of a formula, also in full width; it passes over spaces of every kind.
_BLANK = r"\s\u00a0\u00ad\u180e\u200b-\u200f\u2028-\u202f\u2060\u3000\ufeff\x00-\x20"
_FORMULA = r"=+\-@\t\r\n＝＋－＠﹢﹣﹦﹫−|%"
# A semicolon begins a cell where the list separator is one, a line break where quotes are not understood.
_BEGINS = rf"(^|[;\t\r\n])(?=[{_BLANK}']*[{_FORMULA}])"
_BEGIN = re.compile(_BEGINS)
_GUARDED = re.compile(rf"(^|[;\t\r\n])'(?=[{_BLANK}']*[{_FORMULA}])")


def safe(text: str) -> str:
    """The text with ' before whatever a spreadsheet could take for a formula; `plain` takes it away again."""
    return _BEGIN.sub(r"\1'", text)


def plain(text: str) -> str:
    """The text without the marks of `safe`."""
    return _GUARDED.sub(r"\1", text)


def text_of(value: Any) -> str:
    """A value as a cell's text: lists separated by semicolons, objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return "; ".join(text_of(one) for one in value)
    return msgspec.json.encode(value).decode()
