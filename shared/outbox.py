"""Facts leave through the outbox: written in the transaction that made them true."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby

import msgspec
from sqlalchemy import ARRAY, BigInteger, LargeBinary, SmallInteger, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, telemetry
from shared.contracts import MESSAGE_BYTES, PARTITIONS, Fact, Message, partition_of, subject
from shared.contracts.wire import join
from shared.tables import TIME, outbox_numbers

_encoder = msgspec.json.Encoder()
_KEY = "marquee"

LARGEST_FACT = 240 * 1024
"""Bytes of one encoded fact: with its envelope it must fit what the server takes (256 KB)."""


_NO_NUMBER = b'"n":0,'
"""Where a message's number goes. Before it stand only its id and its producer."""

_MESSAGE = ("streams", "parts", "backs", "message_ids", "subjects", "heads", "tails")

# One statement: each round trip here would be one more with the counters' locks held. Lanes come sorted, so that two
# transactions lock the counters in the same order. `back` is how many messages of its lane follow this one.
_WRITE = text(
    f"""
    WITH counted AS (
      INSERT INTO outbox_numbers AS o (stream, part, n)
      SELECT * FROM unnest(:lane_streams, :lane_parts, :counts)
      ON CONFLICT (stream, part) DO UPDATE SET n = o.n + excluded.n
      RETURNING o.stream, o.part, o.n
    )
    INSERT INTO outbox (stream, part, n, message_id, subject, payload, at)
    SELECT stream, part, c.n - back, message_id, subject,
      head || convert_to('"n":' || (c.n - back) || ',', 'UTF8') || tail, :at
    FROM unnest({", ".join(f":{name}" for name in _MESSAGE)}) WITH ORDINALITY
      AS m (stream, part, back, message_id, subject, head, tail, place)
    JOIN counted AS c USING (stream, part)
    ORDER BY place
    """  # noqa: S608 - built of the names of our own columns
).bindparams(
    bindparam("lane_streams", type_=ARRAY(Text)),
    bindparam("lane_parts", type_=ARRAY(SmallInteger)),
    bindparam("counts", type_=ARRAY(BigInteger)),
    bindparam("at", type_=TIME),
    bindparam("streams", type_=ARRAY(Text)),
    bindparam("parts", type_=ARRAY(SmallInteger)),
    bindparam("backs", type_=ARRAY(BigInteger)),
    bindparam("message_ids", type_=ARRAY(Text)),
    bindparam("subjects", type_=ARRAY(Text)),
    bindparam("heads", type_=ARRAY(LargeBinary)),
    bindparam("tails", type_=ARRAY(LargeBinary)),
)


class TooLarge(Exception):
    """A fact that no message can carry: its teller must split it."""


@dataclass
class Effects:
    """What a transaction does besides its rows: facts told, callbacks after its commit."""

    producer: str
    told: list[tuple[Fact, int]] = field(default_factory=list)
    encoded: list[bytes] = field(default_factory=list)
    after_commit: list[Callable[[], object]] = field(default_factory=list)
    written: int = 0
    catching_up: bool = False

    def mark(self) -> tuple[int, int]:
        """Where a savepoint begins."""
        return len(self.told), len(self.after_commit)

    def rollback(self, mark: tuple[int, int]) -> None:
        """Forget what was told since the mark."""
        del self.told[mark[0] :]
        del self.encoded[mark[0] :]
        del self.after_commit[mark[1] :]


def begin(session: AsyncSession, producer: str) -> Effects:
    """Open the effects of a new transaction."""
    effects_ = Effects(producer)
    session.info[_KEY] = effects_
    return effects_


def effects(session: AsyncSession) -> Effects:
    """The effects of this transaction."""
    found: Effects = session.info[_KEY]
    return found


