"""Typed traits and their sources: what is understood, what is refused, and whom to believe."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.rules import definitions, sources, traits
from services.profile.rules.definitions import BUILT_IN, Definition, Refused
from services.profile.rules.operations import Operation
from services.profile.rules.sources import Registry
from services.profile.rules.traits import Trait
from shared import clock
from shared.contracts import EventReceived, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON, call


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


# Through the doors


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    return await open_house(SERVICE)


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def ask(
    running: Running, method: str, path: str, body: Any = None, *, role: str = "admin", status: int = 200
) -> Any:
    answer: httpx.Response = await running.client.request(
        method, path, json=body, headers=running.headers(role, caller_id="key_1")
    )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def traits_of(running: Running, ref: str, *, role: str = "admin") -> dict[str, Any]:
    found = await ask(running, "GET", f"/v1/profiles/{ref}/traits", role=role)
    return {one["name"]: one for one in found["traits"]}


async def test_values_are_kept_as_typed_and_what_is_refused_is_counted(running: Running) -> None:
    await take(
        running,
        call("identify", user_id="u1", traits={"gender": "女", "age": "20", "birthday": "01/02/2003", "x": {"a": 1}}),
        call("identify", user_id="u1", traits={"birthday": 7}, after=1),
        call("identify", user_id="u2", traits={"birthday": "03/02/2003"}, source="app"),
        call("identify", user_id="u3", traits={"birthday": "3.4"}, source="app"),
    )
    profile = await ask(running, "GET", "/v1/profiles/user_id:u1")
    assert profile["traits"] == {"gender": "female", "age": 20, "x": {"a": 1}}
    refused = (await ask(running, "GET", "/v1/traits/refused", role="viewer"))["items"]
    reason = "text that cannot be read as a date like 2001-12-31"
    assert [(one["name"], one["source"], one["reason"], one["count"]) for one in refused] == [
        ("birthday", "sdk:app", reason, 2),
        ("birthday", "sdk:web", "a number that cannot be read as a date like 2001-12-31", 1),
        ("birthday", "sdk:web", reason, 1),
    ]
    first = await ask(running, "GET", "/v1/traits/refused?limit=1")
    second = await ask(running, "GET", f"/v1/traits/refused?limit=2&cursor={first['next']}")
    assert first["items"] + second["items"] == refused


async def test_a_definition_counts_from_now_on_and_can_go_again(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"level": "gold"}))
    wanted = {"type": "text", "enum": ["gold", "silver"], "description": "of membership"}
    made = await ask(running, "PUT", "/v1/traits/definitions/level", wanted, role="operator")
    assert made == {"name": "level", "personal": False, "built_in": False, **wanted}
    await take(running, call("identify", user_id="u1", traits={"level": "tin"}, after=1))
    assert (await traits_of(running, "user_id:u1"))["level"]["value"] == "gold"
    names = [one["name"] for one in await ask(running, "GET", "/v1/traits/definitions", role="viewer")]
    assert names == sorted([*BUILT_IN, "level"])
    await ask(running, "DELETE", "/v1/traits/definitions/level", role="operator", status=204)
    await ask(running, "GET", "/v1/traits/definitions/level", status=404)
    await ask(running, "DELETE", "/v1/traits/definitions/level", status=404)
    await ask(running, "DELETE", "/v1/traits/definitions/gender", status=409)
    await take(running, call("identify", user_id="u1", traits={"level": "tin"}, after=2))
    assert (await traits_of(running, "user_id:u1"))["level"]["value"] == "tin"


async def test_a_built_in_definition_can_be_said_anew(running: Running) -> None:
    await ask(running, "PUT", "/v1/traits/definitions/gender", {"type": "text", "enum": ["m", "w"]})
    assert (await ask(running, "GET", "/v1/traits/definitions/gender"))["built_in"] is False
    await take(running, call("identify", user_id="u1", traits={"gender": "W"}))
    assert (await traits_of(running, "user_id:u1"))["gender"]["value"] == "w"
    await ask(running, "DELETE", "/v1/traits/definitions/gender", status=204)
    assert (await ask(running, "GET", "/v1/traits/definitions/gender"))["built_in"] is True


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/traits/definitions/x", {"type": "colour"}, "type"),
        ("/v1/traits/definitions/x", {"type": "integer", "enum": ["1"]}, "body"),
        ("/v1/traits/definitions/x", {"type": "text", "enums": ["1"]}, "enums"),
        ("/v1/traits/definitions/email", {"type": "text"}, "name"),
        ("/v1/traits/definitions/consent", {"type": "text"}, "name"),
        ("/v1/traits/sources/nobody", {"rank": 1}, "source"),
        ("/v1/traits/sources/sdk:", {"rank": 1}, "source"),
        ("/v1/traits/sources/sdk", {"rank": 1001}, "rank"),
        ("/v1/traits/sources/sdk", {}, "rank"),
    ],
)
async def test_what_is_wrong_is_named(running: Running, path: str, body: Any, field: str) -> None:
    problem = await ask(running, "PUT", path, body, status=422)
    assert problem["errors"][0]["field"] == field


async def test_a_correction_stands_against_tracking_and_is_explained(running: Running) -> None:
    await take(running, call("identify", user_id="u1", anonymous_id="a1", traits={"city": "Wuhan", "age": 3}))
    found = await ask(
        running, "PATCH", "/v1/profiles/user_id:u1/traits", {"traits": {"city": "Xi'an", "age": "41"}}, role="operator"
    )
    assert {one["name"]: one["value"] for one in found["traits"]} == {"age": 41, "city": "Xi'an"}
    later = (datetime.now(NOON.tzinfo) - NOON).total_seconds() + 600
    await take(running, call("identify", anonymous_id="a1", traits={"city": "Beijing"}, after=later))
    city = (await traits_of(running, "user_id:u1"))["city"]
    assert (city["value"], city["source"]) == ("Xi'an", "operator:key_1")
    assert [(one["origin"], one["source"], one["rank"], one["value"], one["wins"]) for one in city["candidates"]] == [
        ("user_id:u1", "operator:key_1", 200, "Xi'an", True),
        ("user_id:u1", "sdk:web", 100, "Wuhan", False),
        ("anonymous_id:a1", "sdk:web", 100, "Beijing", False),
    ]
    assert (await ask(running, "GET", "/v1/profiles/user_id:u1"))["traits"]["city"] == "Xi'an"
    told = (await eventually(lambda: _told(running, 2)))[-1]
    assert (told.version, told.traits) == (2, {"age": 41, "city": "Xi'an"})


async def _told(running: Running, count: int) -> list[ProfileUpdated]:
    told = await running.told(ProfileUpdated)
    assert len(told) >= count
    return told


async def test_a_rank_changes_what_counts_and_is_told(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"city": "Wuhan"}, source="crm"))
    await take(running, call("identify", user_id="u1", traits={"city": "Beijing"}, source="web", after=5))
    await take(running, call("identify", user_id="u2", traits={"city": "Beijing"}, source="web", after=5))
    assert (await ask(running, "PUT", "/v1/traits/sources/sdk:crm", {"rank": 150}, role="operator")) == {
        "source": "sdk:crm",
        "rank": 150,
        "default": False,
    }

    async def believed(city: str) -> None:
        last = [fact for fact in await running.told(ProfileUpdated) if fact.profile_id == 1][-1]
        assert last.traits == {"city": city}

    await eventually(lambda: believed("Wuhan"))
    assert [(one["source"], one["rank"]) for one in await ask(running, "GET", "/v1/traits/sources", role="viewer")] == [
        ("operator", 200),
        ("sdk:crm", 150),
        ("import", 100),
        ("sdk", 100),
        ("computed", 50),
    ]
    await ask(running, "PUT", "/v1/traits/sources/sdk:crm", {"rank": None})
    await eventually(lambda: believed("Beijing"))
    assert len([fact for fact in await running.told(ProfileUpdated) if fact.profile_id == 2]) == 1


async def test_personal_traits_are_hidden_from_operators_and_told_to_nobody_but_the_day_of_a_birthday(
    running: Running,
) -> None:
    await take(running, call("identify", user_id="u1", traits={"birthday": "2001-08-01", "income": 5}))
    shown = await traits_of(running, "user_id:u1", role="operator")
    assert (shown["birthday"]["value"], shown["birthday"]["candidates"][0]["value"]) == ("•••", "•••")
    assert (shown["star_sign"]["value"], shown["age"]["source"]) == ("leo", "computed:birthday")
    assert (await ask(running, "GET", "/v1/profiles/user_id:u1", role="operator"))["traits"]["birthday"] == "•••"
    assert (await traits_of(running, "user_id:u1"))["birthday"]["value"] == "2001-08-01"
    await ask(running, "PUT", "/v1/traits/definitions/income", {"type": "number", "personal": True})

    async def hidden() -> None:
        told = (await running.told(ProfileUpdated))[-1]
        age = definitions.age("2001-08-01", clock.now().date())
        assert told.traits == {"star_sign": "leo", "age": age, "birthday": "--08-01"}

    await eventually(hidden)


@pytest.mark.parametrize(
    ("traits_", "field"),
    [
        ({"age": "old"}, "traits.age"),
        ({"gender": "x"}, "traits.gender"),
        ({"consent": False}, "traits.consent"),
        ({"unsubscribed": False}, "traits.unsubscribed"),
        ({"note": "x" * 20_000}, "traits.note"),
        ({}, "traits"),
    ],
)
async def test_a_correction_that_does_not_fit_changes_nothing(running: Running, traits_: Any, field: str) -> None:
    await take(running, call("identify", user_id="u1", traits={"age": 3}))
    problem = await ask(
        running, "PATCH", "/v1/profiles/user_id:u1/traits", {"traits": {**traits_}}, role="operator", status=422
    )
    assert problem["errors"][0]["field"] == field
    assert {name: one["value"] for name, one in (await traits_of(running, "1")).items()} == {"age": 3}


async def test_contact_data_set_by_hand_is_sealed_and_masked(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"age": 3}))
    body = {"traits": {"email": "bob@example.com"}}
    found = await ask(running, "PATCH", "/v1/profiles/1/traits", body, role="operator")
    assert {one["name"]: one["value"] for one in found["traits"]} == {"age": 3, "email": "b•••@example.com"}
    assert (await traits_of(running, "1"))["email"]["value"] == "bob@example.com"
    async with running.db.transaction() as session:
        stored = (await session.execute(text("SELECT traits::text FROM identities"))).scalar_one()
    assert "bob" not in stored


async def test_who_may_do_what(running: Running) -> None:
    await take(running, call(user_id="u1"))
    await ask(running, "PATCH", "/v1/profiles/1/traits", {"traits": {"a": 1}}, role="viewer", status=403)
    await ask(running, "PUT", "/v1/traits/definitions/x", {"type": "text"}, role="viewer", status=403)
    await ask(running, "PUT", "/v1/traits/sources/sdk", {"rank": 1}, role="viewer", status=403)
    await ask(running, "GET", "/v1/profiles/user_id:nobody/traits", status=404)


def test_candidates_of_several_sources_survive_being_stored() -> None:
    held: dict[str, Trait] = {}
    for n, source in enumerate(itertools.islice(itertools.cycle(["sdk:a", "sdk:b", "import:c"]), 6)):
        held = traits.absorb(held, [(at(n), {"it": n})], source=source)
    again = traits.read(msgspec.json.decode(traits.write(held)))
    assert again == held
    assert [(one.source, one.value) for one in again["it"].candidates] == [("import:c", 5), ("sdk:b", 4), ("sdk:a", 3)]
