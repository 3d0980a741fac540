"""Random rules of every leaf, and viewers whose lives lie on the edges of what the rules ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.segment.naive import Happening, Person

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
"""An hour in which European clocks jump, half an hour before a day begins in no zone of ours."""
MICROSECOND = timedelta(microseconds=1)

Json = dict[str, Any]
NAMES = (*["likes"] * 4, "opens", "opens", "buys", "it's 'x' %s")
FIELDS = ("kind", "price", "day", "box.kind", "tags", '"$')
TRAITS = ("city", "age", "born", "until", "tags")
KEYS = ("list", "s0", "s1", "s2")
ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York")
SPANS = ("1s", "90m", "1d", "3d", "1w")
LENGTHS = {
    "1s": timedelta(seconds=1),
    "90m": timedelta(minutes=90),
    "1d": timedelta(1),
    "3d": timedelta(3),
    "1w": timedelta(7),
}
DAYS = ("2026-03-29", "2026-03-28", "2026-03-31", "2026-03-01", "2026-04-01", "2026-01-01", "2024-02-29", "1990-04-02")

pick = st.sampled_from
names, fields, spans, zones = pick(NAMES), pick(FIELDS), pick(SPANS), pick(ZONES)
asked = pick((*NAMES, *["*"] * 2))
"""What a rule may ask about: an event by its name, or any event."""

edges = st.builds(
    lambda lengths, sign, beside: (
        NOW + sign * sum((LENGTHS[one] for one in lengths), timedelta()) + beside * MICROSECOND
    ),
    pick([[], *([one] for one in SPANS * 3), *([one, other] for one in SPANS for other in SPANS)]),
    pick([-1, -1, -1, -1, -1, 1]),
    pick([-1, 0, 0, 0, 1]),
)
"""On the edges of windows that end now, and one microsecond beside them."""
turns = st.builds(
    lambda day, beside: datetime.fromisoformat(day).replace(tzinfo=UTC) + beside,
    pick(["2026-03-29", "2026-03-28", "2026-03-23", "2026-03-01", "2026-03-22", "2026-01-01"]),
    pick([timedelta(), -MICROSECOND, -timedelta(hours=8), -timedelta(hours=8) - MICROSECOND, timedelta(hours=4)]),
)
"""Where local days, weeks, months and the year begin."""
moments = edges | edges | edges | turns


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


dates = st.builds(written, moments) | pick(DAYS) | pick(["2026-03-29T09:30:00+08:00", "2026-13-01", "soon"])
texts = pick(["a", "ab", "b", "", "1", "null", "a'b", "百度"])
numbers = pick([0, 1, 2, -1, 0.1, 0.2, 2.5, 1.0, 1e15, -0.0, 19.99])
scalars = texts | numbers | st.booleans()
values = st.one_of(
    scalars, scalars, dates, st.none(), st.lists(scalars, max_size=2), st.builds(lambda one: {"a": one}, scalars)
)
ranges = st.lists(numbers, min_size=2, max_size=2).map(sorted)
instants = pick(DAYS) | st.builds(written, moments)


def one(name: str, strategy: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An object with this field, and perhaps these."""
    return st.fixed_dictionaries({name: strategy}, optional=dict(more))


comparisons = st.one_of(
    one("eq", scalars),
    one("ne", scalars),
    one("in", st.lists(scalars, min_size=1, max_size=3)),
    one("not_in", st.lists(scalars, min_size=1, max_size=3)),
    *(one(side, numbers) for side in ("gt", "gte", "lt", "lte")),
    one("between", ranges),
    one("contains", scalars.filter(lambda value: value != "")),
    one("starts_with", texts.filter(bool)),
    one("exists", st.booleans()),
    *(one(name, instants, zone=zones) for name in ("before", "after")),
    *(one(name, spans, zone=zones) for name in ("within", "within_next")),
    one("anniversary", pick(["today", {"within_next": "3d"}, {"within_next": "1w"}]), zone=zones),
)
still = comparisons.filter(lambda said: not said.keys() & {"within", "within_next", "anniversary"})


SCORED = {"gt", "gte", "lt", "lte", "between", "exists"}


