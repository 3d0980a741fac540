"""What the readers of other systems' rules share: how parts are put together, and how what has no equal is told.

A part that cannot be carried over becomes nobody where it widens the rule and everybody where it narrows it (below a
`not`), so what is left never holds for a viewer whom the original refused; and every such part is noted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from services.segment.schemas.rule import values

Said: TypeAlias = dict[str, Any] | bool
"""A rule of ours, or True for everybody and False for nobody."""

Effect: TypeAlias = Literal["narrower", "changed", "refused"]

Path: TypeAlias = tuple[str | int, ...]

EVERYBODY: dict[str, Any] = {"bucket": {"salt": "everybody", "from": 0, "to": 1}}
CONTACTS = ("email", "phone")
MAX_DAYS = f"{values.MAX_DAYS}d"


@dataclass(frozen=True)
class Note:
    """Something that is not as it was: where it stood, what it said, why, and what stands there now."""

    path: str
    part: str
    effect: Effect
    reason: str
    replaced_by: Any = None


MOST_READ = 2000
"""Parts that are read of one rule: a rule of ours has 100, so of more than these nothing is left in any case."""
MOST_EITHER = 100
"""Alternatives that a list of filters may make: each becomes a part of a rule, which has 100."""


class TooLong(Exception):
    """Reading the rule would not come to an end that a rule of ours can hold"""


@dataclass
class Ledger:
    """What a reading has found beside the rule: notes, and the names it asks for."""

    zone: str = "UTC"
    read: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    events: set[str] = field(default_factory=set)
    segments: set[str] = field(default_factory=set)

    def step(self) -> None:
        """One more part is read. Raises TooLong: nodes that name each other can be more ways than anybody can go."""
        self.read += 1
        if self.read > MOST_READ:
            raise TooLong

    def note(self, path: Path, part: str, reason: str, effect: Effect = "changed", by: Any = None) -> None:
        """Tell something."""
        self.notes.append(Note(written(path), part, effect, reason, by))

    def lost(self, path: Path, part: str, reason: str, sign: int) -> Said:
        """A part that cannot be carried over: nobody, or below a `not` everybody. Either way the rule is narrower."""
        by = "nobody" if sign > 0 else "everybody, below a not"
        self.note(path, part, reason, "narrower", by)
        return sign < 0

    def fixed(self, path: Path, part: str) -> None:
        """Tell that months or years became so many days."""
        one = Note(written(path), part, "changed", "a month has 30 days here and a year 365, whatever a calendar says")
        if one not in self.notes:
            self.notes.append(one)

    def event(self, name: str) -> str:
        """The name an event has here."""
        ours = self.renamed.get(name, name)
        if name == ours == values.ANY:
            self.note((), name, "an event of this name is any event here", "changed")
        self.events.add(ours)
        return ours

    def in_segment(self, reference: Any) -> dict[str, Any]:
        """Membership in a segment that must be here by that key."""
        key = slug(str(reference))
        self.segments.add(key)
        return {"in_segment": key}

    def ended(self, said: Said) -> dict[str, Any] | None:
        """The whole rule, None if nobody is left; then all that was lost has refused it."""
        if said is False:
            self.notes = [replace(one, effect="refused") if one.effect == "narrower" else one for one in self.notes]
            if not self.notes:
                self.note((), "rule", "it holds for nobody", "refused")
            return None
        return EVERYBODY if said is True else said


@dataclass(frozen=True)
class Test:
    """A comparison of one value: terms of ours that all hold (or `either`), turned round when `inverted`.

    `present`: what is turned round holds for no missing value. `loose` says why the terms hold for fewer values than
    the original did; empty when they hold for the same ones.
    """

    terms: tuple[dict[str, Any], ...]
    either: bool = False
    inverted: bool = False
    present: bool = False
    loose: str = ""


def written(path: Path) -> str:
    """A path as people write it: `filters.values[0]`; the whole body is `body`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "body"


def all_of(parts: Iterable[Said]) -> Said:
    """Every part holds."""
    given = list(parts)
    if any(part is False for part in given):
        return False
    kept = [part for part in given if not isinstance(part, bool)]
    return {"all": kept} if len(kept) > 1 else kept[0] if kept else True


def any_of(parts: Iterable[Said]) -> Said:
    """At least one part holds."""
    given = list(parts)
    if any(part is True for part in given):
        return True
    kept = [part for part in given if not isinstance(part, bool)]
    return {"any": kept} if len(kept) > 1 else kept[0] if kept else False


def negate(part: Said) -> Said:
    """The part does not hold."""
    if isinstance(part, bool):
        return not part
    return part["not"] if set(part) == {"not"} else {"not": part}


