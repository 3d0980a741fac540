"""Intervals of rates, of differences of rates, and of differences of means, all at 95 %."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Interval:
    """A value and its bounds; they are None where there is too little to say."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Moments:
    """What is needed of a sample: size, sum, sum of squares."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean, 0 of nothing."""
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """The unbiased variance; 0 of fewer than two. Rounding cannot make it negative."""
        if self.n < 2:
            return 0.0
        return max(0.0, (self.squares - self.n * self.mean**2) / (self.n - 1))


def rate(successes: int, n: int) -> Interval:
    """Wilson's score interval (E. B. Wilson 1927, J. Am. Stat. Assoc. 22, 209-212, without continuity correction)."""
    if not n:
        return Interval(0.0)
    p = successes / n
    middle = p + Z**2 / (2 * n)
    reach = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    low = 0.0 if successes == 0 else (middle - reach) / scale
    high = 1.0 if successes == n else (middle + reach) / scale
    return Interval(p, low, high)


def difference(successes: int, n: int, others: int, m: int) -> Interval:
    """p1 - p2 by Newcombe's method 10, the hybrid of two Wilson intervals.

    R. G. Newcombe 1998, Statistics in Medicine 17, 873-890, DOI 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>.
    """
    one, two = rate(successes, n), rate(others, m)
    value = one.value - two.value
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return Interval(value)
    low = value - math.hypot(one.value - one.low, two.high - two.value)
    high = value + math.hypot(one.high - one.value, two.value - two.low)
    return Interval(value, low, high)


def means(one: Moments, two: Moments) -> Interval:
    """Difference of means with Welch's interval (B. L. Welch 1947, Biometrika 34, 28-35)."""
    value = one.mean - two.mean
    if one.n < 2 or two.n < 2:
        return Interval(value)
    a, b = one.variance / one.n, two.variance / two.n
    if a + b == 0:
        return Interval(value)
    freedom = (a + b) ** 2 / (a**2 / (one.n - 1) + b**2 / (two.n - 1))
    reach = student(freedom) * math.sqrt(a + b)
    return Interval(value, value - reach, value + reach)


def student(freedom: float) -> float:
    """The 97.5 % point of Student's t with so many degrees of freedom (at least 1), right to 1e-6.

    The tail is the regularised incomplete beta function, I_x(v/2, 1/2) with x = v / (v + t^2) (Abramowitz and Stegun
    26.7.1), halved until it is 5 %.
    """
    low, high = Z, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        if _beta(freedom / (freedom + middle**2), freedom / 2, 0.5) > 0.05:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8; Lentz)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    fraction = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / (c if abs(c) > tiny else tiny)
            step = c * d
            fraction *= step
        if abs(step - 1) < 1e-12:
            break
    return front * fraction
