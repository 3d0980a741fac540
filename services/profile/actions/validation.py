"""What a tag is worth: how many have it, whether they reach a goal more often, which other tags say the same."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import tags
from services.profile.rules import tags as rules
from services.profile.rules.tags import Interval
from services.profile.schemas.tags import (
    AdoptInput,
    Between,
    Correlation,
    GoalOutput,
    Rate,
    TagOutput,
    ValidationOutput,
)
from services.profile.store import validation as store
from services.profile.store.tags import IN_USE
from shared import clock
from shared.errors import Conflict

MOST = 100
"""Correlations shown."""


class SmallSample(Conflict):
    """The sample is too small to take this tag into use"""


async def of(session: AsyncSession, key: str, *, goal: str | None, days: int) -> ValidationOutput:
    """What the viewers of this moment say about a tag, with what they did in the last `days`. Raises UnknownTag."""
    row = await tags.known(session, key)
    now = clock.now()
    warnings: list[str] = []
    reached: GoalOutput | None = None
    if goal is None:
        tagged, everybody = await store.coverage(session, key, now)
    else:
        found = await store.cells(session, key, goal=goal, since=now - timedelta(days=days), at=now)
        tagged, everybody = found.tagged, found.everybody
        without, others = everybody - tagged, found.others
        ratio = rules.lift(found.both, tagged, others, without)
        reached = GoalOutput(
            event=goal,
            days=days,
            tagged=_rate(found.both, tagged),
            untagged=_rate(others, without),
            difference=_between(rules.difference(found.both, tagged, others, without)),
            lift=None if ratio is None else _between(ratio),
        )
        warnings += [
            f"{words}: {count}, fewer than {rules.SMALL}"
            for words, count in (
                ("viewers with the tag who reached the goal", found.both),
                ("viewers with the tag who did not", tagged - found.both),
                ("viewers without it who reached the goal", others),
                ("viewers without it who did not", without - others),
            )
            if count < rules.SMALL
        ]
    for words, count in (("viewers with the tag", tagged), ("viewers without it", everybody - tagged)):
        if count < rules.SMALL:
            warnings.append(f"{words}: {count}, fewer than {rules.SMALL}")
    correlations = [
        Correlation(key=one.key, both=one.both, phi=rules.phi(one.both, tagged, one.size, everybody))
        for one in await store.others(session, key, now)
    ]
    correlations.sort(key=lambda one: (-abs(one.phi or 0.0), one.key))
    return ValidationOutput(
        key=key,
        state=row.state,
        coverage=_rate(tagged, everybody),
        goal=reached,
        correlations=correlations[:MOST],
        small_sample=bool(warnings),
        warnings=warnings,
        at=now,
    )


def _rate(count: int, of: int) -> Rate:
    share = rules.wilson(count, of)
    return Rate(count=count, of=of, value=share.value, low=share.low, high=share.high)


def _between(interval: Interval) -> Between:
    return Between(value=interval.value, low=interval.low, high=interval.high)


async def adopt(session: AsyncSession, key: str, wanted: AdoptInput) -> TagOutput:
    """Take a tag into use. Raises SmallSample unless forced."""
    if not wanted.force:
        found = await of(session, key, goal=wanted.goal, days=wanted.days)
        if found.small_sample:
            raise SmallSample(f"{'; '.join(found.warnings)}. Wait for more, or send force: true", field="force")
    return await tags.put_state(session, key, IN_USE)
