"""Bringing in the rules of other systems: read, told, and saved when that is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import segments
from services.segment.rules import imports
from services.segment.rules.imports import Carried, System
from services.segment.schemas.imports import ImportNote, ImportOutput
from services.segment.schemas.rule import plain
from services.segment.schemas.segments import SegmentInput
from shared.errors import Invalid
from shared.schemas import unstorable


class RuleRefused(Invalid):
    """Nothing of the rule can be carried over"""


@dataclass(frozen=True)
class Wanted:
    """How a rule is to be read, and by which key and name it is to be saved (empty: its own)."""

    system: System
    zone: str = "UTC"
    renamed: tuple[str, ...] = ()
    key: str = ""
    name: str = ""
    save: bool = False


async def bring(session: AsyncSession, wanted: Wanted, body: dict[str, Any], *, by: str | None = None) -> ImportOutput:
    """Read a rule of another system; with `save`, make a segment of it. Raises RuleRefused, KeyTaken, Invalid."""
    for place, why in unstorable(body):
        raise Invalid(why, field=".".join(map(str, place)))
    carried = imports.read(wanted.system, body, zone=wanted.zone, renamed=_renamed(wanted.renamed))
    key, name = wanted.key or carried.key, wanted.name or carried.name or wanted.key
    saved = await segments.create(session, _input(key, name, carried), by=by) if wanted.save else None
    return ImportOutput(
        key=key,
        name=name,
        rule=None if carried.rule is None else plain(carried.rule),
        notes=[ImportNote(**asdict(note)) for note in carried.notes],
        events=list(carried.events),
        segments=list(carried.segments),
        saved=saved,
    )


def _renamed(pairs: tuple[str, ...]) -> dict[str, str]:
    renamed = {}
    for pair in pairs:
        old, separator, new = pair.partition("=")
        if not separator or not old or not new:
            raise Invalid('must look like "their name=our name", such as "$pageview=Page Viewed"', field="rename")
        renamed[old] = new
    return renamed


def _input(key: str, name: str, carried: Carried) -> SegmentInput:
    if carried.rule is None:
        told = "; ".join(f"{note.path}: {note.part}: {note.reason}" for note in carried.notes[:3])
        raise RuleRefused(told, field="rule")
    if not key:
        raise Invalid("the body has no name to make a key of: say one with ?key=", field="key")
    try:
        return SegmentInput(key=key, name=name, rule=carried.rule)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(str(first["msg"]), field=str(first["loc"][0])) from error
