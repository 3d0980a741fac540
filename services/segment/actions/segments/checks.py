"""Whether a rule can be asked: what it asks of other segments, how large it is, how far it looks back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules import graph
from services.segment.schemas.rule import PURPOSES, Consent, HasBeen, InSegment, Rule, fault, parse, walk
from services.segment.settings import Settings
from services.segment.store import definitions, viewers
from services.segment.store.rows import AnyRow
from shared import clock
from shared.database import settings_of
from shared.errors import Conflict, Invalid

MOST_PARTS = 1000
"""Parts of a rule together with the rules of all segments it asks: they are judged as one."""


class Circle(Conflict):
    """The segment would depend on itself"""


async def check(session: AsyncSession, key: str, rule: Rule) -> None:
    """Whether what a rule asks of other segments can be answered. Raises Invalid with the field, Circle, and Invalid.

    The graph must be locked, or two rules saved at once could close a circle.
    """
    alive = {row.key: row for row in await definitions.active(session)}
    for path, node in walk(rule):
        if isinstance(node, InSegment) and node.in_segment not in alive and node.in_segment != key:
            where = ".".join(map(str, ("rule", *path, "in_segment")))
            raise Invalid(f"there is no segment {node.in_segment!r}", field=where)
    asked = {**await edges(session), key: graph.asked(rule).keys}
    if way := graph.circle(key, asked):
        raise Circle(f"it would ask itself: {' → '.join(way)}", field="rule")
    await possible(session, rule, key=key)


async def possible(
    session: AsyncSession, rule: Rule, *, key: str = "", field: str = "rule", at: datetime | None = None
) -> None:
    """Whether a rule can be judged, saved by this key or only tried, now or then. Raises Invalid with the field.

    It may have MOST_PARTS together with the rules it asks, and so may whoever asks it.
    """
    rows = {row.key: row for row in await definitions.active(session)}
    _look_back(session, rows, rule, at or clock.now(), field)
    rules = {one.key: one.rule for one in (await judging.book(session)).definitions.values() if one.rule is not None}
    rules[key] = rule
    asked = {one: graph.asked(rule_).keys for one, rule_ in rules.items()}
    sizes = {one: sum(1 for _ in walk(rule_)) for one, rule_ in rules.items()}
    for one in (key, *sorted(graph.dependents([key], asked))):
        parts = graph.size(one, asked, sizes)
        if parts > MOST_PARTS:
            who = "it has" if one == key else f"{one!r}, which asks it, would have"
            told = f"with the segments that are asked {who} {parts} parts, at most {MOST_PARTS} are judged"
            raise Invalid(told, field=field)
    for path, node in walk(rule):
        if isinstance(node, Consent) and (near := await _slip(session, node.consent)):
            where = ".".join(map(str, (field, *path, "consent")))
            raise Invalid(f"nobody was ever asked for {node.consent!r}; did you mean {near!r}?", field=where)


def _look_back(session: AsyncSession, alive: Mapping[str, AnyRow], rule: Rule, at: datetime, field: str) -> None:
    """Whether the log tells of segments as far back as a rule asks about them (`has_been`). Raises Invalid.

    `alive` are the segments that live, by key. The log is kept as long as saved rules ask (`timed.tidy`).
    """
    for path, node in walk(rule):
        where = ".".join(map(str, (field, *path, "for")))
        for key, span in (graph.asked(node).since if isinstance(node, HasBeen) else {}).items():
            settings = settings_of(session)
            assert isinstance(settings, Settings)
            if span > timedelta(days=settings.log_days):
                told = f"who was in a segment is kept {settings.log_days} days (MARQUEE_LOG_DAYS): ask for no longer"
                raise Invalid(told, field=where)
            row = alive.get(key)
            # a log that begins with its segment tells all there is
            if row is not None and row.log_from > row.created_at and at - span < row.log_from:
                since = row.log_from.astimezone(UTC).isoformat()
                raise Invalid(f"who was in {key!r} is known since {since}: ask for less, or later", field=where)


async def _slip(session: AsyncSession, purpose: str) -> str | None:
    """The purpose that is meant by a name so close to it that nobody was asked for."""
    near = difflib.get_close_matches(purpose, PURPOSES, n=1, cutoff=0.75)
    known = purpose in PURPOSES or not near or await viewers.answered(session, purpose)
    return None if known else near[0]


async def edges(session: AsyncSession) -> Mapping[str, frozenset[str]]:
    """Which segment that lives asks which."""
    return {one.key: graph.asked(one.rule).keys for one in (await judging.book(session)).definitions.values()}


def readable(rule: Any) -> Rule:
    """A rule as it was saved. Raises Invalid where this version does not understand it."""
    try:
        return parse(rule)
    except ValidationError as error:
        where, wrong = fault(error)
        raise Invalid(f"was saved by another version and cannot be read: {wrong}; say it anew", field=where) from error
