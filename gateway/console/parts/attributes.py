"""Attributes of elements whose values are not ours.

NiceGUI's `props("…")` parses a text, and what it finds under a name that begins with a colon it runs as a script in the
browser. A quotation mark in an event's name would be enough to begin one, so a text that is put together never goes
there (`tests/console/test_source.py` reads the source for it): values are set by name.
"""

from __future__ import annotations

from typing import TypeVar

from nicegui import ui

Made = TypeVar("Made", bound=ui.element)


def attributes(element: Made, **values: str | float | bool | None) -> Made:
    """The element with these attributes: `attributes(link, href=href, aria_label=name)`; None leaves one out."""
    for name, value in values.items():
        if value is not None:
            element.props[name.rstrip("_").replace("_", "-")] = value
    return element
