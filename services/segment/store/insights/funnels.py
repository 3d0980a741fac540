"""Statements of funnels: every beginning followed as far as it goes, and the best one of each viewer."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from datetime import timedelta

from services.segment.schemas.insights.common import Part
from services.segment.schemas.insights.funnels import FunnelInput
from services.segment.schemas.rule import span
from services.segment.store.insights.draft import Asking, Draft, Meant, Statement


def _ranked(asking: Asking, asked: FunnelInput) -> Draft:
    """`ranked`: profile_id, t1 … tn (NULL from the first step that was not reached on), depth, label, part."""
    draft = Draft(asking)
    window = span(asked.window)
    _strict(draft, asked, window) if asked.strict else _loose(draft, asked, window)
    steps = len(asked.steps)
    depth = " + ".join(f"(t{step} IS NOT NULL)::INT" for step in range(1, steps + 1))
    # Of a viewer's beginnings the one that goes furthest counts, and of those the earliest.
    draft.part(
        "best",
        f"SELECT *, {depth} AS depth FROM c{steps}"
        " QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY depth DESC, t1, event_id) = 1",
    )
    draft.labelled("told", "best", asked.split)
    draft.ranked("told", asked.split, "true")
    return draft


def _loose(draft: Draft, asked: FunnelInput, window: timedelta) -> None:
    """Other events may lie between: each step is the first of its kind after the one before."""
    asking = draft.asking
    length, label = _length(draft, window), _label(asked)
    first, *others = asked.steps
    meant = Meant(first.event, first.where, asked.split)
    draft.happened("s1", meant, since=asking.start, until=asking.end)
    draft.part("c1", f"SELECT profile_id, event_id{label}, time AS t1 FROM s1")
    until = min(asking.end + window, asking.as_of) + timedelta.resolution
    for step, one in enumerate(others, 2):
        draft.happened(f"s{step}", Meant(one.event, one.where), since=asking.start, until=until)
        draft.part(
            f"c{step}",
            f"SELECT c.*, CASE WHEN s.time <= c.t1 + {length} THEN s.time END AS t{step}"
            f" FROM c{step - 1} c ASOF LEFT JOIN (SELECT profile_id, time FROM s{step}) s"
            f" ON c.profile_id = s.profile_id AND c.t{step - 1} < s.time",
        )


def _strict(draft: Draft, asked: FunnelInput, window: timedelta) -> None:
    """Each step is the very next event of the viewer, whatever it is."""
    asking = draft.asking
    length = _length(draft, window)
    until = min(asking.end + window, asking.as_of) + timedelta.resolution
    meant = [Meant(one.event, one.where, asked.split) for one in asked.steps]
    draft.everything("everything", meant, since=asking.start, until=until)
    steps = len(asked.steps)
    nexts = ", ".join(
        f"lead(m{step}, {step - 1}) OVER w AS n{step}, lead(time, {step - 1}) OVER w AS at{step}"
        for step in range(2, steps + 1)
    )
    draft.part(
        "lined",
        f"SELECT *, time AS at1, {nexts} FROM everything WINDOW w AS (PARTITION BY profile_id ORDER BY time, event_id)",
    )
    reached, columns = [], []
    for step in range(2, steps + 1):
        reached.append(f"n{step} AND at{step} > at{step - 1} AND at{step} <= at1 + {length}")
        columns.append(f"CASE WHEN {' AND '.join(reached)} THEN at{step} END AS t{step}")
    draft.part(
        f"c{steps}",
        f"SELECT profile_id, event_id{_label(asked)}, time AS t1, {', '.join(columns)} FROM lined"
        f" WHERE m1 AND time < {draft.value(asking.end)}",
    )


def _length(draft: Draft, window: timedelta) -> str:
    return f"INTERVAL ({draft.value(window // timedelta.resolution)}) MICROSECOND"


def _label(asked: FunnelInput) -> str:
    """The column that comes along when the first step's property tells parts apart."""
    return ", label" if asked.split is not None and asked.split.property is not None else ""


def numbers(asking: Asking, asked: FunnelInput) -> Statement:
    """Columns part, label, of_all_parts, n1 … nn (viewers who reached a step), m2 … mn (median seconds)."""
    draft = _ranked(asking, asked)
    steps = range(1, len(asked.steps) + 1)
    counts = ", ".join(f"count(t{step}) AS n{step}" for step in steps)
    medians = ", ".join(
        f"median(date_diff('microsecond', t{step - 1}, t{step})) / 1e6 AS m{step}" for step in steps[1:]
    )
    sets = "" if asked.split is None else " GROUP BY GROUPING SETS ((), (part))"
    return draft.done(f"SELECT {draft.parted(asked.split)}, {counts}, {medians} FROM ranked{sets}")


def viewers(
    asking: Asking, asked: FunnelInput, step: int, dropped: bool, part: Part | None, after: int, limit: int
) -> Statement:
    """The viewers who reached a step, or those who reached only the one before."""
    draft = _ranked(asking, asked)
    depth = f"depth = {draft.value(step - 1)}" if dropped else f"depth >= {draft.value(step)}"
    return draft.viewers(f"SELECT profile_id FROM ranked WHERE {depth} AND {draft.of_part(part)}", after, limit)
