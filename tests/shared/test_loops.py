"""Background steps: tried again with back-off, woken, and always stopped in bounded time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from shared.bus import BusDown
from shared.loops import Loops
from tests.harness.eventually import eventually


@pytest.fixture
async def loops() -> AsyncIterator[Loops]:
    made = Loops()
    yield made
    await made.stop(grace=0.1)


def failures(name: str) -> float:
    return REGISTRY.get_sample_value("marquee_loop_failures_total", {"loop": name}) or 0.0


@pytest.mark.parametrize("error", [ValueError("a bug"), BusDown("away")])
async def test_a_failing_step_is_tried_again_with_back_off_and_counted(loops: Loops, error: Exception) -> None:
    name = f"fails {type(error).__name__}"
    times: list[float] = []

    async def step() -> bool:
        times.append(time.monotonic())
        if len(times) <= 3:
            raise error
        return False

    loops.start(name, step, pause=60)
    await eventually(lambda: len(times) == 4)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert failures(name) == 3
    for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=True):
        assert least * 0.9 <= gap < least + 0.3


async def test_a_success_ends_the_back_off(loops: Loops) -> None:
    times: list[float] = []

    async def step() -> bool:
        times.append(time.monotonic())
        if len(times) in (1, 2, 3, 5):
            raise ValueError
        return len(times) == 4

    loops.start("recovers", step, pause=60)
    await eventually(lambda: len(times) == 6)
    assert times[5] - times[4] < 0.3  # 0.1, not 0.8


async def test_waking_turns_a_resting_step_but_not_a_failed_one(loops: Loops) -> None:
    turns: list[float] = []
    failing: list[float] = []

    async def rests() -> bool:
        turns.append(time.monotonic())
        return False

    async def fails() -> bool:
        failing.append(time.monotonic())
        raise BusDown("away")

    loops.start("rests", rests, pause=60)
    loops.start("fails", fails, pause=60)
    loops.wake("nobody")
    for number in range(1, 6):
        await eventually(lambda number=number: len(turns) == number)  # type: ignore[misc]
        loops.wake("rests")
    await eventually(lambda: len(turns) == 6)
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        loops.wake("fails")
        await asyncio.sleep(0.005)
    assert len(failing) <= 5  # at 0, 0.1, 0.3, 0.7 …


async def test_a_wake_during_a_turn_is_not_lost(loops: Loops) -> None:
    turns: list[int] = []
    entered, go = asyncio.Event(), asyncio.Event()

    async def step() -> bool:
        turns.append(1)
        entered.set()
        await go.wait()
        return False

    loops.start("step", step, pause=60)
    await entered.wait()
    loops.wake("step")
    go.set()
    await eventually(lambda: len(turns) == 2)


async def test_more_to_do_means_at_once_without_starving_others(loops: Loops) -> None:
    turns: list[int] = []

    async def busy() -> bool:
        turns.append(1)
        return True

    loops.start("busy", busy, pause=60)
    await eventually(lambda: len(turns) > 100, timeout=2)


async def test_stopping_lets_a_turn_end() -> None:
    loops = Loops()
    done: list[int] = []
    entered = asyncio.Event()

    async def step() -> bool:
        entered.set()
        await asyncio.sleep(0.3)
        done.append(1)
        return True

    loops.start("slow", step, pause=0.01)
    await entered.wait()
    await loops.stop(grace=5)
    count = len(done)
    assert count >= 1
    await asyncio.sleep(0.4)
    assert len(done) == count


async def test_stopping_ends_although_a_step_swallows_cancels() -> None:
    loops = Loops()
    swallowed: list[int] = []
    entered = asyncio.Event()

    async def stubborn() -> bool:
        entered.set()
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(1)
        return True

    async def rests() -> bool:
        return False

    loops.start("stubborn", stubborn, pause=0.01)
    loops.start("rests", rests, pause=60)
    await entered.wait()
    tasks = list(loops._tasks.values())
    began = time.monotonic()
    await loops.stop(grace=0.2)
    assert time.monotonic() - began < 2.5
    assert len(swallowed) == 3
    assert all(task.done() for task in tasks)


async def test_stopping_is_bounded_even_when_a_step_never_yields_to_a_cancel() -> None:
    loops = Loops()
    entered, release = asyncio.Event(), asyncio.Event()

    async def deaf() -> bool:
        entered.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return False

    loops.start("deaf", deaf, pause=0.01)
    await entered.wait()
    (task,) = loops._tasks.values()
    began = time.monotonic()
    await loops.stop(grace=0.2)
    assert 0.2 <= time.monotonic() - began < 7
    release.set()
    await asyncio.wait([task], timeout=5)
    assert task.done()


async def test_a_stray_cancel_does_not_end_a_step(loops: Loops) -> None:
    turns: list[int] = []

    async def step() -> bool:
        turns.append(1)
        await asyncio.sleep(0.02)
        return True

    loops.start("step", step, pause=0.01)
    await eventually(lambda: turns)
    for task in loops._tasks.values():
        task.cancel()
    seen = len(turns)
    await eventually(lambda: len(turns) > seen + 3)


async def test_two_steps_cannot_have_one_name(loops: Loops) -> None:
    async def step() -> bool:
        return False

    loops.start("relay", step, pause=60)
    with pytest.raises(ValueError, match="relay"):
        loops.start("relay", step, pause=60)
