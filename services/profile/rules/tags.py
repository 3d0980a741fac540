"""Decisions about tags: what a rule may follow, and what a sample says about a tag."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

SMALL = 30
"""A cell of fewer viewers says nothing for certain."""

Z = 1.959963984540054
"""Quantile of the normal distribution for 95 % on two sides."""


def asked(rule: Any) -> set[str]:
    """Tags that a segment's rule asks about."""
    return set(_asked(rule))


def _asked(rule: Any) -> Iterator[str]:
    if isinstance(rule, Mapping):
        if isinstance(rule.get("tag"), str):
            yield rule["tag"]
        for kind in ("all", "any"):
            for child in rule.get(kind) or ():
                yield from _asked(child)
        yield from _asked(rule.get("not"))


def circle(tag: str, segment: str, asks: Mapping[str, Collection[str]], follows: Mapping[str, str]) -> list[str] | None:
    """The way from a tag over segments and tags back to itself, if it follows this segment; None when there is none.

    `asks` names the tags each segment's rule asks about, `follows` the segment of each tag by rule. A tag that depends
    on itself has no right answer: in `not` it would change for ever.
    """
    follows = {**follows, tag: segment}
    seen: set[str] = set()
    waiting: list[tuple[str, list[str]]] = [(tag, [tag])]
    while waiting:
        name, way = waiting.pop()
        its = follows.get(name)
        if its is None or name in seen:
            continue
        seen.add(name)
        for further in sorted(asks.get(its, ())):
            if further == tag:
                return [*way, its, tag]
            waiting.append((further, [*way, its, further]))
    return None


def words(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What people may call these tags, given as (key, name): the key, or a name that one tag alone has → key."""
    known = list(tags)
    names = Counter(name for _, name in known)
    return {name: key for key, name in known if names[name] == 1} | {key: key for key, _ in known}


class Interval(NamedTuple):
    """A value, and where it lies with 95 % certainty."""

    value: float
    low: float
    high: float


def wilson(hits: int, of: int) -> Interval:
    """A share with its score interval (Wilson 1927, JASA 22; Brown, Cai, DasGupta 2001, eq. 4)."""
    if of == 0:
        return Interval(0.0, 0.0, 1.0)
    share = hits / of
    middle = share + Z * Z / (2 * of)
    spread = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    scale = 1 + Z * Z / of
    # At the ends rounding would leave a hair where there is nothing.
    low = 0.0 if hits == 0 else (middle - spread) / scale
    high = 1.0 if hits == of else (middle + spread) / scale
    return Interval(share, low, high)


def difference(hits: int, of: int, other_hits: int, other_of: int) -> Interval:
    """First share minus the second, with the hybrid score interval (Newcombe 1998, Stat. Med. 17, 873, method 10)."""
    one, two = wilson(hits, of), wilson(other_hits, other_of)
    value = one.value - two.value
    below = math.hypot(one.value - one.low, two.high - two.value)
    above = math.hypot(one.high - one.value, two.value - two.low)
    return Interval(value, value - below, value + above)


def lift(hits: int, of: int, other_hits: int, other_of: int) -> Interval | None:
    """First share as a multiple of the second, with the log interval (Katz et al. 1978, Biometrics 34).

    None where one of them is zero: the multiple or its interval is not defined.
    """
    if not hits or not other_hits or not of or not other_of:
        return None
    value = (hits / of) / (other_hits / other_of)
    spread = Z * math.sqrt(1 / hits - 1 / of + 1 / other_hits - 1 / other_of)
    return Interval(value, value * math.exp(-spread), value * math.exp(spread))


def phi(both: int, one: int, two: int, of: int) -> float | None:
    """Correlation of two yes-or-no properties: the phi coefficient (Pearson's r of two indicators).

    `both` have both, `one` and `two` have each. None where all or none have one of them.
    """
    variance = one * (of - one) * two * (of - two)
    return None if variance <= 0 else (of * both - one * two) / math.sqrt(variance)
