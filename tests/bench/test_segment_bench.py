"""Segment's bench on a tiny crowd: it runs to its end, and again on what it kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import segment, segment_rules
from tests.bench.crowd import Crowd
from tests.bench.segment import Size


async def test_the_bench_runs_and_goes_on_with_what_it_kept(scratch: Path) -> None:
    size = Size(Crowd(viewers=1000, events=10_000), segments=20, seconds=2, warming=1, rounds=1)
    lines = {line.name: line for line in await segment.measure(size, scratch / "bench")}
    assert len([name for name in lines if name.startswith("preview: ")]) == len(segment_rules.PREVIEWS)
    assert lines["preview / SQL by hand, median of the rules"].value > 0
    latency = [line for name, line in lines.items() if name.startswith("event posted")]
    assert len(latency) == 2
    assert 0 < latency[0].value <= latency[1].value
    assert lines["live: transitions told"].value >= 2 * segment.RATE // segment.PROBES
    assert lines["1,000 deadlines in 2 s: the latest one was late by"].value >= 0
    again = {line.name for line in await segment.measure(size, scratch / "bench")}
    assert set(lines) - again == {"load, rows with their indexes"}


@pytest.mark.parametrize("number", [20, 200])
def test_the_rules_are_all_different_and_mostly_about_behaviour(number: int) -> None:
    rules = segment_rules.live(number)
    assert len(rules) == number
    assert all(rule not in rules[:place] for place, rule in enumerate(rules))
    assert sum("trait" not in str(rule) for rule in rules) == number * 3 // 5
    assert segment._touched(Size(Crowd(1, 1), segments=number)) >= segment.TOUCHED * number // segment.SEGMENTS - 1
