"""SQL about the last entry or exit of viewers: read from the log, or from what was noted of busy blocks.

Since when a member of many months is in stands far back in the log of his block, behind all that its other viewers did.
So what was told last of each place is noted for every block of which some hundred rows were written since. Who asks
reads the rows that came later, and then the note.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from pyroaring import BitMap
from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import block_of, ids, place_of, unpack
from services.segment.tables import latest_moves, transitions
from shared.tables import TIME

ROWS = 1000
"""Rows of the log that are read at once."""
NEWEST = 2**63 - 1


class Move(msgspec.Struct, frozen=True, array_like=True):
    """Somebody entered, or left, then and because of that."""

    at: datetime
    cause: str
    entered: bool


Moves = dict[int, Move]
"""By place."""
Pair = tuple[int, int]
"""Segment and block, or segment and viewer."""

_decoder = msgspec.msgpack.Decoder(Moves)
_encode = msgspec.msgpack.Encoder().encode

_ROWS = text(
    """
    SELECT t.id, t.segment_id, t.block, t.at, t.cause, t.entered, t."left"
    FROM unnest(:segments, :blocks, :after, :upto) AS n (segment_id, block, after, upto)
    JOIN transitions t ON t.block = n.block AND t.segment_id = n.segment_id AND t.id > n.after AND t.id <= n.upto
    WHERE t.id < :newest AND t.at <= :until ORDER BY t.id DESC LIMIT :rows
    """
).bindparams(
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("blocks", type_=ARRAY(Integer)),
    bindparam("after", type_=ARRAY(BigInteger)),
    bindparam("upto", type_=ARRAY(BigInteger)),
    bindparam("newest", type_=BigInteger),
    bindparam("until", type_=TIME),
)

_EVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


async def of(session: AsyncSession, pairs: Collection[Pair], until: datetime | None = None) -> dict[Pair, Move]:
    """What was told last of these (segment, viewer), or last up to an instant, as far as the log tells."""
    waiting: dict[Pair, BitMap] = {}
    for segment_id, viewer in pairs:
        waiting.setdefault((segment_id, block_of(viewer)), BitMap()).add(place_of(viewer))
    if not waiting:
        return {}
    noted = select(latest_moves).where(
        tuple_(latest_moves.c.segment_id, latest_moves.c.block).in_(sorted(waiting)), latest_moves.c.moves.is_not(None)
    )
    held = {(row.segment_id, row.block): row for row in await session.execute(noted)}
    upto = {key: row.upto for key, row in held.items()}
    found = await _told(session, waiting, {key: (upto.get(key, 0), NEWEST) for key in waiting}, until)
    later: dict[Pair, BitMap] = {}
    for key, row in held.items():
        moves = _decoder.decode(row.moves)
        for place in waiting.get(key, BitMap()):
            move = moves.get(place)
            if move is not None and until is not None and move.at > until:
                later.setdefault(key, BitMap()).add(place)
            elif move is not None:
                found[key[0], ids(key[1], [place])[0]] = move
    if later:
        found |= await _told(session, later, {key: (0, upto[key]) for key in later}, until)
    return found


async def _told(
    session: AsyncSession, waiting: dict[Pair, BitMap], bounds: Mapping[Pair, Pair], until: datetime | None
) -> dict[Pair, Move]:
    """The last moves of these places among rows between these ids; who is found waits no longer."""
    found: dict[Pair, Move] = {}
    newest, more = NEWEST, True
    while waiting and more:
        keys = sorted(waiting)
        values = {
            "segments": [segment_id for segment_id, _ in keys],
            "blocks": [block for _, block in keys],
            "after": [bounds[key][0] for key in keys],
            "upto": [bounds[key][1] for key in keys],
            "newest": newest,
            "until": until or _EVER,
            "rows": ROWS,
        }
        rows = (await session.execute(_ROWS, values)).all()
        more = len(rows) == ROWS
        for row in rows:
            newest = row.id
            wanted = waiting.get((row.segment_id, row.block))
            if wanted is None:
                continue
            for entered, bitmap in ((True, row.entered), (False, row.left)):
                hits = wanted & unpack(bitmap)
                move = Move(row.at, row.cause, entered)
                found.update(((row.segment_id, one), move) for one in ids(row.block, hits))
                wanted -= hits
            waiting[row.segment_id, row.block] = wanted
            if not wanted:
                del waiting[row.segment_id, row.block]
    return found


async def note(session: AsyncSession, limit: int) -> int:
    """Note what was told last of some blocks of which much was written; how many.

    Rows of one block and segment commit in the order of their ids, since who writes them holds the block's lock.
    """
    wanted = select(latest_moves).where(latest_moves.c.wanted).limit(limit).with_for_update(skip_locked=True)
    rows = (await session.execute(wanted)).all()
    for row in rows:
        moves = _decoder.decode(row.moves) if row.moves is not None else {}
        upto = row.upto
        query = select(transitions).where(transitions.c.block == row.block, transitions.c.segment_id == row.segment_id)
        for told in await session.execute(query.where(transitions.c.id > upto).order_by(transitions.c.id)):
            for entered, bitmap in ((True, told.entered), (False, told.left)):
                moves.update(dict.fromkeys(unpack(bitmap), Move(told.at, told.cause, entered)))
            upto = told.id
        await _keep(session, row.block, row.segment_id, moves, upto)
    return len(rows)


async def erase(session: AsyncSession, profile_ids: Collection[int]) -> None:
    """Take viewers out of what is noted. Their blocks must be locked; whoever notes something of them is waited for."""
    gone: dict[int, set[int]] = {}
    for one in profile_ids:
        gone.setdefault(block_of(one), set()).add(place_of(one))
    among = func.any(bindparam(None, sorted(gone), type_=ARRAY(Integer)))
    held = select(latest_moves).where(latest_moves.c.block == among, latest_moves.c.moves.is_not(None))
    held = held.order_by(latest_moves.c.block, latest_moves.c.segment_id).with_for_update()
    for row in (await session.execute(held)).all():
        moves = _decoder.decode(row.moves)
        kept = {place: move for place, move in moves.items() if place not in gone[row.block]}
        if len(kept) < len(moves):
            await _keep(session, row.block, row.segment_id, kept, row.upto, wanted=row.wanted)


async def naming(session: AsyncSession, profile_id: int) -> dict[int, Move]:
    """What is noted of a viewer, by segment."""
    held = select(latest_moves).where(latest_moves.c.block == block_of(profile_id), latest_moves.c.moves.is_not(None))
    place = place_of(profile_id)
    found = {row.segment_id: _decoder.decode(row.moves).get(place) for row in await session.execute(held)}
    return {segment_id: move for segment_id, move in found.items() if move is not None}


async def _keep(
    session: AsyncSession, block: int, segment_id: int, moves: Moves, upto: int, *, wanted: bool = False
) -> None:
    of_block = update(latest_moves).where(latest_moves.c.block == block, latest_moves.c.segment_id == segment_id)
    await session.execute(of_block.values(moves=_encode(moves), upto=upto, wanted=wanted))
