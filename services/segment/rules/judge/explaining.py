"""Why a viewer is in, or not: every part of a rule with its answer, what is there, and when time changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.segment.rules.judge.nodes import Memo, Node, ask
from services.segment.rules.judge.viewer import Viewer
from services.segment.rules.judge.wording import sentence
from services.segment.schemas.rule import KINDS, InSegment, Path, Rule, children

_KIND = {model: kind for kind, model in KINDS.items()}


@dataclass(frozen=True)
class Explained:
    """One part: where it stands, what it asks, whether it holds, what is there, and until when that stands.

    `actual` is the value that was compared, as JSON; null for groups and for what is missing. `changes_at` is never too
    late; null: not by time alone. Parts of an `in_segment` are those of that segment's rule, with paths from its root.
    """

    path: str
    kind: str
    text: str
    holds: bool
    actual: Any
    changes_at: datetime | None
    parts: list[Explained]


class Compiled(Protocol):
    """What knows the rules and their nodes: a Judge."""

    rules: Mapping[str, Rule]

    def node(self, rule: Rule) -> Node:
        """A part, compiled."""


def explain(judge: Compiled, rule: Rule, viewer: Viewer, at: datetime, memo: Memo, path: Path = ()) -> Explained:
    """A part of a rule and all that is in it, for one viewer at one instant."""
    node = judge.node(rule)
    inside, following = ask(node, viewer, at, memo)
    below = [(judge, child, viewer, at, memo, (*path, *place)) for place, child in children(rule)]
    if isinstance(rule, InSegment) and (other := judge.rules.get(rule.in_segment)) is not None:
        below = [(judge, other, viewer, at, memo, ())]
    return Explained(
        path=shown(path),
        kind=_KIND[type(rule)],
        text=sentence(rule),
        holds=inside,
        actual=None if below and not hasattr(rule, "has_been") else node.actual(viewer, at, memo),
        changes_at=following,
        parts=[explain(*one) for one in below],
    )


def shown(path: Path) -> str:
    """A path as errors show it: rule.all[0].not."""
    return "rule" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
