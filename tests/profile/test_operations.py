"""Traits that are set once, added to and appended to: in any order of arrival, each message once."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest

from services.profile.rules import traits
from services.profile.rules.operations import LIST, Operation
from tests.profile.samples import NOON

Said = list[tuple[int, Any]]


def after(said: Said) -> Any:
    """The trait after these were said, in this order of arrival: (minutes after noon, value or operation)."""
    held = traits.absorb({}, [(NOON + timedelta(minutes=at), {"it": value}) for at, value in said])
    return traits.read(msgspec.json.decode(traits.write(held)))["it"].value if held else None


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ([(1, Operation("increment", 2)), (2, Operation("increment", 3.5)), (3, Operation("increment", -1))], 4.5),
        ([(1, Operation("set_once", "a")), (2, Operation("set_once", "b")), (3, Operation("set_once", "c"))], "a"),
        ([(1, Operation("set_once", "a")), (2, "b")], "b"),
        ([(1, "b"), (2, Operation("set_once", "a"))], "b"),
        ([(1, "b"), (2, Operation("set_once", "a")), (3, None)], None),
        ([(1, None), (2, Operation("set_once", "a"))], "a"),
    ],
)
def test_any_order_of_arrival_ends_the_same(said: Said, result: Any) -> None:
    """What the operations define by event time does not depend on which call came first."""
    for order in permutations(said):
        assert after(list(order)) == result


def test_append_joins_each_element_once() -> None:
    """A list grows by what it lacks, and never beyond its bound."""
    assert after([(1, Operation("append", ["a", "b", "a"])), (0, Operation("append", ["b", "c"]))]) == ["a", "b", "c"]
    assert after([(1, ["x"]), (2, Operation("append", "y"))]) == ["x", "y"]
    grown = after([(n, Operation("append", [n])) for n in range(LIST + 20)])
    assert grown == list(range(LIST))


def test_a_null_clears_for_operations_too() -> None:
    """After a null an increment begins anew; one that is older stays lost."""
    assert after([(1, 10), (3, None), (2, Operation("increment", 5))]) is None
    assert after([(1, 10), (3, None), (4, Operation("increment", 5))]) == 5


def test_what_does_not_fit_changes_nothing() -> None:
    """Adding to a text, appending to a number: the trait stays."""
    assert after([(1, "text"), (2, Operation("increment", 1))]) == "text"
    assert after([(1, 7), (2, Operation("append", ["a"]))]) == 7
    assert after([(1, True), (2, Operation("increment", 1))]) is True
