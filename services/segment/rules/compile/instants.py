"""Instants in SQL: null stands for never."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from services.segment.rules.compile import engine
from services.segment.schemas.rule import instant

DAY = timedelta(days=1)


def never() -> Any:
    """No instant at all."""
    return ibis.null(engine.INSTANT)


def midnight(day: date, where: str) -> datetime:
    """When a local day begins."""
    start = instant(day.isoformat(), where)
    assert start is not None, "rules look at the years 1000 to 2999"
    return start


def shifted(value: Any, length: timedelta) -> Any:
    """An instant so much later; a fixed length, which no calendar stretches."""
    if not length:
        return value
    count = int(length.total_seconds())
    return value + ibis.interval(seconds=count) if count > 0 else value - ibis.interval(seconds=-count)


def after(value: Any, at: datetime) -> Any:
    """The instant if it lies ahead, else null."""
    return ibis.ifelse(value > engine.at(at), value, never())


def soonest(instants: Iterable[Any]) -> ir.TimestampValue:
    """The earliest of these that are not null."""
    found = list(instants)
    return (ibis.least(*found) if len(found) > 1 else found[0]) if found else never()
