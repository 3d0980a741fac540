"""The filters of the list of people as a rule, so that who was found can become a segment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.console import names
from gateway.console.pages.people.filters import Filters

_DATES = {"gt": "after", "gte": "after", "lt": "before", "lte": "before"}


def href(filters: Filters, types: Mapping[str, str]) -> str:
    """The builder's address with the filters as a rule. `types` are those of the traits."""
    return f"/segments/new?{urlencode({'rule': json.dumps(rule_of(filters, types), ensure_ascii=False)})}"


def rule_of(filters: Filters, types: Mapping[str, str]) -> dict[str, Any]:
    """The rule that holds for whom the filters find. A search is none of it: there is no rule about parts of ids."""
    found: list[dict[str, Any]] = [{"in_segment": filters.segment}] if filters.segment else []
    found += [_compared(one, types) for one in filters.traits]
    found += [{"tag": one} for one in filters.tags] + [{"has": one} for one in filters.has]
    if filters.seen:
        days = int(filters.seen)
        lately = {"last": names.ANY, "within": f"{abs(days)}d"}
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
