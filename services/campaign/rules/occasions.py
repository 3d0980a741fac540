"""Who gets a message because of a fact, and the name of that occasion, which makes the message be sent once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from shared import roaring
from shared.contracts import SEALED, EventRecorded, SegmentChanged
from shared.errors import Invalid

NEWS = ("rule", "time")
"""Causes of a segment's change that campaigns react to; the others tell of definitions, imports and repairs."""
RECIPIENTS = 1000
REF_LENGTH = 500

_NAMESPACES = {"userId": "user_id", "anonymousId": "anonymous_id"}
_FIRST_ID, _LAST_ID = 1, 2**63 - 1


class BadTrigger(Invalid):
    """A trigger names nobody"""


def segment_occasion(kind: str, fact: SegmentChanged) -> str:
    """An entry is told apart from the next one by its time."""
    return f"{kind}:{fact.key}@{fact.at.astimezone(UTC).isoformat(timespec='microseconds')}"


def event_occasion(fact: EventRecorded) -> str:
    """An event happens once."""
    return f"event:{fact.event_id}"


def bus_occasion(name: str, trigger_id: str) -> str:
    """The other system's own id decides what is the same trigger."""
    return f"bus:{name}:{trigger_id}"


def moved(facts: Iterable[SegmentChanged]) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """(profile id, occasion) of everybody who entered or left, by (kind of trigger, segment)."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for fact in facts:
        if fact.cause not in NEWS:
            continue
        for kind, profile_ids in (("segment_entered", roaring.entered(fact)), ("segment_left", roaring.left(fact))):
            if profile_ids:
                occasion = segment_occasion(kind, fact)
                found.setdefault((kind, fact.key), []).extend((profile_id, occasion) for profile_id in profile_ids)
    return found


def event_values(fact: EventRecorded) -> dict[str, Any]:
    """What a template may show of an event: what viewers wrote is not there, as if it had never been said."""
    return {"name": fact.event, "time": fact.time, "properties": without_sealed(fact.properties)}


def without_sealed(value: Any) -> Any:
    """The value without the sealed texts inside it, at any depth: nobody but profile can open them."""
    if isinstance(value, dict):
        return {name: without_sealed(inner) for name, inner in value.items() if not _is_sealed(inner)}
    if isinstance(value, list):
        return [without_sealed(inner) for inner in value if not _is_sealed(inner)]
    return value


def _is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(SEALED)


def refs(data: dict[str, Any]) -> tuple[list[int], list[str]]:
    """Profile ids and refs (`namespace:value`) a trigger is about: `userId`, `anonymousId`, `profile_id`, one or many.

    Raises BadTrigger with the field at fault. The other fields are the template's.
    """
    ids = [_profile_id(value) for value in _many(data, "profile_id")]
    named = [
        f"{namespace}:{_value(field, value)}"
        for field, namespace in _NAMESPACES.items()
        for value in _many(data, field)
    ]
    if not ids and not named:
        raise BadTrigger("a trigger carries userId, anonymousId or profile_id: one, or a list of them")
    if len(ids) + len(named) > RECIPIENTS:
        raise BadTrigger(f"a trigger is about at most {RECIPIENTS} viewers, this one about {len(ids) + len(named)}")
    return list(dict.fromkeys(ids)), list(dict.fromkeys(named))


def _many(data: dict[str, Any], field: str) -> list[Any]:
    value = data.get(field)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _profile_id(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _FIRST_ID <= value <= _LAST_ID:
        raise BadTrigger(f"profile_id must be a positive whole number, not {value!r:.100}", field="profile_id")
    return value


def _value(field: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value or len(value) > REF_LENGTH or "\x00" in value:
        raise BadTrigger(f"{field} must be a text of 1 to {REF_LENGTH} characters, not {value!r:.100}", field=field)
    return value
