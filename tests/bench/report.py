"""A measured number beside its baseline, as a table for people or as lines of JSON."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from shared import telemetry


class Line(msgspec.Struct, frozen=True):
    """`ratio` is value / baseline; a line without a baseline has neither."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None


def line(name: str, values: Iterable[float], unit: str, baselines: Iterable[float] = ()) -> Line:
    """The medians of the rounds. The ratio is that of the medians, so that one disturbed round decides nothing."""
    value, beside = median(values), list(baselines)
    if not beside:
        return Line(name, round(value, 3), unit)
    base = median(beside)
    return Line(name, round(value, 3), unit, round(base, 3), round(value / base, 3))


def quiet() -> None:
    """Standard output is for results: what the kernel logs as errors in this process goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        telemetry.configure("bench", "ERROR")


def show(lines: Iterable[Line], *, as_json: bool) -> None:
    """Print them."""
    if as_json:
        for each in lines:
            print(msgspec.json.encode(each).decode())
        return
    table = Table("name", "value", "unit", "baseline", "ratio")
    for column in table.columns[1:]:
        column.justify = "right"
    table.columns[2].justify = "left"
    for each in lines:
        baseline = "" if each.baseline is None else f"{each.baseline:,.2f}"
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        table.add_row(each.name, f"{each.value:,.2f}", each.unit, baseline, ratio)
    Console().print(table)
