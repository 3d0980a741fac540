"""Consent: what a viewer said, what follows from it, and who hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from services.profile.rules import consents
from shared.contracts import Fact, ProfileUpdated
from tests.profile.samples import NOON, call

TODAY = NOON.date()
Take = Callable[..., Awaitable[list[Fact]]]


def current(**traits: Any) -> dict[str, bool]:
    return consents.current(consents.flat(traits), TODAY)


def test_answers_become_one_trait_per_purpose() -> None:
    given = {"consent": {"email": False, "sms": None, "push": "maybe", "a b": True}, "name": "X", "consent.news": True}
    assert consents.flat(given) == {"name": "X", "consent.email": False, "consent.sms": None, "consent.news": True}
    assert consents.flat({"consent": False}) == {"consent.*": False}
    assert consents.flat({"consent": None}) == {"consent.*": None}
    plain = {"name": "X", "unsubscribed": True}
    assert consents.flat(plain) is plain


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {}),
        ({"consent": {"email": True}}, {"email": True}),
        ({"consent": {"profiling": False}}, {"profiling": False, "personalisation": False}),
        ({"consent": False}, {"*": False, "profiling": False, "personalisation": False}),
        ({"unsubscribed": True}, {"*": False}),
        ({"unsubscribed": False, "consent": {"email": False}}, {"email": False}),
    ],
)
def test_what_follows_from_what_he_said(traits: dict[str, Any], expected: dict[str, bool]) -> None:
    assert current(**traits) == expected


@pytest.mark.parametrize(
    ("traits", "child"),
    [
        ({"age": 13}, True),
        ({"age": 14}, False),
        ({"age": "13"}, False),
        ({"age": True}, False),
        ({"birthday": "2013-05-04"}, True),
        ({"birthday": "2012-05-05"}, True),
        ({"birthday": "2012-05-04"}, False),
        ({"birthday": "2013-05-04", "age": 30}, True),
        ({"birthday": "spring"}, False),
        ({"birthday": "2013-05-04", "consent": {"guardian": True}}, False),
        ({"age": 5, "consent": {"guardian": False, "email": True, "personalisation": True}}, True),
    ],
)
def test_children_are_neither_profiled_nor_written_to_without_a_guardian(traits: dict[str, Any], child: bool) -> None:
    said = current(**traits)
    for purpose in consents.NOT_FOR_CHILDREN:
        assert (said.get(purpose) is False) is child
    assert "analytics" not in said
    assert consents.allowed(said, "email", "marketing") is not child


def test_one_number_has_one_answer() -> None:
    assert not consents.allowed({"sms": False}, "phone", "marketing")
    assert not consents.allowed({"phone": False}, "sms", "marketing")
    assert consents.allowed({"sms": False}, "email", "marketing")
    assert date(2026, 5, 4) == TODAY


async def test_answers_of_two_devices_add_up_and_the_later_one_of_each_counts(take: Take) -> None:
    await take(call(user_id="u1", anonymous_id="a1"))
    told = await take(
        call("identify", anonymous_id="a1", traits={"consent": {"email": False, "sms": True}}, after=10),
        call("identify", user_id="u1", traits={"consent": {"analytics": True, "sms": False}}, after=20),
    )
    (fact,) = [one for one in told if isinstance(one, ProfileUpdated)]
    assert fact.consent == {"email": False, "sms": False, "analytics": True}
    assert fact.traits == {}
    (late,) = await take(call("identify", user_id="u1", traits={"consent": {"email": True}}, after=30))
    assert isinstance(late, ProfileUpdated)
    assert late.consent["email"] is True
    assert await take(call("identify", anonymous_id="a1", traits={"consent": {"email": False}}, after=15)) == []
