"""The book of all segments that live: what can touch which of them, and the statements that judge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from services.segment.rules.program import Parts, Program
from services.segment.schemas.rule import Did, Rule, Tagged, Trait, leaves
from services.segment.schemas.rule import parse as parsed

_NONE: frozenset[int] = frozenset()


def parse(rule: Mapping[str, Any]) -> Rule:
    """A stored rule. Raises pydantic's ValidationError, which means that the store was tampered with."""
    return parsed(rule)


@dataclass(frozen=True)
class Definition:
    """A segment that lives. `filling` is the cause of its transitions until every viewer has been judged, else None."""

    id: int
    key: str
    version: int
    rule: Rule
    filling: str | None


class Book:
    """All definitions at one moment, indexed by what can touch them."""

    def __init__(self, definitions: Iterable[Definition], parts: Parts) -> None:
        self.definitions = {one.id: one for one in definitions}
        self.filling = {one.id: one.filling for one in self.definitions.values() if one.filling}
        self._parts = parts
        events: dict[str, set[int]] = {}
        traits: dict[str, set[int]] = {}
        tags: dict[str, set[int]] = {}
        for one in self.definitions.values():
            for leaf in leaves(one.rule):
                if isinstance(leaf, Did):
                    events.setdefault(leaf.did, set()).add(one.id)
                elif isinstance(leaf, Tagged):
                    tags.setdefault(leaf.tag, set()).add(one.id)
                elif isinstance(leaf, Trait):
                    traits.setdefault(leaf.trait, set()).add(one.id)
        self._by_event = {name: frozenset(ids) for name, ids in events.items()}
        self._by_trait = {name: frozenset(ids) for name, ids in traits.items()}
        self._by_tag = {name: frozenset(ids) for name, ids in tags.items()}

    @property
    def all(self) -> frozenset[int]:
        """Every segment."""
        return frozenset(self.definitions)

    def by_event(self, event: str) -> frozenset[int]:
        """Segments that an event of this name can touch."""
        return self._by_event.get(event, _NONE)

    def by_trait(self, trait: str) -> frozenset[int]:
        """Segments that a change of this trait can touch."""
        return self._by_trait.get(trait, _NONE)

    def by_tag(self, tag: str) -> frozenset[int]:
        """Segments that gaining or losing this tag can touch."""
        return self._by_tag.get(tag, _NONE)

    @cached_property
    def programs(self) -> list[Program]:
        """The statements of the live work: those that read events, and one for segments of traits and tags alone."""
        behavioural = frozenset().union(*self._by_event.values())
        return [*self._assemble(behavioural), *self._assemble(self.all - behavioural)]

    def program(self, segment_id: int) -> Program:
        """A statement for one segment alone."""
        return self._assemble(frozenset([segment_id]))[0]

    def _assemble(self, segment_ids: frozenset[int]) -> list[Program]:
        rules = {key: one.rule for key, one in self.definitions.items() if key in segment_ids}
        self._parts.learn(rules.values())
        return self._parts.programs(rules)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Names of traits that are different; as JSON, where true is not 1."""
    encode = msgspec.json.encode
    return {name for name in before.keys() | after.keys() if encode(before.get(name)) != encode(after.get(name))}
