"""Statements of funnels over random histories, on a real DuckDB: every step is what plain Python follows."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest

from services.segment.rules.parts import value_of
from services.segment.schemas.insights.funnels import FunnelInput
from services.segment.store.insights import funnels
from services.segment.store.insights.draft import Asking
from tests.segment.histories import ASKING, END, START, STEPS, Event, Store


def best(chains: list[list[datetime]]) -> list[datetime]:
    return min(chains, key=lambda chain: (-len(chain), chain[0]))


def meant(one: Event, step: int) -> bool:
    kind = one.properties["kind"]
    return one.name == STEPS[step]["event"] and (step > 0 or (kind is not None and kind != "music"))


def naive_funnel(store: Store, window: timedelta, *, strict: bool) -> dict[int, list[datetime]]:
    """The times of the steps that each viewer reached, by his best beginning."""
    found: dict[int, list[list[datetime]]] = defaultdict(list)
    by_viewer: dict[int, list[Event]] = defaultdict(list)
    for one in sorted(store.events, key=lambda one: (one.time, one.id)):
        if START <= one.time <= END:
            by_viewer[one.who].append(one)
    for who, events in by_viewer.items():
        for place, first in enumerate(events):
            if not meant(first, 0) or first.time >= END:
                continue
            chain = [first.time]
            for later in events[place + 1 :]:
                if len(chain) == len(STEPS):
                    break
                if later.time > chain[-1] and later.time <= first.time + window and meant(later, len(chain)):
                    chain.append(later.time)
                elif strict:
                    break
            found[who].append(chain)
    return {who: best(chains) for who, chains in found.items()}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("window", ["3h", "2d"])
def test_a_funnel_is_what_python_follows(store: Store, window: str, strict: bool) -> None:
    asked = FunnelInput.model_validate({"steps": STEPS, "window": window, "strict": strict})
    (row,) = store.ask(funnels.numbers(ASKING, asked))
    length = {"3h": timedelta(hours=3), "2d": timedelta(days=2)}[window]
    chains = naive_funnel(store, length, strict=strict)
    for step in range(1, len(STEPS) + 1):
        reached = {who: chain for who, chain in chains.items() if len(chain) >= step}
        assert row[f"n{step}"] == len(reached)
        assert store.who(funnels.viewers(ASKING, asked, step, False, None, 0, 1000)) == sorted(reached)
        if step > 1:
            took = [(chain[step - 1] - chain[step - 2]).total_seconds() for chain in reached.values()]
            assert row[f"m{step}"] == (pytest.approx(median(took)) if took else None)
            dropped = sorted(who for who, chain in chains.items() if len(chain) == step - 1)
            assert store.who(funnels.viewers(ASKING, asked, step, True, None, 0, 1000)) == dropped
    assert row["n1"] >= row["n2"] > 0


@pytest.mark.parametrize("split", [{"property": "kind", "top": 2}, {"trait": "city"}, {"segment": "even"}])
def test_parts_of_a_funnel_add_up(store: Store, split: dict[str, Any]) -> None:
    asking = Asking(START, END, END, inside="SELECT range AS profile_id FROM range(0, 100, 2)")
    asked = FunnelInput.model_validate({"steps": STEPS, "window": "2d", "split": split})
    rows = store.ask(funnels.numbers(asking, asked))
    (whole,) = [row for row in rows if row["of_all_parts"]]
    parts = [row for row in rows if not row["of_all_parts"]]
    chains = naive_funnel(store, timedelta(days=2), strict=False)
    for step in range(1, 5):
        assert sum(row[f"n{step}"] for row in parts) == whole[f"n{step}"]
    if "trait" in split:
        told = {value_of(row["label"]): row["n1"] for row in parts if row["part"] >= 0}
        expected: dict[Any, int] = defaultdict(int)
        for who in chains:
            expected[store.traits[who]] += 1
        expected.pop(None, None)
        assert told == expected
