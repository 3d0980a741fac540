"""Leaves about what is known of a viewer: what profile told, his bucket, and since when it is so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import ibis

from services.segment.rules.compile import comparisons, engine, instants, values
from services.segment.rules.compile.events import Answer
from services.segment.schemas.rule import Bucket, Consent, Has, InSegment, Leaf, Score, Tagged, Trait


def told(leaf: Leaf, joined: Any, at: datetime) -> Answer:
    """A leaf about what profile told."""
    match leaf:
        case Trait():
            value = values.field(joined.traits, leaf.trait)
            return Answer(comparisons.holds(leaf, value, at), comparisons.flips(leaf, value, at))
        case Tagged():
            holds = joined.tags.contains(leaf.tag).fill_null(False)
            if leaf.weight is not None:
                # a tag that nobody weighed holds wholly
                weight = values.number(values.field(joined.weights, leaf.tag)).fill_null(1.0)
                holds = values.every([holds, *(comparisons.bounded(weight, *bound) for bound in leaf.weight.bounds)])
        case Score():
            value = values.field(joined.scores, leaf.score)
            if leaf.operator == "exists":
                holds = values.present(value) if leaf.operand else ~values.present(value)
            else:
                holds = comparisons.bounded(values.number(value), leaf.operator, leaf.operand).fill_null(False)
        case Consent():
            value = values.field(joined.consent, leaf.consent)
            holds = (value == ("true" if leaf.answer else "false")).fill_null(False)
        case Has():
            holds = joined.has.contains(leaf.has).fill_null(False)
        case _:
            raise TypeError(f"{type(leaf).__name__} is nothing that profile tells")
    return Answer(holds, instants.never())


def share(leaf: Bucket, joined: Any) -> Answer:
    """The bucket that shared.experiment gives the viewer: the first 53 bits of a SHA-256 over salt and id."""
    seed = ibis.literal(leaf.bucket.salt) + engine.character(0) + joined.profile_id.cast("string")
    place = engine.bits(engine.sha256(seed))
    low, high = (ibis.literal(_step(one), "int64") for one in (leaf.bucket.from_, leaf.bucket.to))
    return Answer((place >= low) & (place < high), instants.never())


def _step(share: float) -> int:
    """The least 53-bit number whose share is not below this one."""
    scaled = float(share) * (1 << 53)  # exact: a power of two
    return -int(-scaled // 1)


def listed(key: str, joined: Any) -> Answer:
    """Whether he stands on a static list."""
    table = ibis.table({"profile_id": "int64"}, name=f"list_{key}")
    return Answer(joined.profile_id.isin(table.profile_id), instants.never())


def entries(key: str) -> Any:
    """What was told last of whom of a segment: told_id_<key>, inside_<key>, at_<key>."""
    table = ibis.table({"profile_id": "int64", "inside": "boolean", "at": engine.INSTANT}, name=f"told_{key}")
    return table.rename({f"told_id_{key}": "profile_id", f"inside_{key}": "inside", f"at_{key}": "at"})


def since(leaf: Leaf, joined: Any, at: datetime, holds: Callable[[Leaf], Any]) -> Any:
    """Since when a leaf's answer has stood; null: as long as anybody knows."""
    match leaf:
        case Trait():
            said = values.field(joined.since, leaf.trait)
            is_there = values.present(values.field(joined.traits, leaf.trait))
        case Tagged():
            said = values.field(joined.tag_since, leaf.tag)
            is_there = joined.tags.contains(leaf.tag).fill_null(False)
        case Consent():
            said = values.field(joined.consent_since, leaf.consent)
            is_there = values.present(values.field(joined.consent, leaf.consent))
        case InSegment():
            # what was not told yet is so since now
            same = joined[f"inside_{leaf.in_segment}"].fill_null(False) == holds(leaf)
            return ibis.ifelse(same, joined[f"at_{leaf.in_segment}"], engine.at(at))
        case _:
            raise TypeError(f"of {type(leaf).__name__} it is not known since when")
    return ibis.ifelse(is_there, values.said(said).try_cast(engine.INSTANT), instants.never())