def trait(ledger: Ledger, path: Path, name: str, test: Test, sign: int) -> Said:
    """A trait compares so. Contact data is in no rule: only whether it is there can be asked."""
    if name.lower() in CONTACTS:
        has: Said = {"has": name.lower()}
        if all(set(term) == {"exists"} for term in test.terms):
            there = bool(test.terms[0]["exists"]) is not test.inverted
            return has if there else negate(has)
        return ledger.lost(path, name, "contact data is in no rule; whether it is there can be asked", sign)
    inside = -sign if test.inverted else sign
    if test.loose:
        if inside < 0:
            return ledger.lost(path, name, test.loose, sign)
        ledger.note(path, name, test.loose, "narrower", {"trait": name, **test.terms[0]})
    nodes: list[Said] = [{"trait": name, **term} for term in test.terms]
    node = any_of(nodes) if test.either else all_of(nodes)
    if not test.inverted:
        return node
    return all_of([{"trait": name, "exists": True}, negate(node)]) if test.present else negate(node)


_TURNED = {"eq": "ne", "in": "not_in", "gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


def where(ledger: Ledger, path: Path, name: str, test: Test | None, sign: int) -> list[dict[str, Any]] | None:
    """A property of an event compares so; None when that cannot be said, which is noted.

    `sign` is +1 when more events can only make the leaf hold, -1 when only fewer can, 0 when either may.
    """
    if test is None:
        return None
    terms, loose = list(test.terms), test.loose
    if test.either and len(terms) > 1:
        if all(set(term) == {"eq"} for term in terms):
            terms = [{"in": [term["eq"] for term in terms]}]
        else:
            _unsaid(ledger, path, name, "an event's filters all hold; these hold one for the other")
            return None
    if test.inverted:
        ((operator, operand),) = terms[0].items() if len(terms) == 1 else [("", None)]
        if loose or operator not in (*_TURNED, "exists"):
            _unsaid(ledger, path, name, "an event's filter has no such negative")
            return None
        if operator == "exists":
            terms = [{"exists": not operand}]
        else:
            terms = [{_TURNED[operator]: operand}]
            loose = "" if test.present else "events without the property do not match here"
    if loose:
        if sign <= 0:
            _unsaid(ledger, path, name, loose)
            return None
        ledger.note(path, name, loose, "narrower", {"property": name, **terms[0]})
    return [{"property": name, **term} for term in terms]


def _unsaid(ledger: Ledger, path: Path, name: str, reason: str) -> None:
    ledger.note(path, name, reason, "narrower", "nobody, with the whole condition on the event")


def direction(times: dict[str, Any]) -> int:
    """Whether more events can only make a count hold (+1), only fewer can (-1), or either may (0)."""
    if set(times) <= {"gt", "gte"}:
        return 1
    return -1 if set(times) <= {"lt", "lte"} or times == {"eq": 0} else 0


def slug(text: str) -> str:
    """A key made of a name or number of theirs: lower case, with - between words."""
    found = "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:64].rstrip("-")
    return found or f"imported-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def days(number: Any) -> str | None:
    """So many days as a duration of ours; None if that is none."""
    return seconds(number * 86_400) if isinstance(number, int | float) and not isinstance(number, bool) else None


_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


def seconds(number: Any) -> str | None:
    """So many seconds as a duration of ours in the largest whole unit; None if that is none."""
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number // 1:
        return None
    whole = int(number)
    if not 0 < whole <= values.MAX_DAYS * 86_400:
        return None
    unit = "d" if whole % 86_400 == 0 else next(unit for unit, size in _UNITS.items() if whole % size == 0)
    return f"{whole // _UNITS[unit]}{unit}"


def moment(value: Any, zone: str) -> str | None:
    """An instant in UTC, of text with or without offset, of a day, or of milliseconds; None if it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2e13:
        return _iso(datetime.fromtimestamp(value / 1000, UTC))
    if not isinstance(value, str):
        return None
    found = values.instant(value, zone)
    if found is None:
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return None
        if not 1000 <= found.year < 3000:
            return None
        if found.tzinfo is None:
            found = found.replace(tzinfo=values.zone(zone))
    return _iso(found.astimezone(UTC))


def shifted(at: str, microseconds: int) -> str:
    """An instant a little later or earlier: what is at or after it is after the one a microsecond earlier."""
    return _iso(datetime.fromisoformat(at) + timedelta(microseconds=microseconds))


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def number(value: Any) -> int | float | None:
    """A number that may be written as text; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return int(value) if re.fullmatch(r"-?[0-9]{1,15}", value) else float(value)
        except ValueError:
            return None
    return None


def one_of(values_: Sequence[Any]) -> Test:
    """One of these values."""
    return Test(({"eq": values_[0]},)) if len(values_) == 1 else Test(({"in": list(values_)},))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; anything else is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text, empty if it is none."""
    return value if isinstance(value, str) else ""
