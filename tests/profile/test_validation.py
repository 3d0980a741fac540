"""What a sample says about a tag: intervals of the papers, and viewers as they are."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.rules import tags as rules
from tests.harness.houses import Running
from tests.profile.acts import ask, make, take, viewers
from tests.profile.samples import NOON, call


def test_intervals_are_those_of_the_papers() -> None:
    # Newcombe 1998, table II, method 10: (a) 56/70 - 48/80, (d) 9/10 - 3/10, (f) 10/10 - 0/10
    for cells, low, high in (
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ):
        found = rules.difference(*cells)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    # Wilson 1927, as computed by Newcombe 1998 (Stat. Med. 17, 857), table I: 81/263, 15/148, 0/20, 1/29
    for (hits, of), low, high in (
        ((81, 263), 0.2553, 0.3662),
        ((15, 148), 0.0624, 0.1605),
        ((0, 20), 0.0, 0.1611),
        ((1, 29), 0.0061, 0.1718),
    ):
        share = rules.wilson(hits, of)
        assert (round(share.low, 4), round(share.high, 4)) == (low, high)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_what_is_said_of_a_table_is_within_its_bounds(a: int, b: int, c: int, d: int) -> None:
    found = rules.difference(a, a + b, c, c + d)
    assert -1 - 1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9
    ratio = rules.lift(a, a + b, c, c + d)
    assert ratio is None or 0 < ratio.low <= ratio.value <= ratio.high
    phi = rules.phi(a, a + b, a + c, a + b + c + d)
    if phi is None:
        return
    everybody = [(1, 1)] * a + [(1, 0)] * b + [(0, 1)] * c + [(0, 0)] * d
    assert math.isclose(phi, _pearson(everybody), abs_tol=1e-9)


def _pearson(pairs: list[tuple[int, int]]) -> float:
    n = len(pairs)
    x, y = sum(p[0] for p in pairs) / n, sum(p[1] for p in pairs) / n
    both = sum((p[0] - x) * (p[1] - y) for p in pairs)
    return both / math.sqrt(sum((p[0] - x) ** 2 for p in pairs) * sum((p[1] - y) ** 2 for p in pairs))


async def test_validation_counts_viewers_as_they_are(running: Running) -> None:
    await viewers(running, 100, time=datetime.now(UTC) - timedelta(hours=1))
    await make(running, "vip", adopt=False)
    await make(running, "same", adopt=False)
    await make(running, "rare", adopt=False)
    for key, first in (("vip", 40), ("same", 40), ("rare", 1)):
        refs = [f"user_id:u{n}" for n in range(1, first + 1)]
        await ask(running, "POST", f"/v1/tags/{key}/assign", {"refs": refs})
    recent = datetime.now(UTC)
    buyers = [*range(1, 21), *range(41, 47)]
    crawler = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    await take(
        running,
        call(user_id="u21", event="Order Completed", time=recent - timedelta(minutes=5)),  # before he had the tag
        call(user_id="u22", event="Order Completed", time=recent, context=crawler),
        *(call(user_id=f"u{n}", event="Order Completed", time=recent) for n in (*buyers, 1, 1)),
        call(user_id="u100", event="Order Completed", time=recent - timedelta(days=40)),
    )
    found = await ask(running, "GET", "/v1/tags/vip/validation?goal=Order Completed&days=30", role="viewer")
    assert (found["coverage"]["count"], found["coverage"]["of"]) == (40, 100)
    goal = found["goal"]
    assert (goal["tagged"]["count"], goal["tagged"]["of"], goal["tagged"]["value"]) == (20, 40, 0.5)
    assert (goal["untagged"]["count"], goal["untagged"]["of"], goal["untagged"]["value"]) == (6, 60, 0.1)
    assert goal["difference"]["value"] == pytest.approx(0.4)
    assert 0 < goal["difference"]["low"] < 0.4 < goal["difference"]["high"] < 1
    assert goal["lift"]["value"] == pytest.approx(5.0)
    same, rare = found["correlations"]
    assert (same["key"], same["both"], same["phi"]) == ("same", 40, pytest.approx(1.0))
    assert (rare["key"], rare["both"]) == ("rare", 1)
    assert found["small_sample"] is True
    assert found["warnings"] == [
        "viewers with the tag who reached the goal: 20, fewer than 30",
        "viewers with the tag who did not: 20, fewer than 30",
        "viewers without it who reached the goal: 6, fewer than 30",
    ]
    older = await ask(running, "GET", "/v1/tags/vip/validation?goal=Order Completed&days=60")
    assert older["goal"]["untagged"]["count"] == 7
    # The size alone is enough to take it into use; by the goal it is not.
    refused = await ask(running, "POST", "/v1/tags/vip/adopt", {"goal": "Order Completed"}, status=409)
    assert refused["type"] == "/problems/small-sample"
    assert "fewer than 30" in refused["detail"]
    assert (await ask(running, "POST", "/v1/tags/vip/adopt", {}))["state"] == "in_use"
    await ask(running, "POST", "/v1/tags/rare/adopt", {}, status=409)
    assert (await ask(running, "POST", "/v1/tags/rare/adopt", {"force": True}))["state"] == "in_use"


async def test_validation_of_a_tag_nobody_has(running: Running) -> None:
    await take(running, call(user_id="u1", time=NOON))
    await make(running, "vip", adopt=False)
    found = await ask(running, "GET", "/v1/tags/vip/validation?goal=Order Completed")
    assert (found["coverage"]["value"], found["goal"]["lift"], found["small_sample"]) == (0.0, None, True)