def tell(session: AsyncSession, fact: Fact, *, part: int | None = None) -> None:
    """Tell a fact with this transaction.

    Its partition is the profile's, or the fact's own `part`, or 0 for things, unless `part` says otherwise.
    It is encoded here, so that a fact that cannot travel is the fault of the action that tells it: raises TooLarge.
    """
    if part is None:
        if fact.stream == "THINGS":
            part = 0
        elif (profile_id := getattr(fact, "profile_id", None)) is not None:
            part = partition_of(profile_id)
        else:
            part = int(getattr(fact, "part"))  # noqa: B009 - a fact without a partition is a mistake that must show
    if not 0 <= part < PARTITIONS:
        raise ValueError(f"{fact.kind}: there is no partition {part}")
    item = _encoder.encode(fact)
    if len(item) > LARGEST_FACT:
        raise TooLarge(f"{fact.kind} has {len(item)} bytes, at most {LARGEST_FACT} can travel")
    effects_ = effects(session)
    effects_.told.append((fact, part))
    effects_.encoded.append(item)


def messages(told: Iterable[tuple[str, int, str, bytes]]) -> list[tuple[str, int, str, list[bytes]]]:
    """Encoded facts (stream, part, kind, item) gathered into messages (stream, part, kind, items).

    The order inside a partition is kept, neighbours of one kind go together, and the items of a message have at most
    MESSAGE_BYTES unless a single one is larger.
    """
    lanes: dict[tuple[str, int], list[tuple[str, bytes]]] = {}
    for stream, part, kind, item in told:
        lanes.setdefault((stream, part), []).append((kind, item))
    finished: list[tuple[str, int, str, list[bytes]]] = []
    for (stream, part), lane in sorted(lanes.items(), key=lambda one: one[0]):
        for kind, run in groupby(lane, key=lambda one: one[0]):
            items: list[bytes] = []
            size = 0
            for _, item in run:
                if items and size + len(item) > MESSAGE_BYTES:
                    finished.append((stream, part, kind, items))
                    items, size = [], 0
                items.append(item)
                size += len(item) + 1
            finished.append((stream, part, kind, items))
    return finished


async def write(session: AsyncSession) -> None:
    """Turn what was told into finished, numbered messages. The last thing before the commit: it holds row locks."""
    effects_ = effects(session)
    if not effects_.told:
        return
    pending = messages(
        (fact.stream, part, fact.kind, item) for (fact, part), item in zip(effects_.told, effects_.encoded, strict=True)
    )
    left: dict[tuple[str, int], int] = {}
    for stream, part, _, _ in pending:
        left[stream, part] = left.get((stream, part), 0) + 1
    lanes = sorted(left)
    counts = [left[lane] for lane in lanes]
    at = clock.now()
    trace = telemetry.trace.get()
    rows = []
    for stream, part, kind, items in pending:
        left[stream, part] -= 1
        message_id = uuid.uuid4().hex
        message = Message(
            id=message_id,
            producer=effects_.producer,
            part=part,
            n=0,
            at=at,
            trace=trace,
            kind=kind,
            items=msgspec.Raw(join(items)),
        )
        head, _, tail = _encoder.encode(message).partition(_NO_NUMBER)
        rows.append((stream, part, left[stream, part], message_id, subject(kind, stream, part), head, tail))
    columns = zip(_MESSAGE, zip(*rows, strict=True), strict=True)
    await session.execute(
        _WRITE,
        {
            "lane_streams": [stream for stream, _ in lanes],
            "lane_parts": [part for _, part in lanes],
            "counts": counts,
            "at": at,
            **{name: list(values) for name, values in columns},
        },
    )
    effects_.written = len(rows)
    effects_.told.clear()
    effects_.encoded.clear()


async def numbers(session: AsyncSession, stream: str) -> dict[int, int]:
    """Last number given out in each partition, as seen by this transaction."""
    query = select(outbox_numbers.c.part, outbox_numbers.c.n).where(outbox_numbers.c.stream == stream)
    rows = await session.execute(query)
    return {row.part: row.n for row in rows}
