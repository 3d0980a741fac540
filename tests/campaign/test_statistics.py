"""Intervals, held against published figures."""

from __future__ import annotations

import math
import random

import pytest

from services.campaign.rules import statistics
from services.campaign.rules.statistics import Moments


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3 (Wilson).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    found = statistics.rate(successes, n)
    assert (round(found.low or 0, 4), round(found.high or 0, 4)) == (low, high)


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10.
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_newcombe(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    found = statistics.difference(a, m, b, n)
    assert found.low is not None
    assert found.high is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("freedom", "point"),
    [(1, 12.7062), (2, 4.3027), (5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799), (1e6, 1.96)],
)
def test_student(freedom: float, point: float) -> None:
    assert statistics.student(freedom) == pytest.approx(point, abs=6e-5)


def test_welch_on_an_example_worked_by_hand() -> None:
    one, two = [3.0, 4.0, 5.0, 8.0], [1.0, 2.0, 3.0]
    found = statistics.means(moments(one), moments(two))
    # Variances 14/3 and 1: error sqrt(14/12 + 1/3) = sqrt(1.5); freedom 1.5^2 / ((7/6)^2/3 + (1/3)^2/2) = 4.4182.
    assert found.value == 3.0
    assert found.high == pytest.approx(3 + statistics.student(4.418182) * math.sqrt(1.5), abs=1e-5)


def test_too_little_has_no_bounds() -> None:
    assert statistics.rate(0, 0) == statistics.Interval(0.0)
    assert statistics.difference(1, 2, 0, 0).low is None
    assert statistics.means(Moments(1, 5, 25), Moments(9, 0, 0)).low is None


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance = random.Random(7)
    rounds, hits, mean_hits = 400, 0, 0
    for _ in range(rounds):
        a, b = sum(chance.random() < 0.06 for _ in range(900)), sum(chance.random() < 0.03 for _ in range(150))
        found = statistics.difference(a, 900, b, 150)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.03 <= found.high
        ones, twos = [chance.expovariate(1 / 5) for _ in range(200)], [chance.expovariate(1 / 3) for _ in range(60)]
        mean = statistics.means(moments(ones), moments(twos))
        assert mean.low is not None
        assert mean.high is not None
        mean_hits += mean.low <= 2.0 <= mean.high
    assert 0.91 < hits / rounds <= 1
    assert 0.91 < mean_hits / rounds <= 1


def moments(values: list[float]) -> Moments:
    return Moments(len(values), sum(values), sum(one * one for one in values))
