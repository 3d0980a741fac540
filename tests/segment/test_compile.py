"""The compiled SQL answers as plain Python does, whatever the rule says, whomever it asks about, at the edges too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import ibis
import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from services.segment.rules import book as books
from services.segment.rules import compile as compiled
from services.segment.rules.book import Book, Definition
from services.segment.rules.program import Parts
from services.segment.schemas.rule import plain
from services.segment.store import members, viewers
from tests.segment import naive, words
from tests.segment.conftest import undone
from tests.segment.naive import Happening, Person
from tests.segment.words import NOW

MILLISECOND = timedelta(milliseconds=1)

People = Mapping[int, tuple[dict[str, Any], Sequence[tuple[str, datetime, dict[str, Any]]], Sequence[str]]]

histories: st.SearchStrategy[People] = st.dictionaries(
    st.integers(1, 2**40),
    st.tuples(words.objects, st.lists(words.happenings, max_size=6), st.lists(words.names, max_size=3)),
    min_size=1,
    max_size=4,
)


async def _know(session: AsyncSession, people: People) -> dict[int, Person]:
    """Write viewers and events through the store; what they are to the evaluator."""
    await viewers.appear(session, sorted(people))
    await viewers.update(session, [words.profile(key, 1, *tags, **traits) for key, (traits, _, tags) in people.items()])
    facts = [
        words.event(key, name, time, **properties)
        for key, (_, happenings, _) in people.items()
        for name, time, properties in happenings
    ]
    await viewers.record(session, facts)
    return {
        key: Person(traits, [Happening(*happening) for happening in happenings], tags)
        for key, (traits, happenings, tags) in people.items()
    }


async def _ask(session: AsyncSession, query: str, ids: Sequence[int], as_of: datetime) -> list[Any]:
    connection = await session.connection()
    candidates = "WITH candidates AS (SELECT unnest($1::bigint[]) AS profile_id, $2::timestamptz AS as_of) "
    return list(await connection.exec_driver_sql(candidates + query, (ids, as_of)))


def _unchanged_until(rule: dict[str, Any], person: Person, following: datetime | None, before: bool) -> None:
    """The answer is the same at every instant that could matter before the promised one."""
    assert following is None or following > NOW
    for instant in naive.instants(rule, person):
        for moment in (instant - MILLISECOND, instant, instant + MILLISECOND):
            if moment > NOW and (following is None or moment < following):
                assert naive.holds(rule, person, moment) is before


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(words.rules, min_size=1, max_size=3), people=histories)
@example(
    rules=[{"did": "likes", "within": "3d"}, {"not": {"did": "likes", "within": "3d", "times": {"gt": 0}}}],
    people={
        1: ({}, [("likes", NOW - timedelta(days=3), {})], []),
        2: ({}, [("likes", NOW - timedelta(days=3) + MILLISECOND, {})], []),
        3: ({}, [("likes", NOW + MILLISECOND, {})], []),
        4: ({}, [("likes", NOW, {})], []),
    },
)
@example(
    rules=[{"any": [{"did": "never"}, {"did": "likes", "within": "3d"}, {"did": "likes", "within": "1s"}]}],
    people={
        1: ({}, [("likes", NOW - timedelta(days=3), {})], []),
        2: ({}, [("likes", NOW - timedelta(days=3) + MILLISECOND, {})], []),
        3: ({}, [("likes", NOW + timedelta(days=1), {})], []),
    },
)
@example(
    rules=[{"trait": "likes", "exists": True}, {"trait": "likes", "ne": 1}, {"not": {"trait": "likes", "gt": 0}}],
    people={1: ({"likes": None}, [], []), 2: ({}, [], []), 3: ({"likes": "null"}, [], []), 4: ({"likes": 1.0}, [], [])},
)
@example(
    rules=[{"trait": "likes", "gt": 0}, {"trait": "likes", "eq": str(10**400)}, {"trait": "likes", "lt": 1e300}],
    people={1: ({"likes": 10**400}, [], []), 2: ({"likes": 1.7e308}, [], []), 3: ({"likes": True}, [], [])},
)
@example(
    rules=[{"tag": "it's"}, {"not": {"tag": "it's"}}, {"all": [{"tag": "it's"}, {"did": "likes"}]}],
    people={1: ({}, [], ["it's"]), 2: ({"it's": 1}, [], ["its", "IT'S"]), 3: ({}, [("likes", NOW, {})], ["a", "it's"])},
)
async def test_sql_answers_as_python_does(engine: AsyncEngine, rules: list[dict[str, Any]], people: People) -> None:
    parsed = [books.parse(rule) for rule in rules]
    assert msgspec.json.encode([plain(rule) for rule in parsed])
    async with undone(engine) as session:
        persons = await _know(session, people)
        expected = {
            (key, place): naive.holds(rule, person, NOW)
            for key, person in persons.items()
            for place, rule in enumerate(rules)
        }

        whole = {row.profile_id: row for row in await _ask(session, compiled.sql(parsed), list(people), NOW)}
        assert set(whole) == set(people)
        for (key, place), answer in expected.items():
            assert getattr(whole[key], f"in_{place}") is answer
            _unchanged_until(rules[place], persons[key], getattr(whole[key], f"next_{place}"), answer)

        touched = sorted(people)[: max(1, len(people) // 2)]
        definitions = [Definition(place, f"s{place}", 1, rule, None) for place, rule in enumerate(parsed)]
        for program in Book(definitions, Parts()).programs:
            rows = await _ask(session, program.text, touched, NOW)
            assert {(row.profile_id, row.segment_id) for row in rows} == {
                (key, place) for key in touched for place in program.segments
            }
            for row in rows:
                assert row.inside is expected[row.profile_id, row.segment_id]
                assert row.next == getattr(whole[row.profile_id], f"next_{row.segment_id}")

        for place, rule in enumerate(parsed):
            hits = sorted(key for key in people if expected[key, place])
            count, sample = await members.preview(session, compiled.sql([rule], following=False), NOW)
            assert (count, sample) == (len(hits), hits[: members.SAMPLE])


async def test_the_evaluator_finds_both_answers(engine: AsyncEngine) -> None:
    """A property test whose rules never hold would prove nothing."""
    seen: list[bool] = []

    @settings(max_examples=200, database=None, deadline=None)
    @given(rule=words.rules, traits=words.objects, happenings=st.lists(words.happenings, max_size=6))
    def look(rule: dict[str, Any], traits: dict[str, Any], happenings: list[Any]) -> None:
        seen.append(naive.holds(rule, Person(traits, [Happening(*one) for one in happenings]), NOW))

    look()
    assert min(seen.count(True), seen.count(False)) > 20


def test_leaves_that_count_the_same_share_a_column() -> None:
    one = {"did": "likes", "where": [{"property": "p", "eq": 1}], "within": "3d"}
    rules = [books.parse({**one, "times": times}) for times in ({"gte": 1}, {"lt": 5}, {"eq": 0})]
    definitions = [Definition(place, f"s{place}", 1, rule, None) for place, rule in enumerate(rules)]
    (program,) = Book(definitions, Parts()).programs
    assert program.text.count("COUNT(*)") == 1


def test_a_program_is_split_before_it_has_too_many_columns() -> None:
    rules = {place: books.parse({"any": [{"did": f"e{place}.{leaf}"} for leaf in range(40)]}) for place in range(25)}
    parts = Parts()
    parts.learn(rules.values())
    programs = parts.programs(rules)
    assert len(programs) == 3
    assert frozenset().union(*(program.segments for program in programs)) == frozenset(rules)


def test_the_same_expression_compiles_for_duckdb() -> None:
    rule = books.parse({"all": [{"did": "likes", "within": "3d"}, {"not": {"trait": "age", "lt": 18}}]})
    assert '"candidates"' in str(ibis.to_sql(compiled.expression([rule]), dialect="duckdb"))
