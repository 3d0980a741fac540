"""Compiled rules: nodes that answer for one viewer at one instant, and say until when the answer stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from services.segment.rules.judge.comparing import (
    is_moving,
    moving,
    test,
    within_bounds,
)
from services.segment.rules.judge.viewer import Viewer, moment
from services.segment.schemas.rule import Bucket, Consent, Has, Score, Tagged, Trait
from shared.experiment import bucket


class Answer(NamedTuple):
    """Whether the viewer is in, and the instant before which time alone cannot change that; None: never."""

    inside: bool
    next: datetime | None = None


Memo: TypeAlias = dict[Any, Any]
"""What was found out about one viewer at one instant; a new one for every viewer and every instant."""

YES = Answer(inside=True)
NO = Answer(inside=False)


class Node(ABC):
    """A part of a rule. The same part in many segments is one node, judged once per viewer."""

    __slots__ = ()
    cost = 0
    """Which of the parts of a group are asked first: cheap ones."""

    @abstractmethod
    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        """Its answer, see ask."""

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        """What is there instead, as JSON: the value that was compared."""
        return None


def ask(node: Node, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
    """The answer of a node, found out once."""
    found: Answer | None = memo.get(node)
    if found is None:
        found = memo[node] = node.judge(viewer, at, memo)
    return found


class All(Node):
    """Every part holds. While some do not, it is the last of them to change that can make it hold."""

    __slots__ = ("cost", "parts")

    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = sorted(parts, key=lambda part: part.cost)
        self.cost = self.parts[-1].cost

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        return _both(self.parts, viewer, at, memo, wanted=True)


class Any_(Node):  # noqa: N801 - Any is taken
    """Some part holds; the mirror of All."""

    __slots__ = ("cost", "parts")

    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = sorted(parts, key=lambda part: part.cost)
        self.cost = self.parts[-1].cost

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        return _both(self.parts, viewer, at, memo, wanted=False)


def _both(parts: Sequence[Node], viewer: Viewer, at: datetime, memo: Memo, *, wanted: bool) -> Answer:
    """All (wanted: every part is so), and any by its mirror (not every part is not so)."""
    first: datetime | None = None
    last: datetime | None = None
    for part in parts:
        inside, change = ask(part, viewer, at, memo)
        if inside is wanted:
            if change is not None and (first is None or change < first):
                first = change
        elif change is None:
            return NO if wanted else YES
        elif last is None or change > last:
            last = change
    return Answer(wanted, first) if last is None else Answer(not wanted, last)


class Not(Node):
    """The part does not hold."""

    __slots__ = ("cost", "part")

    def __init__(self, part: Node) -> None:
        self.part = part
        self.cost = part.cost

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        inside, change = ask(self.part, viewer, at, memo)
        return Answer(not inside, change)


class Known(Node):
    """Something profile told compares so, whatever the time."""

    __slots__ = ("holds", "read")

    def __init__(self, read: Callable[[Viewer], Any], holds: Callable[[Any], bool]) -> None:
        self.read = read
        self.holds = holds

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        return YES if self.holds(self.read(viewer)) else NO

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        return self.read(viewer)


class Dated(Node):
    """A trait that is a date compares so with the instant of asking."""

    __slots__ = ("holds", "name")

    def __init__(self, rule: Trait) -> None:
        self.name = rule.trait
        self.holds = moving(rule)

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        return Answer(*self.holds(viewer.traits.get(self.name), at))

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        return viewer.traits.get(self.name)


def trait(rule: Trait) -> Node:
    """A leaf about a trait."""
    name = rule.trait
    return Dated(rule) if is_moving(rule) else Known(lambda viewer: viewer.traits.get(name), test(rule))


def tag(rule: Tagged) -> Node:
    """A leaf about a tag, which is read as its weight."""
    name = rule.tag
    bounds = [within_bounds(*bound) for bound in rule.weight.bounds] if rule.weight else []
    return Known(
        lambda viewer: viewer.tags.get(name),
        lambda weight: weight is not None and all(holds(weight) for holds in bounds),
    )


def score(rule: Score) -> Node:
    """A leaf about a score."""
    name, operand = rule.score, rule.operand
    if rule.operator == "exists":
        return Known(lambda viewer: viewer.scores.get(name), lambda value: (value is not None) is operand)
    holds = within_bounds(rule.operator, operand)
    return Known(lambda viewer: viewer.scores.get(name), lambda value: value is not None and holds(value))


def consent(rule: Consent) -> Node:
    """A leaf about an answer he gave."""
    purpose, wanted = rule.consent, rule.answer
    return Known(lambda viewer: viewer.consent.get(purpose), lambda answer: answer is wanted)


def has(rule: Has) -> Node:
    """A leaf about a channel."""
    channel = rule.has
    return Known(lambda viewer: channel in viewer.has, bool)


def share(rule: Bucket) -> Node:
    """A leaf about his bucket."""
    salt, low, high = rule.bucket.salt, rule.bucket.from_, rule.bucket.to
    return Known(lambda viewer: bucket(salt, str(viewer.profile_id)), lambda place: low <= place < high)


def listed(key: str) -> Node:
    """A leaf about a static list."""
    return Known(lambda viewer: viewer.lists.get(key, False), bool)


Since: TypeAlias = Callable[[Viewer, datetime, bool], datetime | None]
"""Since when a leaf's answer has stood, given that answer; None: as long as anybody knows."""


def since_trait(name: str) -> Since:
    """When the trait got its present value."""
    return lambda viewer, at, holds: _since(viewer.since.get(name) if viewer.traits.get(name) is not None else None)


def since_tag(name: str) -> Since:
    """When he got the tag."""
    return lambda viewer, at, holds: _since(viewer.tag_since.get(name) if name in viewer.tags else None)


def since_consent(purpose: str) -> Since:
    """When he gave the answer."""
    return lambda viewer, at, holds: _since(viewer.consent_since.get(purpose) if purpose in viewer.consent else None)


def since_segment(key: str) -> Since:
    """When he entered or left as it was told; what was not told yet is so since now."""

    def since(viewer: Viewer, at: datetime, inside: bool) -> datetime | None:
        told, instant = viewer.entered.get(key, (False, None))
        return instant if told is inside else at

    return since


def _since(said: str | datetime | None) -> datetime | None:
    return None if said is None else moment(said)


class HasBeen(Node):
    """Every part is as wanted, and has been for so long."""

    __slots__ = ("cost", "length", "parts", "whole")

    def __init__(self, whole: Node, parts: Sequence[tuple[Node, Since]], length: timedelta) -> None:
        self.whole = whole
        self.parts = parts
        self.length = length
        self.cost = whole.cost

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        inside, change = ask(self.whole, viewer, at, memo)
        if not inside:
            return Answer(inside=False, next=change)
        since = self.since(viewer, at, memo)
        if since is not None and since > at - self.length:
            return Answer(inside=False, next=since + self.length)
        return Answer(inside=True, next=change)

    def since(self, viewer: Viewer, at: datetime, memo: Memo) -> datetime | None:
        """Since when everything it rests on is as it is."""
        instants = [since(viewer, at, ask(node, viewer, at, memo).inside) for node, since in self.parts]
        return max((one for one in instants if one is not None), default=None)

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        since = self.since(viewer, at, memo)
        return {"holds": ask(self.whole, viewer, at, memo).inside, "since": since.isoformat() if since else None}
