"""Typed traits: what is understood and what is refused; and of several sources, whom to believe."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.rules import definitions, sources, traits
from services.profile.rules.definitions import BUILT_IN, Definition, Refused
from services.profile.rules.operations import Operation
from services.profile.rules.sources import Registry
from services.profile.rules.traits import Trait
from tests.profile.samples import NOON


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def holds(type: Any, **more: Any) -> Definition:
    return Definition(name="it", type=type, **more)


# What is understood


@pytest.mark.parametrize(
    ("type", "given", "kept"),
    [
        ("text", "x", "x"),
        ("text", 12, "12"),
        ("number", " 1.50 ", 1.5),
        ("number", "12", 12),
        ("number", 3, 3),
        ("integer", "-20", -20),
        ("integer", 3.0, 3),
        ("integer", "3.0", 3),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("boolean", "是", True),
        ("date", "2001-2-3", "2001-02-03"),
        ("date", "2001/02/03", "2001-02-03"),
        ("date", "20010203", "2001-02-03"),
        ("date", "2001-02-03T23:59:59+08:00", "2001-02-03"),
        ("list", ["a", 1], ["a", 1]),
        ("list", "a", ["a"]),
        ("number", None, None),
        ("date", "enc:contact:AAAA", "enc:contact:AAAA"),
    ],
)
def test_what_has_one_reading_is_taken(type: str, given: Any, kept: Any) -> None:
    taken = definitions.taken(holds(type), given)
    assert (taken, taken.__class__) == (kept, kept.__class__)


@pytest.mark.parametrize(
    ("type", "given"),
    [
        ("text", True),
        ("text", 1.5),
        ("text", ["a"]),
        ("number", "1,234"),
        ("number", True),
        ("number", float("nan")),
        ("number", "1e999"),
        ("number", "9" * 41),
        ("integer", 2.5),
        ("integer", "two"),
        ("boolean", 2),
        ("boolean", "maybe"),
        ("date", "01/02/2003"),
        ("date", "2001-02-30"),
        ("date", "200123"),
        ("date", 20010203),
        ("list", "a,b"),
        ("list", {"a": 1}),
        ("list", list(range(501))),
    ],
)
def test_what_has_none_or_several_is_refused_and_not_quoted(type: str, given: Any) -> None:
    with pytest.raises(Refused) as refused:
        definitions.taken(holds(type), given)
    assert str(given)[:20] not in str(refused.value)


def test_an_enum_takes_its_values_in_any_case_and_by_their_known_other_words() -> None:
    gender = BUILT_IN["gender"]
    assert [definitions.taken(gender, one) for one in ("male", "Female ", "女", "m")] == [
        "male",
        "female",
        "female",
        "male",
    ]
    with pytest.raises(Refused, match="allowed"):
        definitions.taken(gender, "x")
    several = holds("text", enum=("A", "a", "b"))
    assert definitions.taken(several, "A") == "A"
    assert definitions.taken(holds("list", enum=("rock", "pop")), ["Rock", "pop"]) == ["rock", "pop"]


def test_operations_fit_the_type() -> None:
    assert definitions.taken(holds("integer"), Operation("increment", "2")) == Operation("increment", 2)
    assert definitions.taken(holds("list"), Operation("append", "x")) == Operation("append", ["x"])
    for type, name in (("text", "increment"), ("date", "append"), ("integer", "append")):
        with pytest.raises(Refused):
            definitions.taken(holds(type), Operation(name, 1))  # type: ignore[arg-type]


@given(st.dates(date(1900, 1, 1), date(2030, 12, 31)), st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_age_counts_birthdays(born: date, today: date) -> None:
    age = definitions.age(born.isoformat(), today)
    assert definitions.star_sign(born.isoformat()) in {sign for _, sign in definitions.SIGNS}
    if born > today:
        assert age is None
        return
    assert age is not None
    # at least so many full years, and not one more
    assert (born.year + age, born.month, born.day) <= (today.year, today.month, today.day)
    assert (born.year + age + 1, born.month, born.day) > (today.year, today.month, today.day)


def test_the_edges_of_signs() -> None:
    days = {"2000-12-31": "capricorn", "2000-01-19": "capricorn", "2000-01-20": "aquarius", "2000-02-29": "pisces"}
    days |= {"2000-08-22": "leo", "2000-08-23": "virgo", "2000-12-21": "sagittarius", "2000-12-22": "capricorn"}
    assert {day: definitions.star_sign(day) for day in days} == days
    assert definitions.star_sign("soon") is None


# Whom to believe

RANKS = Registry(ranks={"sdk": 100, "sdk:app": 300, "operator": 200})

words = st.sampled_from(["a", "b", None])

said = st.lists(
    st.tuples(st.sampled_from(["sdk:web", "sdk:app", "operator:k", "import:f"]), words),
    min_size=1,
    max_size=7,
)


@given(said, st.randoms(), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_the_winner_does_not_depend_on_the_order_of_arrival(said: list[Any], random: Any, origins: list[int]) -> None:
    """Every statement has a time and an identity of its own; however they arrive, the same is known in the end."""
    calls = [(origins[n], source, at(n), value) for n, (source, value) in enumerate(said)]

    def known(order: list[Any]) -> tuple[Any, list[Any]]:
        held: dict[int, dict[str, Trait]] = {}
        for origin, source, time, value in order:
            held[origin] = traits.absorb(held.get(origin, {}), [(time, {"it": value})], source=source)
            held[origin] = traits.read(msgspec.json.decode(traits.write(held[origin])))
        every = [held[origin] for origin in sorted(held)]
        won = traits.view(every, RANKS).get("it")
        return won and (won.value, won.at, won.source), [
            [(one.value, one.at, one.source) for one in its["it"].candidates] for its in every
        ]

    shuffled = list(calls)
    random.shuffle(shuffled)
    assert known(calls) == known(shuffled)
    assert known(calls)[0] == _by_the_book(calls)


def _by_the_book(calls: list[Any]) -> Any:
    """The rule in other words: only the last of each source and identity stands; nulls clear what is below them."""
    last = {(origin, source): (time, value) for origin, source, time, value in calls}
    standing = []
    for (_, source), (time, value) in last.items():
        rank = RANKS.rank(source)
        cleared = any(
            other is None and RANKS.rank(whose) >= rank and when > time for (_, whose), (when, other) in last.items()
        )
        if value is not None and not cleared:
            standing.append((rank, time, value, source))
    if not standing:
        return None
    _, time, value, source = max(standing)
    return value, time, source


def test_a_higher_rank_wins_over_a_later_time_and_an_equal_one_does_not() -> None:
    held = traits.absorb({}, [(at(1), {"city": "Xi'an"})], source="operator:k")
    held = traits.absorb(held, [(at(5), {"city": "Wuhan"})], source="sdk:web")
    assert traits.view([held])["city"].value == "Xi'an"
    assert traits.view([held], sources.EQUAL)["city"].value == "Wuhan"
    assert traits.view([held], Registry(ranks={"operator:k": 1}))["city"].value == "Wuhan"


def test_a_null_of_an_operator_clears_the_past_and_not_the_future() -> None:
    held = traits.absorb({}, [(at(1), {"city": "Wuhan"})], source="sdk:web")
    held = traits.absorb(held, [(at(2), {"city": None})], source="operator:k")
    assert traits.view([held]) == {}
    held = traits.absorb(held, [(at(3), {"city": "Beijing"})], source="sdk:web")
    assert traits.view([held])["city"].value == "Beijing"


def test_another_source_that_says_the_same_does_not_begin_it_anew() -> None:
    held = traits.absorb({}, [(at(1), {"plan": "pro"})], source="sdk:web")
    held = traits.absorb(held, [(at(5), {"plan": "pro"})], source="sdk:app")
    assert (traits.view([held])["plan"].since, traits.view([held])["plan"].at) == (at(1), at(5))
    held = traits.absorb(held, [(at(6), {"plan": "free"})], source="import:x")
    held = traits.absorb(held, [(at(7), {"plan": "pro"})], source="sdk:app")
    assert traits.view([held])["plan"].since >= at(5)


def test_the_star_sign_comes_from_the_birthday_unless_somebody_says_it() -> None:
    held = traits.absorb({}, [(at(1), {"birthday": "2001-08-01"})], source="sdk:web")
    whole = traits.whole([held])
    assert (whole.traits["star_sign"], whole.traits["birthday"]) == ("leo", "--08-01"), "the year is personal"
    held = traits.absorb(held, [(at(0), {"star_sign": "virgo"})], source="sdk:web")
    assert traits.whole([held]).traits["star_sign"] == "virgo"


def test_candidates_of_several_sources_survive_being_stored() -> None:
    held: dict[str, Trait] = {}
    for n, source in enumerate(itertools.islice(itertools.cycle(["sdk:a", "sdk:b", "import:c"]), 6)):
        held = traits.absorb(held, [(at(n), {"it": n})], source=source)
    again = traits.read(msgspec.json.decode(traits.write(held)))
    assert again == held
    assert [(one.source, one.value) for one in again["it"].candidates] == [("import:c", 5), ("sdk:b", 4), ("sdk:a", 3)]
