"""The filters of the list of people as a rule, so that who was found can become a segment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from gateway.console.desk import Desk
from gateway.console.pages.people.filters import Filters

MOST_EVENTS = 40
"""A rule has at most 100 parts; these are the events that viewers did most."""
_DATES = {"gt": "after", "gte": "after", "lt": "before", "lte": "before"}


async def href(desk: Desk, filters: Filters, types: Mapping[str, str]) -> str:
    """The builder's address with the filters as a rule. `types` are those of the traits."""
    seen = await _events(desk) if filters.seen else []
    return f"/segments/new?{urlencode({'rule': json.dumps(rule_of(filters, types, seen), ensure_ascii=False)})}"


def rule_of(filters: Filters, types: Mapping[str, str], events: Sequence[str]) -> dict[str, Any]:
    """The rule that holds for whom the filters find; a search by name is none of it.

    `seen` becomes any of the events that happen here: the rule language asks for events by name.
    """
    found: list[dict[str, Any]] = [{"in_segment": filters.segment}] if filters.segment else []
    found += [_compared(one, types) for one in filters.traits]
    found += [{"tag": one} for one in filters.tags] + [{"has": one} for one in filters.has]
    if filters.seen and events:
        days = int(filters.seen)
        lately = {"any": [{"did": one, "within": f"{abs(days)}d"} for one in events]}
        found.append(lately if days > 0 else {"not": lately})
    return {"all": found}


def _compared(condition: str, types: Mapping[str, str]) -> dict[str, Any]:
    name, operator, value = [*condition.split(":", 2), "", ""][:3]
    kind = types.get(name, "")
    if kind == "date" and operator in _DATES:
        return {"trait": name, _DATES[operator]: value}
    if kind == "boolean":
        return {"trait": name, operator: value.lower() == "true"}
    if kind in ("integer", "number") or operator in _DATES:
        try:
            number = float(value)
        except ValueError:
            return {"trait": name, operator: value}
        return {"trait": name, operator: int(number) if number.is_integer() else number}
    return {"trait": name, operator: value}


async def _events(desk: Desk) -> list[str]:
    """Names of the events that came in lately, those that came most first."""
    counts: dict[str, int] = {}
    for one in (await desk.api.get("/v1/quality"))["events"]:
        if not one["event"].startswith("("):
            counts[one["event"]] = counts.get(one["event"], 0) + one["recorded"]
    return sorted(counts, key=lambda name: -counts[name])[:MOST_EVENTS]
