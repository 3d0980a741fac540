"""Trying a rule before it is saved: how many, who, how it overlaps, how it splits, whom one could write to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyroaring import BitMap
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions import crowds, judging, segments
from services.segment.actions.knowing import Archived, known
from services.segment.rules import parts
from services.segment.rules.blocks import everyone
from services.segment.rules.parts import MISSING, OTHER, Bands, Values, both, is_small, value_of
from services.segment.schemas.previews import (
    MOST_SEGMENTS,
    Axis,
    Cell,
    Channel,
    ContactsInput,
    ContactsOutput,
    CrossInput,
    CrossOutput,
    OverlapInput,
    OverlapOutput,
    Overlapping,
    Part,
    PreviewInput,
    PreviewOutput,
    SplitInput,
    SplitOutput,
    SplitPart,
)
from services.segment.schemas.rule import InSegment, leaves, parse, plain
from services.segment.store import definitions, log, members, previews
from shared import clock
from shared.database import release
from shared.errors import Invalid

SECONDS = 30.0
"""A preview's time."""


@dataclass(frozen=True)
class Tried:
    """Who is meant: the question to the warehouse, the instant, and the rule as it would be written in a larger one."""

    who: crowds.Crowd
    at: datetime
    rule: dict[str, Any]


async def preview(session: AsyncSession, asked: PreviewInput) -> PreviewOutput:
    """How many, and a few of them. Raises Invalid, UnknownSegment, Archived and what the warehouse raises."""
    tried = await _tried(session, asked)
    (row,) = await _rows(session, tried, previews.count(tried.who.sql))
    return PreviewOutput(count=row["count"], sample=row["sample"], as_of=tried.at)


async def split(session: AsyncSession, asked: SplitInput) -> SplitOutput:
    """The parts by a trait. Raises as preview."""
    tried = await _tried(session, asked)
    rows = await _rows(session, tried, previews.split(tried.who.sql, asked.trait), {"top": asked.top})
    found = {row["part"]: row for row in rows}
    places = sorted(place for place in found if place >= 0)
    values = Values(asked.trait, [found[place]["label"] for place in places])
    count = sum(row["n"] for row in rows)
    return SplitOutput(
        count=count,
        parts=[
            SplitPart(
                **_part(values, place).model_dump(),
                count=found[place]["n"],
                share=found[place]["n"] / count,
                small=is_small(found[place]["n"]),
                rule=both(tried.rule, values.rule(place)),
            )
            for place in [*places, *(one for one in (OTHER, MISSING) if one in found)]
        ],
        as_of=tried.at,
    )


async def cross(session: AsyncSession, asked: CrossInput) -> CrossOutput:
    """The grid of two traits, each cell with the rule that makes it. Raises as preview."""
    tried = await _tried(session, asked)
    who = tried.who.sql
    said = await _rows(session, tried, previews.axes(who, asked.rows.trait, asked.columns.trait))
    found = {row["axis"]: row for row in said}
    rows, columns = _axis(asked.rows, found["rows"]), _axis(asked.columns, found["columns"])
    statement = previews.grid(who, _side(rows), _side(columns))
    sizes = await _rows(session, tried, statement, {"rows": _known(rows), "columns": _known(columns)})
    cells = {(row["r"], row["c"]): row["n"] for row in sizes}
    down, across = _places(rows, [r for r, _ in cells]), _places(columns, [c for _, c in cells])
    return CrossOutput(
        count=sum(cells.values()),
        rows=[_part(rows, place) for place in down],
        columns=[_part(columns, place) for place in across],
        cells=[
            [
                Cell(count=size, small=is_small(size), rule=both(tried.rule, rows.rule(r), columns.rule(c)))
                for c in across
                for size in (cells.get((r, c), 0),)
            ]
            for r in down
        ],
        as_of=tried.at,
    )


async def overlap(session: AsyncSession, asked: OverlapInput) -> OverlapOutput:
    """How many are in the rule and in segments at once, as their members are now. Raises as preview."""
    tried = await _tried(session, asked)
    book = await judging.book(session)
    if asked.with_ is None:
        sizes = await log.sizes(session, list(book.definitions), log.day_of(tried.at))
        chosen = sorted(book.definitions, key=lambda one: (-sizes.get(one, (0,))[0], one))[:MOST_SEGMENTS]
    else:
        for place, key in enumerate(asked.with_):
            if key not in book.ids:
                raise Invalid(f"there is no segment {key!r}, or it is archived", field=f"with[{place}]")
        chosen = [book.ids[key] for key in dict.fromkeys(asked.with_)]
    names = {row.id: row.name for row in await definitions.active(session)}
    bitmaps = []
    for one in chosen:
        # one after the other: whole segments are ten megabytes while they are unpacked, and small afterwards
        bitmaps.append(await asyncio.to_thread(everyone, await members.packed(session, one)))
    table = await _table(session, tried, previews.ids(tried.who.sql))
    bitmaps, matrix = await asyncio.to_thread(_matrix, table["profile_id"], bitmaps)
    count = len(bitmaps[0])
    return OverlapOutput(
        count=count,
        segments=[
            Overlapping(
                key=book.definitions[one].key,
                name=names[one],
                size=len(bitmap),
                both=both_,
                of_rule=both_ / count if count else None,
                of_segment=both_ / len(bitmap) if bitmap else None,
                small=is_small(min(count, len(bitmap))),
            )
            for one, bitmap, both_ in zip(chosen, bitmaps[1:], matrix[0][1:], strict=True)
        ],
        matrix=matrix,
        as_of=tried.at,
    )


