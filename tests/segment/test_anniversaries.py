"""Days without their year, as profile tells birthdays: all who judge rules read them alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.segment.rules.compile import members
from services.segment.schemas.rule import parse
from tests.segment import naive
from tests.segment.naive import Person
from tests.segment.test_compile import warehouse
from tests.segment.test_judge import judged, viewer

DAYS = ("--03-29", "--03-31", "--02-28", "--02-29", "--02-30", "--3-29", "--13-01", "-03-29", "2001-03-29", "--04-31")
PEOPLE = [Person(traits={"birthday": day}, profile_id=place) for place, day in enumerate(DAYS, 1)]
TODAY: dict[str, Any] = {"trait": "birthday", "anniversary": "today", "zone": "Asia/Shanghai"}
SOON: dict[str, Any] = {"trait": "birthday", "anniversary": {"within_next": "3d"}}
OLDER: dict[str, Any] = {"trait": "birthday", "before": "2024-01-01"}


@pytest.mark.parametrize(
    ("rule", "at", "expected"),
    [
        (TODAY, "2026-03-29T09:30", {"--03-29", "2001-03-29"}),
        (TODAY, "2026-03-28T16:00", {"--03-29", "2001-03-29"}),
        (TODAY, "2026-03-28T15:59", set()),
        (SOON, "2026-03-29T09:30", {"--03-29", "--03-31", "2001-03-29"}),
        (SOON, "2026-02-28T09:30", {"--02-28", "--02-29"}),
        (SOON, "2028-02-28T09:30", {"--02-28", "--02-29"}),
        ({"trait": "birthday", "anniversary": "today"}, "2028-02-28T09:30", {"--02-28"}),
        (OLDER, "2026-03-29T09:30", {"2001-03-29"}),
    ],
)
def test_a_day_without_its_year_has_an_anniversary(rule: dict[str, Any], at: str, expected: set[str]) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    ids = {place for place, day in enumerate(DAYS, 1) if day in expected}
    world = {"s": rule}
    assert {one.profile_id for one in PEOPLE if naive.holds(rule, one, now, world)} == ids
    assert {one.profile_id for one in PEOPLE if judged(world).answer("s", viewer(one), now, {})[0]} == ids
    compiled = members(parse(rule), now, {"s": parse(rule)})
    assert {row[0] for row in warehouse(PEOPLE).sql(compiled.sql).fetchall()} == ids


@pytest.mark.parametrize(
    "rule", [TODAY, SOON, {"trait": "birthday", "anniversary": "today", "zone": "America/Santiago"}]
)
@pytest.mark.parametrize("at", ["2026-03-29T09:30", "2026-12-31T23:30", "2028-02-28T09:30", "2027-03-01T00:00"])
def test_a_fill_does_not_wake_everybody_at_the_next_midnight(rule: dict[str, Any], at: str) -> None:
    """Never later than the live evaluator, which knows the very midnight; and hardly anybody's is tomorrow's."""
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    every = [datetime(2028, 1, 1, tzinfo=UTC) + timedelta(days=place) for place in range(366)]
    people = [Person(traits={"birthday": f"--{day:%m-%d}"}, profile_id=one) for one, day in enumerate(every, 1)]
    compiled = members(parse(rule), now, {"s": parse(rule)}, following=True)
    found = {row[0]: row[2] for row in warehouse(people).sql(compiled.sql).fetchall()}
    soon = 0
    for one in people:
        told, exact = found[one.profile_id], judged({"s": rule}).answer("s", viewer(one), now, {}).next
        assert exact is not None
        assert now < told <= exact, one.traits
        assert exact - told < timedelta(days=14), one.traits
        soon += told < now + timedelta(days=2)
    assert soon < len(people) / 12