def about(name: str, what: st.SearchStrategy[str], how: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.builds(lambda value, comparison: {name: value, **comparison}, what, how)


filters = about("property", fields, comparisons) | about("property", fields, still)
wheres: st.SearchStrategy[list[Json]] = st.just([]) | st.lists(filters, min_size=1, max_size=2)
calendars = pick(["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year"])
starts, ends = pick(["2026-03-01", "2026-03-28T00:00:00Z"]), pick(["2026-03-29", "2026-03-29T01:30:00Z"])
windows: st.SearchStrategy[Json] = st.one_of(
    st.just({}),
    one("within", spans),
    one("within", spans),
    st.lists(spans, min_size=2, max_size=2, unique=True)
    .map(lambda two: sorted(two, key=LENGTHS.__getitem__, reverse=True))
    .map(lambda two: {"between": two}),
    one(
        "calendar",
        pick(["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year"]),
        zone=zones,
    ),
    one("from", instants, zone=zones),
    one("to", instants, zone=zones),
    one(
        "from",
        pick(["2026-03-01", "2026-03-28T00:00:00Z"]),
        to=pick(["2026-03-29", "2026-03-29T01:30:00Z"]),
        zone=zones,
    ),
)
counts = pick([0, 1, 1, 2, 3])
whole_times: st.SearchStrategy[Json] = st.dictionaries(
    pick(["eq", "ne", "gt", "gte", "lt", "lte"]), counts, min_size=1, max_size=2
) | one("between", st.lists(counts, min_size=2, max_size=2).map(sorted))
any_times: st.SearchStrategy[Json] = st.dictionaries(
    pick(["eq", "ne", "gt", "gte", "lt", "lte"]), numbers, min_size=1, max_size=2
) | one("between", ranges)
whole_measures = st.one_of(
    st.just({"count": True}), one("distinct", fields), one("active_days", st.just(value=True), zone=zones)
)
any_measures = st.one_of(
    *(one(kind, pick(["price", "price", "kind", "box.kind"])) for kind in ("sum", "avg", "min", "max"))
)


def merged(*parts: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """One object with the fields of all."""
    return st.tuples(*parts).map(lambda all_: {key: value for part in all_ for key, value in part.items()})


steps = one("event", asked) | one("event", asked) | one("event", asked, where=wheres)
behaviour: list[st.SearchStrategy[Json]] = [
    merged(one("did", asked, where=wheres), windows),
    merged(one("did", asked, where=wheres, times=whole_times), windows),
    merged(one("did", asked, where=wheres), one("measure", whole_measures), one("times", whole_times), windows),
    merged(one("did", asked, where=wheres), one("measure", any_measures), one("times", any_times), windows),
    merged(one("first", asked, where=wheres, having=wheres), windows),
    merged(one("last", asked, where=wheres, having=wheres), windows),
    one(
        "sequence",
        st.lists(steps, min_size=2, max_size=2) | st.lists(steps, min_size=3, max_size=3),
        within=spans,
        gap=spans,
        same=pick(["kind", "box.kind"]),
        without=st.lists(steps, min_size=1, max_size=2),
    ),
    st.fixed_dictionaries(
        {"regularly": asked, "every": pick(["90m", "1d"]), "periods": pick([3, 4]), "at_least": pick([1, 2, 3])},
        optional={"where": wheres},
    ),
    st.fixed_dictionaries({"stopped": asked, "quiet": spans, "before": spans}, optional={"where": wheres}),
    st.fixed_dictionaries(
        {"restarted": asked, "recent": pick(SPANS[:3]), "quiet": pick(SPANS[:3]), "before": pick(SPANS[2:])},
        optional={"where": wheres},
    ),
]
known: list[st.SearchStrategy[Json]] = [
    about("trait", pick(TRAITS), comparisons),
    one("tag", pick(["vip", "fan"]), weight=one("gte", pick([0.5, 1])) | one("lt", pick([0.5, 1]))),
    about(
        "score",
        pick(["churn"]),
        comparisons.filter(lambda c: c.keys() <= {"gt", "gte", "lt", "lte", "between", "exists"}),
    ),
    one("consent", pick(["email", "sms"]), **{"is": st.booleans()}),
    one("has", pick(["email", "push"])),
    st.builds(lambda low, high: {"bucket": {"salt": "x", "from": low, "to": high}}, pick([0, 0.25]), pick([0.5, 1])),
]


# Strategies are put together while drawing: hypothesis would print them in full otherwise, and warn of their length.
def dated(keys: tuple[str, ...]) -> st.SearchStrategy[Json]:
    """What may stand in has_been."""
    leaf = st.one_of(
        about("trait", pick(TRAITS), still),
        one("tag", pick(["vip", "fan"])),
        one("consent", pick(["email"])),
        *([one("in_segment", pick(keys))] * 2 if keys else []),
    )
    parts = leaf | leaf.map(lambda part: {"not": part})
    whole = parts | one("all", st.lists(parts, min_size=1, max_size=2))
    return st.builds(lambda inner, length: {"has_been": inner, "for": length}, whole, spans)


@cache
def leaves(keys: tuple[str, ...]) -> st.SearchStrategy[st.SearchStrategy[Json]]:
    """Any leaf; every kind as often as the others."""
    others = [dated(keys)] + ([one("in_segment", pick(keys))] if keys else [])
    return pick([*behaviour, *known, *others])


SHAPES = (pick(["leaf"]), pick([*["leaf"] * 5, "all", "any", "not"]), pick([*["leaf"] * 3, "all", "any", "not"]))
WIDTHS = pick([1, 2, 2, 3])


@st.composite
def rules(draw: st.DrawFn, keys: tuple[str, ...] = (), depth: int = 2) -> Json:
    """Rules that may ask about these segments."""
    kind = draw(SHAPES[depth])
    if kind == "not":
        return {"not": draw(rules(keys, depth - 1))}
    if kind != "leaf":
        return {kind: [draw(rules(keys, depth - 1)) for _ in range(draw(WIDTHS))]}
    return draw(draw(leaves(keys)))


RULES = (rules(), rules(("list", "s0")), rules(("list", "s0", "s1")))


@st.composite
def _worlds(draw: st.DrawFn) -> dict[str, Json]:
    return {
        "s0": draw(RULES[0]),
        "s1": draw(RULES[1]),
        "s2": draw(RULES[2]),
    }


worlds = _worlds()
"""Three segments, which may ask about those before them and about a static list."""

BEHAVIOUR = pick(behaviour)
AGO = st.permutations(SPANS).map(lambda drawn: {"between": sorted(drawn[:2], key=LENGTHS.__getitem__, reverse=True)})
TWO = st.lists(one("event", asked), min_size=2, max_size=2)
SHARP = {
    "within": merged(one("did", asked), one("within", spans)),
    "often": merged(one("did", asked), one("within", spans), one("times", one("gte", counts) | one("lt", counts))),
    "ago": merged(one("did", asked, times=whole_times), AGO),
    "same": merged(one("sequence", TWO), one("same", st.just("kind")), one("within", spans) | st.just({})),
    "gap": merged(one("sequence", TWO), one("gap", spans), one("without", st.lists(one("event", asked), max_size=1))),
    "paid": merged(one("did", asked), one("measure", one("sum", st.just("price"))), one("times", any_times)),
    "both": st.builds(
        lambda kind, first, second: {kind: [first, second]},
        pick(["all", "any"]),
        merged(one("did", names), one("within", spans)),
        merged(one("did", names), one("within", spans)),
    ),
    "been": st.builds(
        lambda inner, length: {"has_been": inner, "for": length},
        one("tag", pick(["vip", "fan"])) | st.builds(lambda inner: {"not": inner}, one("consent", pick(["email"]))),
        spans,
    ),
    "unlike": merged(
        one("did", asked), st.builds(lambda said: {"where": [{"property": "kind", **said}]}, one("ne", scalars))
    ),
}
"""One part each, with no more than is needed to show whether its edges, and its deadlines, are right."""


@st.composite
def _wide(draw: st.DrawFn) -> dict[str, Json]:
    kinds = {f"b{place}": draw(draw(BEHAVIOUR)) for place in range(2)}
    return {**draw(worlds), **kinds, **{name: draw(leaf) for name, leaf in SHARP.items()}}


wide = _wide()
"""The same, and segments that are one leaf about behaviour: edges show best where nothing else is asked."""

properties = st.fixed_dictionaries(
    {},
    optional={
        "kind": pick(["a", "b"]) | values,
        "price": numbers | values,
        "day": dates | values,
        "box": values | st.builds(lambda one: {"kind": one}, values),
        "tags": st.lists(scalars, max_size=3),
        '"$': values,
    },
)
happenings = st.builds(Happening, names, moments, properties, pick(["e1", "e2", "e3", "E3"]))
"""Ids are made distinct by the persons."""


def _apart(events: list[Happening]) -> list[Happening]:
    return [
        Happening(one.event, one.time, one.properties, f"{one.event_id}.{place}") for place, one in enumerate(events)
    ]


def since(*keys: str) -> st.SearchStrategy[dict[str, datetime]]:
    return st.fixed_dictionaries(dict.fromkeys(keys, edges.filter(lambda moment: moment <= NOW)))


_persons = st.builds(
    Person,
    traits=st.fixed_dictionaries(
        {},
        optional={
            "city": texts,
            "age": numbers,
            "born": dates,
            "until": dates,
            "tags": st.lists(scalars, max_size=3),
        },
    ),
    events=(st.lists(happenings, min_size=4, max_size=8) | st.lists(happenings, max_size=2)).map(_apart),
    tags=st.dictionaries(pick(["vip", "fan"]), pick([0.25, 0.5, 1.0]), min_size=1),
    profile_id=st.integers(1, 2**32 - 1),
    scores=st.dictionaries(pick(["churn"]), pick([0.0, 1.0, 2.5, 0.1])),
    consent=st.dictionaries(pick(["email", "sms"]), st.booleans(), min_size=1),
    has=st.lists(pick(["email", "push"]), unique=True),
    since=since(*TRAITS),
    tag_since=since("vip", "fan"),
    consent_since=since("email", "sms"),
    lists=st.lists(pick(["list"]), max_size=1),
    told=st.dictionaries(pick(KEYS), st.tuples(st.booleans(), edges.filter(lambda moment: moment <= NOW))),
)


@st.composite
def _drawn(draw: st.DrawFn) -> Person:
    return draw(_persons)


persons = _drawn()
