"""Properties of gathering: messages into runs of one kind, and facts into messages."""

from __future__ import annotations

from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import MESSAGE_BYTES
from shared.outbox import messages
from shared.reader import Heard, layers

KINDS = st.sampled_from(["events.recorded.v1", "profile.updated.v1", "identity.linked.v1"])


@given(st.lists(st.tuples(st.integers(0, 3), KINDS), max_size=60))
def test_runs_keep_the_order_of_every_partition_and_lose_nothing(stream: list[tuple[int, str]]) -> None:
    heard = [Heard(part, sequence, kind, "profile", 0, "", []) for sequence, (part, kind) in enumerate(stream)]
    runs = layers(heard)
    flat = [message for _, run in runs for message in run]
    assert sorted(message.sequence for message in flat) == list(range(len(stream)))
    for part in range(4):
        mine = [message.sequence for message in flat if message.part == part]
        assert mine == sorted(mine)
    assert all(message.kind == kind for kind, run in runs for message in run)


@given(st.lists(KINDS, max_size=60))
def test_one_partition_needs_no_more_runs_than_its_kinds_change(kinds: list[str]) -> None:
    heard = [Heard(0, sequence, kind, "profile", 0, "", []) for sequence, kind in enumerate(kinds)]
    assert [kind for kind, _ in layers(heard)] == [kind for kind, _ in groupby(kinds)]


TOLD = st.lists(
    st.tuples(st.sampled_from(["FACTS", "THINGS"]), st.integers(0, 3), KINDS, st.integers(1, MESSAGE_BYTES * 2 // 3)),
    max_size=25,
)


@given(TOLD)
def test_messages_keep_order_lose_nothing_and_stay_small(told: list[tuple[str, int, str, int]]) -> None:
    facts = [
        (stream, part, kind, b"%06d" % number + b"x" * size) for number, (stream, part, kind, size) in enumerate(told)
    ]
    finished = messages(facts)
    for lane in {(stream, part) for stream, part, _, _ in facts}:
        before = [(kind, item) for stream, part, kind, item in facts if (stream, part) == lane]
        after = [(kind, item) for stream, part, kind, items in finished if (stream, part) == lane for item in items]
        assert after == before
    assert sum(len(items) for *_, items in finished) == len(facts)
    for *_, items in finished:
        assert items
        assert len(items) == 1 or sum(map(len, items)) <= MESSAGE_BYTES
    # Neighbours of one kind share a message unless it would grow too large.
    for (*first, some), (*second, more) in pairwise(finished):
        if first == second:
            assert sum(map(len, some)) + len(more[0]) + len(some) > MESSAGE_BYTES
