"""Dice and arrays of the simulation: the same seed and word give the same throws, whatever else is drawn."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
"""Instants are milliseconds since 1970."""


def dice(seed: int, word: str) -> np.random.Generator:
    """The dice of one thing."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(word.encode())]))


def pick(throw: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """`size` places in the list of weights, each as often as it weighs."""
    share = np.asarray(weights, np.float64)
    return np.asarray(throw.choice(len(share), size=size, p=share / share.sum()), np.int64)


def pick_each(throw: np.random.Generator, weights: Floats) -> Ints:
    """For each row of weights (n × k) one place in it."""
    bounds = np.cumsum(weights, axis=1)
    thrown = throw.random(len(weights)) * bounds[:, -1]
    return np.asarray(np.minimum((thrown[:, None] > bounds).sum(axis=1), weights.shape[1] - 1), np.int64)


def ranks(groups: Ints) -> Ints:
    """The place of each element in its group, from 0; equal groups stand together."""
    if not len(groups):
        return np.empty(0, np.int64)
    heads = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    sizes = np.diff(np.append(heads, len(groups)))
    return np.arange(len(groups), dtype=np.int64) - np.repeat(heads, sizes)


def running(values: Ints, groups: Ints) -> Ints:
    """The sum of the values up to and with each, within its group; equal groups stand together."""
    if not len(groups):
        return np.empty(0, np.int64)
    total = np.cumsum(values)
    heads = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    sizes = np.diff(np.append(heads, len(groups)))
    return total - np.repeat(total[heads] - values[heads], sizes)
