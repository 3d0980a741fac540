"""Funnels: how far viewers go, and how long it takes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.insights import asking
from services.segment.actions.insights.asking import Cell
from services.segment.rules.insights.cells import Unsayable
from services.segment.rules.parts import is_small
from services.segment.schemas.insights.funnels import FunnelCell, FunnelInput, FunnelLine, FunnelOutput, StepOutput
from services.segment.store.insights import funnels
from shared.errors import Invalid


async def answer(session: AsyncSession, asked: FunnelInput) -> FunnelOutput:
    """The steps of a funnel. Raises Invalid and what the warehouse raises."""
    begun = await asking.begun(session, asked, asked.split)
    rows = await asking.ask(session, funnels.numbers(begun, asked))
    everybody = [row for row in rows if row["of_all_parts"]]
    parts = sorted(
        (row for row in rows if not row["of_all_parts"]), key=lambda row: (row["part"] < 0, abs(row["part"]))
    )
    lines = [FunnelLine(split=None, steps=_steps(asked, row)) for row in everybody]
    lines += [FunnelLine(split=asking.part_of(row), steps=_steps(asked, row)) for row in parts]
    return FunnelOutput(lines=lines, **asking.told(asked, begun))


async def cell(session: AsyncSession, asked: FunnelInput, wanted: FunnelCell) -> Cell:
    """One step of a funnel. Raises Invalid."""
    dropped = wanted.outcome == "dropped"
    if wanted.step > len(asked.steps) or (dropped and wanted.step == 1):
        raise Invalid("is no step of this funnel that one could reach or drop out before", field="cell.step")
    if wanted.split is not None and asked.split is None:
        raise Invalid("the funnel is not split", field="cell.split")
    begun = await asking.begun(session, asked, asked.split)
    return Cell(
        page=lambda after, limit: funnels.viewers(begun, asked, wanted.step, dropped, wanted.split, after, limit),
        rule=_unsayable,
    )


def _unsayable() -> dict[str, Any]:
    raise Unsayable("the steps of a rule reach back from now, those of a funnel from a time: save it as a list")


def _steps(asked: FunnelInput, row: dict[str, Any]) -> list[StepOutput]:
    steps = []
    first = before = row["n1"]
    for number, happening in enumerate(asked.steps, 1):
        reached = row[f"n{number}"]
        steps.append(
            StepOutput(
                event=happening.event,
                viewers=reached,
                dropped=before - reached,
                of_first=reached / first if first else None,
                of_previous=reached / before if before else None,
                median_seconds=row.get(f"m{number}"),
                small=is_small(before),
                median_small=is_small(reached),
            )
        )
        before = reached
    return steps
