"""Parts of a split by a trait: the rules that make them, and how labels of the warehouse are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.segment.schemas.rule import parse

FARTHEST = 1e300
"""Rules name no number beyond it."""


@dataclass(frozen=True)
class Values:
    """A trait's most frequent values, as JSON texts; whatever else there is makes the part `other`."""

    trait: str
    labels: Sequence[str]

    def rule(self, place: int) -> dict[str, Any]:
        """The rule of a part: of the value at this place, -1 for other ones, -2 for none."""
        if place == MISSING:
            return {"trait": self.trait, "exists": False}
        if place == OTHER:
            known = [value_of(label) for label in self.labels]
            return {"trait": self.trait, "not_in": known} if known else {"trait": self.trait, "exists": True}
        return {"trait": self.trait, "eq": value_of(self.labels[place])}


@dataclass(frozen=True)
class Bands:
    """Bands of a number between rising edges; what is no number makes the part `other`."""

    trait: str
    edges: Sequence[float]

    def ends(self, place: int) -> tuple[float | None, float | None]:
        """Where a band begins and ends."""
        below = self.edges[place - 1] if place else None
        return below, self.edges[place] if place < len(self.edges) else None

    def rule(self, place: int) -> dict[str, Any]:
        """The rule of a part: of the band at this place, -1 for what is no number, -2 for nothing."""
        if place == MISSING:
            return {"trait": self.trait, "exists": False}
        if place == OTHER:
            number = {"trait": self.trait, "between": [-FARTHEST, FARTHEST]}
            return {"all": [{"trait": self.trait, "exists": True}, {"not": number}]}
        start, end = self.ends(place)
        sides = [{"trait": self.trait, name: edge} for name, edge in (("gte", start), ("lt", end)) if edge is not None]
        return sides[0] if len(sides) == 1 else {"all": sides}


OTHER, MISSING = -1, -2

SMALL = 30
"""Viewers below which a number is marked as a small sample: a share of 29 is off by up to 18 points (95 %)."""


def is_small(viewers: int) -> bool:
    """Whether a number stands on too few viewers."""
    return viewers < SMALL


def value_of(label: str) -> Any:
    """The value behind a label; whole numbers without a point."""
    value = json.loads(label)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def both(*rules: dict[str, Any]) -> dict[str, Any] | None:
    """The rule that all of these hold; None where no rule says it: it would be too large, or a text too long."""
    rule = {"all": [part for one in rules for part in (one["all"] if set(one) == {"all"} else [one])]}
    try:
        parse(rule)
    except ValidationError:
        return None
    return rule


def edges(quantiles: Sequence[float]) -> list[float]:
    """Edges of bands from quantiles: rounded to two digits where they stay apart, and each only once."""
    rounded = [float(f"{one:.2g}") for one in quantiles]
    return sorted(set(rounded if len(set(rounded)) == len(set(quantiles)) else quantiles))
