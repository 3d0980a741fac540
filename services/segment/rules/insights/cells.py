"""Cells said as rules, where our language can: those rules stay true, while a list is who was there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.segment.rules.insights.periods import Span
from services.segment.schemas.insights.common import Asked, Part, Split
from services.segment.schemas.insights.distribution import Bin, DistributionInput
from services.segment.schemas.insights.retention import RetentionCell, RetentionInput
from services.segment.schemas.insights.trends import TrendInput
from services.segment.schemas.rule import Where, plain


class Unsayable(Exception):
    """No rule says this cell"""


def written(at: datetime) -> str:
    """An instant as rules write it."""
    return at.isoformat().replace("+00:00", "Z")


def trend(asked: TrendInput, period: Span, part: Part | None) -> dict[str, Any]:
    """Did the event in the period, with the property, the trait or the segment of the part. Raises Unsayable."""
    where = _wheres(asked.where)
    others: list[dict[str, Any]] = []
    if part is not None and asked.split is not None:
        found = _part(asked.split, part)
        if asked.split.property is not None:
            where.append(found)
        else:
            others.append(found)
    if asked.measure.of is not None:
        raise Unsayable("a rule does not ask whether a property is a number: save it as a list")
    return _with(asked, _did(asked.event, where, period.start, period.end), *others)


def retention(asked: RetentionInput, entry: Span, period: Span, cell: RetentionCell, start: datetime) -> dict[str, Any]:
    """Entered in one period and not before; came back (or did not) in a later one."""
    first = _did(asked.entry.event, _wheres(asked.entry.where), entry.start, entry.end)
    earlier = _did(asked.entry.event, _wheres(asked.entry.where), None if asked.first_ever else start, entry.start)
    parts = [first]
    if asked.first_ever or start < entry.start:
        parts.append({"not": earlier})
    if cell.period:
        until = None if asked.or_after else period.end
        back = _did(asked.returned.event, _wheres(asked.returned.where), period.start, until)
        parts.append(back if cell.returned else {"not": back})
    return _with(asked, *parts)


def distribution(asked: DistributionInput, start: datetime, end: datetime, cell: Bin) -> dict[str, Any]:
    """Did it so often, had so much in all, or had an event with such a number."""
    where = _wheres(asked.where)
    bounds = {"gte": cell.from_, "lte" if cell.last else "lt": cell.to}
    if asked.property is not None:
        where += [{"property": asked.property, operator: bound} for operator, bound in bounds.items()]
        return _with(asked, _did(asked.event, where, start, end))
    did = _did(asked.event, where, start, end)
    if asked.sum is not None:
        if cell.from_ <= 0 <= cell.to:
            raise Unsayable("a sum of nothing is 0, and this bin holds 0: save it as a list")
        return _with(asked, {**did, "measure": {"sum": asked.sum}, "times": bounds})
    whole = {
        operator: -int(-bound // 1) if operator != "lte" else int(bound // 1) for operator, bound in bounds.items()
    }
    return _with(asked, {**did, "times": {**whole, "gte": max(1, whole["gte"])}})


def _wheres(where: list[Where]) -> list[dict[str, Any]]:
    return [one.model_dump(by_alias=True, exclude_unset=True) for one in where]


def _did(event: str, where: list[dict[str, Any]], start: datetime | None, end: datetime | None) -> dict[str, Any]:
    bounds = {name: written(at) for name, at in (("from", start), ("to", end)) if at is not None}
    return {"did": event, **({"where": where} if where else {}), **bounds}


def _part(split: Split, part: Part) -> dict[str, Any]:
    if part.value is None:
        raise Unsayable("no rule says all other values: save it as a list")
    if split.segment is not None:
        inside = {"in_segment": split.segment}
        return inside if part.value is True else {"not": inside}
    return {"property" if split.property is not None else "trait": split.property or split.trait, "eq": part.value}


def _with(asked: Asked, *parts: dict[str, Any]) -> dict[str, Any]:
    """These parts, of the viewers that were asked for."""
    whole = list(parts)
    if asked.segment is not None:
        whole.append({"in_segment": asked.segment})
    if asked.rule is not None:
        whole.append(plain(asked.rule))
    return {"all": whole} if len(whole) > 1 else whole[0]
