"""Templates that are nothing but text and `{{ values }}`: written without Liquid's machinery, at a tenth of its cost.

What comes out is what Liquid writes, or nothing at all: then Liquid is asked. A test compares the two.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.filtered import FilteredExpression
from liquid.builtin.expressions.path import Path
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate
from markupsafe import escape

Piece = str | tuple[str, ...]
"""Text, or the path of a value."""

_SPECIAL = ("size", "first", "last")
"""Liquid answers these of things that have no such item."""
_LARGEST = 2**63


@functools.lru_cache(maxsize=512)
def pieces(template: BoundTemplate) -> tuple[Piece, ...] | None:
    """What a template consists of; None when it is more than text and values."""
    found: list[Piece] = []
    for node in template.nodes:
        if type(node) is ContentNode:
            found.append(node.text)
        elif type(node) is OutputNode and (path := _path(node.expression)) is not None:
            found.append(path)
        else:
            return None
    return tuple(found)


def _path(expression: object) -> tuple[str, ...] | None:
    if type(expression) is not FilteredExpression or expression.filters or type(expression.left) is not Path:
        return None
    path = expression.left.path
    names = tuple(one for one in path if isinstance(one, str) and one not in _SPECIAL)
    return names if len(names) == len(path) else None


def written(template: BoundTemplate, values: Mapping[str, object], *, html: bool, most: int) -> str | None:
    """The text, of at most so many bytes; None when Liquid must be asked: a value is missing, or not text or number."""
    parts = pieces(template)
    if parts is None:
        return None
    out: list[str] = []
    size = 0
    for part in parts:
        text = part if type(part) is str else _shown(part, values, html=html)
        if text is None:
            return None
        size += len(text)
        out.append(text)
    return "".join(out) if 4 * size <= most else None


def _shown(path: Piece, values: Mapping[str, object], *, html: bool) -> str | None:
    value: object = values
    for name in path:
        if type(value) is not dict or name not in value:
            return None
        value = value[name]
    if type(value) is int and -_LARGEST < value < _LARGEST:
        return str(value)
    if type(value) is not str:
        return None
    return str(escape(value)) if html else value
