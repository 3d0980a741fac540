"""Which creatives a viewer sees on a placement: matching audience, highest priority, ties by sticky bucket."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from shared.contracts import CreativeShown
from shared.experiment import bucket


@dataclass(frozen=True, slots=True)
class Creative:
    """One creative, ready to be shown. `audience` is a segment key, or None for everyone."""

    shown: CreativeShown
    audience: str | None
    priority: int
    link_url: str | None

    @property
    def reason(self) -> str:
        """Why whoever sees it sees it."""
        return "everyone" if self.audience is None else f"segment:{self.audience}"


@dataclass(frozen=True, slots=True)
class Placement:
    """A placement with its creatives in tiers of equal priority, highest first."""

    key: str
    slots: int
    tiers: tuple[tuple[Creative, ...], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One creative for one slot, and how probable it was there over the draw of buckets."""

    creative: Creative
    probability: float


def arrange(key: str, slots: int, creatives: Iterable[Creative]) -> Placement:
    """Sort once, at the change, so that no decision has to."""
    ranked = sorted(creatives, key=lambda creative: (-creative.priority, creative.shown.key))
    tiers = tuple(tuple(tier) for _, tier in groupby(ranked, key=lambda creative: creative.priority))
    return Placement(key=key, slots=slots, tiers=tiers)


def choose(placement: Placement, segments: Collection[str], unit: str) -> list[Choice]:
    """At most `slots` choices, best first; empty when nothing matches.

    Equals of one priority take turns: the viewer's bucket says who of them comes first and the others follow in the
    order of their keys. So each of n equals stands in each of the tier's n places with probability 1/n.
    """
    choices: list[Choice] = []
    drawn: float | None = None
    for tier in placement.tiers:
        matching = [one for one in tier if one.audience is None or one.audience in segments]
        if not matching:
            continue
        count = len(matching)
        first = 0
        if count > 1:
            if drawn is None:
                drawn = bucket(placement.key, unit)
            first = int(drawn * count)
        for turn in range(min(count, placement.slots - len(choices))):
            choices.append(Choice(creative=matching[(first + turn) % count], probability=1 / count))
        if len(choices) == placement.slots:
            break
    return choices
