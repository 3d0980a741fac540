"""Who is no human: programs that say so in their user agent, and viewers who act faster than anybody can.

The list of agents is `crawler-user-agents`, a maintained package. HTTP libraries are left out of it: they are what
servers and apps send events with, in the name of viewers.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import crawleruseragents
import jsonschema_rs

MARK = "bot"
"""In an event's context: how we know that it was a program."""

AGENT, PACE = "agent", "pace"

LIBRARY = "http-library"

FASTEST = 300
"""Events within one minute of a viewer's own time; a busy viewer stays below 120."""

REMEMBERED = 100_000
"""Viewers whose present minute is remembered, the latest."""

_MINUTE = 60.0

# Fifteen hundred patterns in one: `re` needs 800 µs for a browser it has not seen, the linear engine 1.5 µs.
_LISTED = jsonschema_rs.Draft202012Validator(
    {
        "pattern": "|".join(
            f"(?:{one['pattern']})"
            for one in crawleruseragents.CRAWLER_USER_AGENTS_DATA
            if LIBRARY not in one.get("tags", ())
        )
    },
    pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 26, dfa_size_limit=1 << 24),
    offline=True,
)


@lru_cache(maxsize=4096)
def is_listed(agent: str) -> bool:
    """Whether this user agent says that it is a crawler, a monitor, a scanner or a driven browser."""
    return _LISTED.is_valid(agent)


def mark(context: Mapping[str, Any]) -> str | None:
    """How we know that an event with this context was a program's, `agent` or `pace`; None where it was not."""
    found = context.get(MARK)
    return found if found in (AGENT, PACE) else None


def is_program(events: int, bots: int) -> bool:
    """Whether a viewer with so many events, of them so many of programs, is nothing but a program."""
    return 0 < events <= bots


class Paces:
    """How many events each viewer has had in his present minute, as far as this process has recorded them."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def hasty(self, seen: Iterable[tuple[str, datetime]]) -> set[tuple[str, int]]:
        """Which (origin, minute) of these events are too fast, those recorded before counted with them."""
        counts = Counter((origin, minute(time)) for origin, time in seen)
        found = set()
        for (origin, its), count in counts.items():
            known = self._minutes.get(origin)
            if count + (known[1] if known is not None and known[0] == its else 0) > FASTEST:
                found.add((origin, its))
        return found

    def note(self, seen: Iterable[tuple[str, datetime]]) -> None:
        """Count these, which have been recorded."""
        for (origin, its), count in Counter((origin, minute(time)) for origin, time in seen).items():
            known = self._minutes.get(origin)
            if known is None or its > known[0]:
                self._minutes[origin] = (its, count)
                self._minutes.move_to_end(origin)
            elif its == known[0]:
                self._minutes[origin] = (its, known[1] + count)
        while len(self._minutes) > REMEMBERED:
            self._minutes.popitem(last=False)


def minute(time: datetime) -> int:
    """The minute of an instant, counted from 1970."""
    return int(time.timestamp() // _MINUTE)
