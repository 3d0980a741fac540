"""Words that tests of segment share: facts in few letters, and random rules with random histories."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from shared.contracts import EventRecorded, ProfileUpdated

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
"""An hour in which European clocks jump: a window must not care."""

HOSTILE = (
    "likes",
    "it's",
    'say "x"',
    "a\\'; DROP TABLE members; --",
    "/* */ :name $1 %s %(x)s {0} {x}",
    "$$ ? ?? @> ->>",
    "line\nbreak\ttab\r",
    "null",
    "'",
    "\\",
    "🦄 百度",
    "%",
    "E'\\x41'",
)

_numbers = itertools.count(1)

# Few names and values, so that rules and histories meet; strange ones often enough.
_letters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
anything = st.text(_letters, min_size=1, max_size=5)
names = st.sampled_from(("likes",) * 20 + ("it's",) * 5 + HOSTILE + ("",)).flatmap(
    lambda name: st.just(name) if name else anything
)
texts = st.sampled_from(("likes",) * 6 + (*HOSTILE, "", "?")).flatmap(
    lambda text: anything if text == "?" else st.just(text)
)
numbers = (
    st.sampled_from([0, 1, -1, 2.5, -0.0, 0.1, 1e300, -1e300, 5e-324, 2**53, 2**53 + 1, 10**18])
    | st.integers(-3, 3)
    | st.floats(-1e300, 1e300)
)
scalars = st.sampled_from(["likes", 1, True]) | texts | numbers | st.booleans()
values = (
    scalars
    | st.none()
    | st.sampled_from([[], {}, [1], {"a": "likes"}, 10**400, -(10**350), 1.7e308, "1", "true", "null", [None]])
)
objects = st.dictionaries(names, values, max_size=4)

comparisons = st.one_of(
    st.fixed_dictionaries({"eq": scalars}),
    st.fixed_dictionaries({"ne": scalars}),
    st.fixed_dictionaries({"in": st.lists(scalars, min_size=1, max_size=4)}),
    *(st.fixed_dictionaries({name: numbers}) for name in ("gt", "gte", "lt", "lte")),
    st.fixed_dictionaries({"exists": st.booleans()}),
)
WINDOWS = ("1s", "90s", "5m", "2h", "3d", "1w")
times = st.dictionaries(st.sampled_from(["eq", "gt", "gte", "lt", "lte"]), st.integers(0, 3), min_size=1, max_size=2)


def _with(name: str, names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda comparison, value: {name: value, **comparison}, comparisons, names)


dids = st.fixed_dictionaries(
    {"did": names},
    optional={
        "where": st.lists(_with("property", names), max_size=2),
        "times": times,
        "within": st.sampled_from(WINDOWS),
    },
)
rules: st.SearchStrategy[dict[str, Any]] = st.recursive(
    dids | _with("trait", names) | st.fixed_dictionaries({"tag": names}),
    lambda children: st.one_of(
        st.fixed_dictionaries({"all": st.lists(children, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(children, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": children}),
    ),
    max_leaves=6,
)

SPANS = [timedelta(seconds=seconds) for seconds in (0, 1, 90, 300, 7200, 3 * 86_400, 7 * 86_400)]
moments = st.builds(
    lambda span, sign, milliseconds: NOW + sign * span + timedelta(milliseconds=milliseconds),
    st.sampled_from(SPANS),
    st.sampled_from([-1, -1, 1]),
    st.sampled_from([-1, 0, 1]),
)
"""On the edges of windows that end now, and one millisecond beside them."""

happenings = st.tuples(names, moments, objects)


def event(profile_id: int, name: str, time: datetime, *, history: bool = False, **properties: Any) -> EventRecorded:
    """An event with an id of its own."""
    return EventRecorded(
        event_id=f"e{next(_numbers)}",
        origin=f"user_id:u{profile_id}",
        profile_id=profile_id,
        event=name,
        time=time,
        received_at=time,
        history=history,
        properties=properties,
    )


def profile(profile_id: int, version: int, /, *tags: str, **traits: Any) -> ProfileUpdated:
    """A profile as it is now."""
    return ProfileUpdated(profile_id=profile_id, version=version, traits=traits, tags=list(tags))