def _matrix(rule: pa.ChunkedArray, segments_: Sequence[BitMap]) -> tuple[list[BitMap], list[list[int]]]:
    """The members of a rule and of segments, the rule first, and how many each has in common with each."""
    bitmaps = [BitMap(rule.cast(pa.uint32()).combine_chunks().to_numpy(zero_copy_only=False)), *segments_]
    matrix = [[0] * len(bitmaps) for _ in bitmaps]
    for row, one in enumerate(bitmaps):
        for column, other in enumerate(bitmaps[: row + 1]):
            matrix[row][column] = matrix[column][row] = one.intersection_cardinality(other)
    return bitmaps, matrix


async def contacts(session: AsyncSession, asked: ContactsInput) -> ContactsOutput:
    """Whom one could write to, by channel. Raises as preview."""
    tried = await _tried(session, asked)
    (total,) = await _rows(session, tried, previews.count(tried.who.sql))
    rows = await _rows(session, tried, previews.contacts(tried.who.sql), {"purpose": asked.purpose})
    channels = [Channel.model_validate(row) for row in rows]
    return ContactsOutput(count=total["count"], purpose=asked.purpose, channels=channels, as_of=tried.at)


async def _tried(session: AsyncSession, asked: PreviewInput) -> Tried:
    """The rule that is tried, with all that it asks about. Raises Invalid, UnknownSegment, Archived."""
    at = asked.as_of.astimezone(UTC) if asked.as_of else clock.now()
    if asked.segment is not None:
        row = await known(session, asked.segment)
        if row.archived:
            raise Archived(f"{asked.segment!r} has no members any more")
        rule = parse({"in_segment": asked.segment})
    else:
        assert asked.rule is not None
        rule = asked.rule
        book = await judging.book(session)
        for leaf in leaves(rule):
            if isinstance(leaf, InSegment) and leaf.in_segment not in book.ids:
                raise Invalid(f"it asks about {leaf.in_segment!r}, which is no segment, or archived", field="rule")
        await segments.possible(session, rule, at=at)
    return Tried(await crowds.of_rules(session, [rule], at), at, plain(rule))


async def _table(session: AsyncSession, tried: Tried, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
    warehouse = memory.of(session).warehouse
    await release(session)
    return await warehouse.query(sql, params, inputs=tried.who.inputs, seconds=SECONDS)


async def _rows(
    session: AsyncSession, tried: Tried, sql: str, params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await _table(session, tried, sql, params)).to_pylist()
    return found


def _axis(wanted: Axis, found: Mapping[str, Any]) -> Values | Bands:
    """A side of the grid: the bands or values that are asked for, or what suits the values there are."""
    if wanted.bands is not None:
        return Bands(wanted.trait, wanted.bands)
    if found["numbers"] * 2 > found["n"] and found["distinct_numbers"] > wanted.top:
        return Bands(wanted.trait, parts.edges(found["quantiles"]))
    return Values(wanted.trait, (found["labels"] or [])[: wanted.top])


def _side(axis: Values | Bands) -> tuple[str, bool]:
    return axis.trait, isinstance(axis, Bands)


def _known(axis: Values | Bands) -> Sequence[Any]:
    return axis.edges if isinstance(axis, Bands) else axis.labels


def _places(axis: Values | Bands, found: Sequence[int]) -> list[int]:
    number = len(axis.edges) + 1 if isinstance(axis, Bands) else len(axis.labels)
    return [*range(number), *(one for one in (OTHER, MISSING) if one in found)]


def _part(axis: Values | Bands, place: int) -> Part:
    if place in (OTHER, MISSING):
        return Part(other=place == OTHER, missing=place == MISSING)
    if isinstance(axis, Bands):
        start, end = axis.ends(place)
        return Part(**{"from": start, "to": end})
    return Part(value=value_of(axis.labels[place]))
