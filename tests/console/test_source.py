"""What the console's source must not do, since a browser would run it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gateway.console

HERE = Path(gateway.console.__file__).parent
RAW = {"html", "markdown", "run_javascript", "add_head_html", "add_body_html"}
"""Calls whose texts become part of the page as they are."""


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Every call of something that is looked up, with where it stands and its name."""
    for path in sorted(HERE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{path.relative_to(HERE)}:{node.lineno}", node, node.func.attr


def written_here(value: ast.expr) -> bool:
    """Whether a text stands in the source as it is, or is one of two that do."""
    if isinstance(value, ast.IfExp):
        return written_here(value.body) and written_here(value.orelse)
    return isinstance(value, ast.Constant)


def test_no_text_that_is_put_together_becomes_attributes() -> None:
    """`props` runs what stands behind a colon, so a quotation mark in someone's name would begin a script."""
    given = [
        (where, value)
        for where, call, name in calls()
        if name in ("props", "default_props")
        for value in (*call.args, *(one.value for one in call.keywords))
    ]
    assert len(given) > 50
    assert [where for where, value in given if not written_here(value)] == []


def test_texts_become_part_of_a_page_as_they_are_in_two_places() -> None:
    """The icon and the script of the sign-in form, neither of which has anything of a viewer or operator in it."""
    assert [where.split(":")[0] for where, _, name in calls() if name in RAW] == ["pages/signin.py", "theme.py"]
