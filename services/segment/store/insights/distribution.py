"""Statements of distributions: a number of each viewer, or of each event."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from services.segment.schemas.insights.distribution import QUANTILES, Bin, DistributionInput
from services.segment.store.insights.draft import Asking, Draft, Meant, Statement


def _drafted(asking: Asking, asked: DistributionInput) -> Draft:
    """`told`: profile_id and value."""
    draft = Draft(asking)
    of = asked.property if asked.property is not None else asked.sum
    draft.happened("happened", Meant(asked.event, asked.where, of=of), since=asking.start, until=asking.end)
    draft.part("numbered", f"SELECT profile_id, {'1.0::DOUBLE' if of is None else 'amount'} AS value FROM happened")
    if asked.property is not None:
        draft.part("told", "SELECT profile_id, value FROM numbered WHERE value IS NOT NULL")
    else:
        draft.part(
            "told",
            "SELECT profile_id, sum(value) AS value FROM numbered WHERE value IS NOT NULL GROUP BY profile_id",
        )
    return draft


def numbers(asking: Asking, asked: DistributionInput) -> Statement:
    """One row: count, viewers, mean, least, greatest, whole (whether all are whole numbers), quantiles."""
    return _drafted(asking, asked).done(
        "SELECT count(*) AS count, count(DISTINCT profile_id) AS viewers, avg(value) AS mean, min(value) AS least,"
        " max(value) AS greatest, coalesce(bool_and(value = floor(value)), false) AS whole,"
        f" quantile_cont(value, {list(QUANTILES)}) AS quantiles FROM told"
    )


def bins(asking: Asking, asked: DistributionInput, edges: Sequence[float]) -> Statement:
    """Columns place, count, viewers: of the bins that begin at these edges."""
    draft = _drafted(asking, asked)
    types = {"edge": pa.float64(), "place": pa.int32()}
    draft.table("bins", {"edge": edges, "place": range(len(edges))}, types)
    return draft.done(
        "SELECT b.place, count(*) AS count, count(DISTINCT t.profile_id) AS viewers"
        " FROM told t ASOF JOIN bins b ON t.value >= b.edge GROUP BY b.place"
    )


def viewers(asking: Asking, asked: DistributionInput, cell: Bin, after: int, limit: int) -> Statement:
    """The viewers of one bin."""
    draft = _drafted(asking, asked)
    low, high = draft.value(float(cell.from_)), draft.value(float(cell.to))
    inside = f"value >= {low} AND value {'<=' if cell.last else '<'} {high}"
    return draft.viewers(f"SELECT DISTINCT profile_id FROM told WHERE {inside}", after, limit)
