"""SQL of manners: how much a viewer was sent lately, and addresses that nothing is sent to any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Delete,
    LargeBinary,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, messages, suppressions
from shared.tables import TIME

# Who reserves locks the viewer's row, so two senders cannot both take the last place; in order of id, so that they
# cannot wait for each other.
_RESERVE = text(
    """
    INSERT INTO pressure (profile_id, times) SELECT p, ARRAY[:now] FROM unnest(:ids) AS p ORDER BY p
    ON CONFLICT (profile_id) DO UPDATE
    SET times = ARRAY(SELECT t FROM unnest(pressure.times) AS t WHERE t > :since) || excluded.times
    WHERE (SELECT count(*) FROM unnest(pressure.times) AS t WHERE t > :since) < :most
    RETURNING profile_id
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("now", type_=TIME), bindparam("since", type_=TIME))

# One place, not all of that instant: he may have been reserved two in one go.
_GIVE_BACK = text(
    """
    UPDATE pressure SET times = ARRAY(
      SELECT t FROM unnest(times) WITH ORDINALITY AS u (t, n) WHERE n <> array_position(times, :at) ORDER BY n
    )
    WHERE profile_id = ANY(:ids) AND :at = ANY(times)
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("at", type_=TIME))

_FULL = text(
    """
    SELECT profile_id FROM pressure
    WHERE profile_id = ANY(:ids) AND (SELECT count(*) FROM unnest(times) AS t WHERE t > :since) >= :most
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("since", type_=TIME))

_MERGE = text(
    """
    WITH gone AS (DELETE FROM pressure WHERE profile_id = :gone RETURNING times)
    INSERT INTO pressure (profile_id, times) SELECT :into, times FROM gone
    ON CONFLICT (profile_id) DO UPDATE SET times = pressure.times || excluded.times
    """
).bindparams(bindparam("gone", type_=BigInteger), bindparam("into", type_=BigInteger))

_FORGET = text("DELETE FROM pressure WHERE NOT EXISTS (SELECT FROM unnest(times) AS t WHERE t > :since)").bindparams(
    bindparam("since", type_=TIME)
)


async def reserve(
    session: AsyncSession, profile_ids: Collection[int], *, now: datetime, since: datetime, most: int
) -> set[int]:
    """Take a place for each of these viewers who had fewer than `most` since then; the answer is who has got one."""
    values = {"ids": sorted(profile_ids), "now": now, "since": since, "most": most}
    return set(await session.scalars(_RESERVE, values))


async def give_back(session: AsyncSession, profile_ids: Iterable[int], at: datetime) -> None:
    """Nothing was sent for the places taken at that instant."""
    await session.execute(_GIVE_BACK, {"ids": sorted(profile_ids), "at": at})


async def full(session: AsyncSession, profile_ids: Sequence[int], *, since: datetime, most: int) -> set[int]:
    """Which of these viewers had at least `most` since then."""
    return set(await session.scalars(_FULL, {"ids": list(profile_ids), "since": since, "most": most}))


async def merge(session: AsyncSession, gone: int, into: int) -> None:
    """What one viewer was sent counts for the one he became part of."""
    await session.execute(_MERGE, {"gone": gone, "into": into})


async def forget(session: AsyncSession, since: datetime) -> None:
    """Viewers who were sent nothing since then need no row."""
    await session.execute(_FORGET, {"since": since})


@dataclass(frozen=True)
class Gone:
    """An address that is of no use: its channel and keyed hash, the message that showed it, and what was said."""

    channel: str
    digest: bytes
    message_id: int
    said: str | None


async def suppress(session: AsyncSession, gone: Sequence[Gone], *, reason: str, at: datetime) -> None:
    """Send nothing to these addresses any more."""
    rows = {
        (one.channel, one.digest): {
            "channel": one.channel,
            "digest": one.digest,
            "reason": reason,
            "at": at,
            "message_id": one.message_id,
            "said": one.said,
        }
        for one in gone
    }
    await session.execute(upsert(suppressions).on_conflict_do_nothing(), [rows[key] for key in sorted(rows)])


async def suppressed(session: AsyncSession, channel: str, digests: Sequence[bytes]) -> set[bytes]:
    """Which of these addresses nothing is sent to."""
    among = suppressions.c.digest == func.any(bindparam("digests", list(digests), ARRAY(LargeBinary)))
    return set(await session.scalars(select(suppressions.c.digest).where(suppressions.c.channel == channel, among)))


Place = tuple[datetime, str, bytes]
"""Where a page of suppressions ends: when, channel, hash."""


def place(at: str, channel: str, digest: str) -> Place:
    """The same from a cursor's texts. Raises ValueError."""
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("without a zone")
    return moment, channel, bytes.fromhex(digest)


async def suppressions_page(
    session: AsyncSession, channel: str | None, *, before: Place | None, limit: int
) -> Sequence[Record]:
    """Suppressions, newest first, with the message that showed each and its campaign (`profile_id`, `key`)."""
    columns = (suppressions.c.at, suppressions.c.channel, suppressions.c.digest)
    query = (
        select(suppressions, messages.c.profile_id, campaigns.c.key)
        .outerjoin(messages, messages.c.id == suppressions.c.message_id)
        .outerjoin(campaigns, campaigns.c.id == messages.c.campaign_id)
    )
    if channel is not None:
        query = query.where(suppressions.c.channel == channel)
    if before is not None:
        query = query.where(
            tuple_(*columns)
            < tuple_(*(literal(value, column.type) for value, column in zip(before, columns, strict=True)))
        )
    return (await session.execute(query.order_by(*(column.desc() for column in columns)).limit(limit))).all()


async def lift(session: AsyncSession, channel: str, digests: Sequence[bytes]) -> int:
    """Let these addresses be sent to again; how many there were."""
    among = suppressions.c.digest == func.any(bindparam("digests", list(digests), ARRAY(LargeBinary)))
    return await _lifted(session, delete(suppressions).where(suppressions.c.channel == channel, among))


async def lift_since(session: AsyncSession, channel: str, since: datetime) -> int:
    """Let the addresses of a channel be sent to again that were suppressed since then; how many."""
    return await _lifted(
        session, delete(suppressions).where(suppressions.c.channel == channel, suppressions.c.at >= since)
    )


async def _lifted(session: AsyncSession, statement: Delete) -> int:
    return len((await session.execute(statement.returning(suppressions.c.digest))).all())
