"""Shared widgets: every page is made of these, so that all pages look and behave alike.

| part | what it is |
|---|---|
| `panel(title)` `figure(…)` `facts(…)` `badge(…)` `row()` `stack()` `grid()` | layout and small things |
| `pills(…)` `tabs(…)` | links to the views of one page |
| `button(text, on_click)` | kinds: primary, plain, quiet, danger; `href` makes it a link |
| `button(…, renews=box)` `renewing(…)` | from the click on the box is closed, until it is drawn anew |
| `attributes(element, name=value)` | attributes whose values are texts of someone |
| `Table`, `Column`, `Link`, `Named`, `Badge`, `Chips`, `Spark`, `When` | tables and their cells |
| `Listing` | a table that pages a list of the API |
| `lines`, `bars`, `heat`, `radar`, `funnel`, `chart` | charts in the console's palette |
| `later(build)` | a region that loads after the page is shown, and can be refreshed |
| `confirm`, `dialog` | questions; a destructive act asks |
| `empty`, `failed`, `show_error`, `say`, `alert` | what is not there, what went wrong, what worked |
| `progress`, `job`, `download` | long work |
"""

from __future__ import annotations

from gateway.console.parts.attributes import attributes
from gateway.console.parts.basics import (
    Tone,
    alert,
    badge,
    button,
    empty,
    facts,
    figure,
    figure_line,
    grid,
    panel,
    pills,
    renewing,
    row,
    skeleton,
    stack,
    tabs,
    when,
)
from gateway.console.parts.charts import bars, chart, funnel, heat, lines, radar
from gateway.console.parts.dialogs import confirm, dialog, secret
from gateway.console.parts.errors import failed, field_errors, say, show_error, words
from gateway.console.parts.files import download
from gateway.console.parts.progress import job, progress
from gateway.console.parts.regions import Region, later
from gateway.console.parts.table import Act, Badge, Chips, Column, Link, Listing, Named, Spark, Table, When

__all__ = [
    "Act",
    "Badge",
    "Chips",
    "Column",
    "Link",
    "Listing",
    "Named",
    "Region",
    "Spark",
    "Table",
    "Tone",
    "When",
    "alert",
    "attributes",
    "badge",
    "bars",
    "button",
    "chart",
    "confirm",
    "dialog",
    "download",
    "empty",
    "facts",
    "failed",
    "field_errors",
    "figure",
    "figure_line",
    "funnel",
    "grid",
    "heat",
    "job",
    "later",
    "lines",
    "panel",
    "pills",
    "progress",
    "radar",
    "renewing",
    "row",
    "say",
    "secret",
    "show_error",
    "skeleton",
    "stack",
    "tabs",
    "when",
    "words",
]
