"""The live evaluator answers as brute force does, says truly until when, and knows what touches what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from services.segment.rules.judge import Event, Judge, Viewer
from services.segment.schemas.rule import KINDS, parse, plain
from tests.segment import naive, worlds
from tests.segment.naive import Happening, Person
from tests.segment.test_language_docs import EXAMPLES
from tests.segment.worlds import MICROSECOND, NOW

settings.register_profile("many", deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings.get_profile("many")


def viewer(person: Person) -> Viewer:
    """A viewer as the live work loads him."""
    events: dict[str, list[Event]] = {}
    for one in sorted(person.events, key=lambda one: (one.time, one.event_id)):
        for name in (one.event, "*"):
            events.setdefault(name, []).append(Event(one.time, one.event_id, one.properties))
    return Viewer(
        profile_id=person.profile_id,
        traits=person.traits,
        since=person.since,
        tags=person.tags,
        tag_since={name: since.isoformat() for name, since in person.tag_since.items()},
        scores=person.scores,
        consent=person.consent,
        consent_since=person.consent_since,
        has=frozenset(person.has),
        events=events,
        lists={"list": "list" in person.lists},
        entered=dict(person.told),
    )


def judged(world: Mapping[str, Any]) -> Judge:
    parsed = {key: parse(rule) for key, rule in world.items()}
    assert {key: plain(rule) for key, rule in parsed.items()} == world
    return Judge(parsed)


def test_it_answers_as_brute_force_does_until_the_instant_it_promises() -> None:
    seen: dict[str, set[bool]] = {}

    @settings(MANY, max_examples=300)
    @given(world=worlds.worlds, person=worlds.persons)
    def holds_for(world: Any, person: Person) -> None:
        judge, him = judged(world), viewer(person)
        memo: dict[Any, Any] = {}
        for key, rule in world.items():
            inside, following = judge.answer(key, him, NOW, memo)
            assert inside is naive.holds(rule, person, NOW, world), key
            assert following is None or following > NOW
            for instant in naive.instants(rule, person, NOW, world):
                for moment in (instant - MICROSECOND, instant, instant + MICROSECOND):
                    if moment > NOW and (following is None or moment < following):
                        assert naive.holds(rule, person, moment, world) is inside, (key, moment)
            for part in _parts(rule):
                kind = next(kind for kind in KINDS if kind in part)
                seen.setdefault(kind, set()).add(naive.holds(part, person, NOW, world))

    holds_for()
    # a property test whose rules never hold, or always, would prove nothing; the rarest leaves may do so by chance
    assert len([kind for kind, answers in seen.items() if len(answers) == 2]) >= len(KINDS) - 4, seen


@settings(MANY, max_examples=80)
@given(world=worlds.worlds, person=worlds.persons)
def test_whoever_asks_at_each_promised_instant_is_never_wrong(world: Any, person: Person) -> None:
    judge, him = judged(world), viewer(person)
    for key, rule in world.items():
        at = NOW
        for _ in range(6):
            inside, following = judge.answer(key, him, at, {})
            assert inside is naive.holds(rule, person, at, world), (key, at)
            if following is None:
                break
            assert following > at
            at = following


@settings(MANY, max_examples=80)
@given(world=worlds.worlds, person=worlds.persons)
def test_what_is_not_needed_does_not_matter(world: Any, person: Person) -> None:
    judge, him = judged(world), viewer(person)
    for key in world:
        needs = judge.needs([key])
        less = viewer(person)
        less.events = {
            name: [one for one in him.events.get(name, ()) if horizon is None or one.time > NOW - horizon]
            for name, horizon in needs.events.items()
        }
        less.entered = {one: told for one, told in him.entered.items() if one in needs.entered}
        less.lists = {one: him.lists[one] for one in needs.lists}
        assert judge.answer(key, less, NOW, {}) == judge.answer(key, him, NOW, {})


@settings(MANY, max_examples=80)
@given(world=worlds.worlds, person=worlds.persons, happening=worlds.happenings)
def test_what_does_not_touch_a_segment_does_not_change_it(world: Any, person: Person, happening: Happening) -> None:
    judge = judged(world)
    touched = judge.touched_by(happening.event, happening.properties)
    after = Person(**{**vars(person), "events": [*person.events, happening]})
    for key in world.keys() - touched:
        before = judge.answer(key, viewer(person), NOW, {}).inside
        # a filter that depends on the instant lets an event through later, not only when it comes
        assert judge.answer(key, viewer(after), NOW, {}).inside is before
        assert naive.holds(world[key], after, NOW, world) is before


def _parts(rule: Any) -> list[Any]:
    below = [*rule.get("all", []), *rule.get("any", []), *([rule["not"]] if "not" in rule else [])]
    return [rule, *(part for child in below for part in _parts(child))]


LIKES = [NOW - timedelta(days=n) for n in (9, 6, 5, 5, 1)]
"""Five of them, two at one instant."""


@pytest.mark.parametrize(
    ("rule", "inside", "days"),
    [
        ({"did": "x", "within": "7d"}, True, 6),
        ({"did": "x", "within": "7d", "times": {"gte": 2}}, True, 2),
        ({"did": "x", "within": "7d", "times": {"gte": 4}}, True, 1),
        ({"did": "x", "within": "7d", "times": {"gte": 5}}, False, None),
        ({"did": "x", "within": "7d", "times": {"lt": 2}}, False, 2),
        ({"did": "x", "within": "7d", "times": {"eq": 4}}, True, 1),
        ({"did": "x", "within": "7d", "times": {"eq": 2}}, False, None),
        ({"did": "x", "within": "7d", "times": {"between": [1, 3]}}, False, 1),
        ({"did": "x"}, True, None),
        ({"not": {"did": "x", "within": "10d"}}, False, 9),
        ({"did": "x", "between": ["10d", "2d"], "times": {"gte": 5}}, False, None),
        ({"did": "x", "between": ["9d", "8d"]}, False, 2),
        ({"last": "x", "within": "7d"}, True, 6),
        ({"first": "x", "within": "10d"}, True, 1),
        ({"stopped": "x", "quiet": "3d", "before": "4d"}, False, 2),
        ({"all": [{"did": "x", "within": "7d"}, {"did": "y"}]}, False, None),
        ({"any": [{"did": "x", "within": "7d"}, {"did": "x", "within": "8d"}]}, True, 7),
        ({"sequence": [{"event": "x"}, {"event": "x"}], "within": "7d"}, True, 2),
    ],
)
def test_the_instant_it_promises_is_the_right_one(rule: dict[str, Any], inside: bool, days: int | None) -> None:
    person = Person(events=[Happening("x", time, {}, f"e{n}") for n, time in enumerate(LIKES)])
    expected = NOW + timedelta(days=days) if days else None
    assert Judge({"s": parse(rule)}).answer("s", viewer(person), NOW, {}) == (inside, expected)


def test_a_later_event_is_the_last_one_at_its_own_time() -> None:
    old, ahead = NOW - timedelta(days=40), NOW + timedelta(days=1)
    person = Person(events=[Happening("x", old, {}, "a"), Happening("x", ahead, {}, "b")])
    judge = Judge({"s": parse({"last": "x", "between": ["90d", "30d"]})})
    assert judge.answer("s", viewer(person), NOW, {}) == (True, ahead)
    assert judge.answer("s", viewer(person), ahead, {})[0] is False


def test_a_judge_knows_what_touches_which_segment() -> None:
    judge = judged(
        {
            "likers": {"all": [{"did": "x", "where": [{"property": "p", "eq": 1}], "within": "7d"}, {"tag": "t"}]},
            "both": {"any": [{"in_segment": "likers"}, {"trait": "age", "gt": 1}, {"score": "churn", "gt": 0}]},
            "old": {"not": {"has_been": {"in_segment": "both"}, "for": "3d"}},
            "other": {"sequence": [{"event": "y"}, {"event": "z"}], "without": [{"event": "x"}]},
            "listed": {"all": [{"in_segment": "list"}, {"consent": "email"}, {"has": "push"}]},
        }
    )
    assert judge.touched_by("x", {"p": 1}) == {"likers", "both", "old", "other"}
    assert judge.touched_by("x", {"p": 2}) == {"other"}
    assert judge.touched_by("never", {}) == frozenset()
    assert judge.touched_by_tag(["t"]) == {"likers", "both", "old"}
    assert judge.touched_by_trait(["age", "city"]) == judge.touched_by_score(["churn"]) == {"both", "old"}
    assert judge.touched_by_consent(["email"]) == judge.touched_by_has(["push"]) == {"listed"}
    assert judge.touched_by_segment(["likers"]) == {"both", "old"}
    assert judge.touched_by_segment(["list"]) == {"listed"}
    needs = judge.needs(["old", "listed", "other"])
    assert needs.events == {"x": None, "y": None, "z": None}
    assert judge.needs(["both"]).events == {"x": timedelta(days=7)}
    assert needs.entered == {"both"}
    assert needs.lists == {"list"}


def test_a_circle_of_segments_is_refused() -> None:
    with pytest.raises(ValueError, match="a > b > a"):
        judged({"a": {"in_segment": "b"}, "b": {"not": {"in_segment": "a"}}})


def test_the_same_leaf_in_many_segments_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = {"did": "x", "within": "7d"}
    judge = judged({"a": leaf, "b": {"not": leaf}, "c": {"all": [leaf, {"in_segment": "b"}]}})
    memo: dict[Any, Any] = {}
    him = viewer(Person(events=[Happening("x", NOW, {}, "e")]))
    assert [judge.answer(key, him, NOW, memo).inside for key in "abc"] == [True, False, False]
    assert len([one for one in memo if type(one).__name__ == "AtLeast"]) == 1


def test_an_explanation_shows_each_part_with_what_is_there() -> None:
    judge = judged(
        {
            "likers": {"did": "x", "where": [{"property": "p", "gt": 1}], "times": {"gte": 2}, "within": "7d"},
            "best": {"all": [{"in_segment": "likers"}, {"not": {"trait": "city", "eq": "Xi'an"}}]},
        }
    )
    person = Person(traits={"city": "上海"}, events=[Happening("x", time, {"p": 2}, f"{time}") for time in LIKES])
    told = judge.explain("best", viewer(person), NOW)
    assert (told.path, told.kind, told.holds, told.changes_at) == ("rule", "all", True, NOW + timedelta(days=2))
    segment, negation = told.parts
    (liked,) = segment.parts
    assert (segment.path, segment.text, segment.holds) == ("rule.all[0]", 'is in segment "likers"', True)
    assert (liked.path, liked.actual, liked.changes_at) == ("rule", 4, NOW + timedelta(days=2))
    assert liked.text == 'did "x" where "p" is more than 1 in the last 7d: how often is at least 2'
    (city,) = negation.parts
    assert (city.path, city.holds, city.actual, city.changes_at) == ("rule.all[1].not", False, "上海", None)
    assert city.text == 'trait "city" is "Xi\'an"'


@settings(MANY, max_examples=80)
@given(world=worlds.worlds, person=worlds.persons)
def test_an_explanation_agrees_with_the_answer_and_is_json(world: Any, person: Person) -> None:
    judge, him = judged(world), viewer(person)
    for key in world:
        told = judge.explain(key, him, NOW)
        assert (told.holds, told.changes_at) == judge.answer(key, him, NOW, {})
        assert json.loads(msgspec.json.encode(told))["path"] == "rule"


def test_every_example_of_the_language_has_a_sentence() -> None:
    for rule in EXAMPLES:
        judge = Judge({"s": parse(rule), "vip": parse({"tag": "vip"})})
        told = judge.explain("s", viewer(Person()), NOW)
        assert told.text
        assert "{" not in told.text


@pytest.mark.parametrize("time", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)])
def test_a_clock_that_shows_anything_harms_nobody(time: datetime) -> None:
    events = [Happening(name, time, {"at": "2999-12-31T23:59:59Z"}, name) for name in ("x", "y")]
    person = Person(traits={"born": "2999-12-31"}, events=events)
    for rule in EXAMPLES:
        text = re.sub(r'"(did|first|last|regularly|stopped|restarted|event)": "[^"]+"', r'"\1": "x"', json.dumps(rule))
        judge = Judge({"s": parse(json.loads(text)), "vip": parse({"tag": "vip"})})
        following = judge.answer("s", viewer(person), NOW, {}).next
        assert following is None or following > NOW
