"""Rules of other systems said in ours: `read(system, body)`, with a note for everything that is not as it was."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from services.segment.rules.imports import dittofeed, posthog, sensors, unomi
from services.segment.rules.imports.carry import MOST_READ, Ledger, Note, TooLong, slug, written
from services.segment.schemas.rule import MAX_NODES, Rule, parse

System: TypeAlias = Literal["unomi", "dittofeed", "posthog", "sensors"]

_READERS: dict[str, ModuleType] = {"unomi": unomi, "dittofeed": dittofeed, "posthog": posthog, "sensors": sensors}


@dataclass(frozen=True)
class Carried:
    """What became of a rule: None when it is refused; the events and segments it names, by our names."""

    key: str
    name: str
    rule: Rule | None
    notes: tuple[Note, ...]
    events: tuple[str, ...]
    segments: tuple[str, ...]


def read(system: System, body: dict[str, Any], *, zone: str = "UTC", renamed: dict[str, str] | None = None) -> Carried:
    """A segment of another system in our language. `zone` is where its days begin, `renamed` says what its events are.

    The rule holds for nobody whom the original refused, except where a note says `changed`.
    """
    reader = _READERS[system]
    ledger = Ledger(zone=zone, renamed=renamed or {})
    said: dict[str, Any] | None = None
    try:
        said = ledger.ended(reader.read(ledger, body))
    except TooLong:
        ledger.notes.clear()
        ledger.note((), "rule", f"it has more than {MOST_READ} parts, and a rule of ours {MAX_NODES}", "refused")
    key, name = reader.name(body)
    rule: Rule | None = None
    if said is not None:
        try:
            rule = parse(said)
        except ValidationError as refused:
            for error in refused.errors(include_url=False, include_input=False, include_context=False)[:10]:
                ledger.note((), f"rule.{written(error['loc'])}", str(error["msg"]), "refused")
    return Carried(
        key=slug(key or name) if key or name else "",
        name=name or key,
        rule=rule,
        notes=tuple(ledger.notes),
        events=tuple(sorted(ledger.events)),
        segments=tuple(sorted(ledger.segments)),
    )
