"""SQL about viewers and what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, Boolean, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.tables import STAMPED, viewers
from shared.contracts import EventRecorded, ProfileUpdated
from shared.tables import TIME

Known = tuple[int, dict[str, Any], list[str]]
"""Version, traits and tags of a viewer."""

_TOLD = ("traits", "since", "tags", "weights", "tag_since", "scores", "consent", "consent_since", "has")
"""What profile tells of a viewer, besides his version: named alike in its fact and in `viewers`."""

_UPDATE = text(
    f"""
    UPDATE viewers SET version = n.version, traits = n.traits::jsonb, since = n.since::jsonb,
    tags = ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)), weights = n.weights::jsonb,
    tag_since = n.tag_since::jsonb, scores = n.scores::jsonb, consent = n.consent::jsonb,
    consent_since = n.consent_since::jsonb, has = ARRAY(SELECT jsonb_array_elements_text(n.has::jsonb)),
    stamp = {STAMPED}
    FROM unnest(:ids, :versions, :{", :".join(_TOLD)}) AS n(profile_id, version, {", ".join(_TOLD)})
    WHERE viewers.profile_id = n.profile_id AND viewers.version < n.version
    """  # noqa: S608 - names of columns and a constant
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("versions", type_=ARRAY(BigInteger)),
    *(bindparam(name, type_=ARRAY(Text)) for name in _TOLD),
)

LIMIT = 10**300
"""Beyond this an integer does not fit a double, which rules compare numbers as."""


async def appear(session: AsyncSession, profile_ids: Sequence[int]) -> set[int]:
    """Make room for these viewers (sorted ids); the answer is who is new."""
    done = await session.execute(
        text(
            "INSERT INTO viewers (profile_id) SELECT unnest(:ids) ON CONFLICT (profile_id) DO NOTHING"
            " RETURNING profile_id"
        ).bindparams(bindparam("ids", type_=ARRAY(BigInteger))),
        {"ids": list(profile_ids)},
    )
    return set(done.scalars())


async def lock(session: AsyncSession, profile_ids: Sequence[int]) -> dict[int, Known]:
    """Lock these viewers until the transaction ends, one after the other by id: version, traits and tags of each."""
    query = (
        select(viewers.c.profile_id, viewers.c.version, viewers.c.traits, viewers.c.tags)
        .where(viewers.c.profile_id == func.any(bindparam("ids", list(profile_ids), ARRAY(BigInteger))))
        .order_by(viewers.c.profile_id)
        .with_for_update(key_share=True)
    )
    return {row.profile_id: (row.version, row.traits, row.tags) for row in await session.execute(query)}


async def lock_free(session: AsyncSession, profile_ids: Sequence[int]) -> set[int]:
    """Lock those of these viewers whom nobody else has locked."""
    query = (
        select(viewers.c.profile_id)
        .where(viewers.c.profile_id == func.any(bindparam("ids", list(profile_ids), ARRAY(BigInteger))))
        .with_for_update(key_share=True, skip_locked=True)
    )
    return set((await session.execute(query)).scalars())


async def after(session: AsyncSession, profile_id: int, limit: int) -> list[int]:
    """The next viewers by id."""
    query = select(viewers.c.profile_id).where(viewers.c.profile_id > profile_id).order_by(viewers.c.profile_id)
    return list((await session.execute(query.limit(limit))).scalars())


async def number(session: AsyncSession) -> int:
    """How many viewers there are."""
    return int((await session.execute(select(func.count()).select_from(viewers))).scalar_one())


async def update(session: AsyncSession, profiles: Sequence[ProfileUpdated]) -> None:
    """Take over what profile tells, unless something newer is here."""
    await session.execute(
        _UPDATE,
        {
            "ids": [one.profile_id for one in profiles],
            "versions": [one.version for one in profiles],
            "traits": [_json(one.traits) for one in profiles],
            **{
                name: [msgspec.json.encode(getattr(one, name)).decode() for one in profiles]
                for name in _TOLD
                if name != "traits"
            },
        },
    )


async def record(session: AsyncSession, events: Sequence[EventRecorded], *, correct: bool = False) -> set[str]:
    """Keep these events; the answer is the ids of those that were not here yet.

    With `correct` they are the present state: those that are here get the viewer they have now, and are answered too.
    """
    known = f"UPDATE SET profile_id = excluded.profile_id, stamp = {STAMPED}" if correct else "NOTHING"
    statement = text(
        "INSERT INTO events (event_id, profile_id, event, time, history, origin, properties)"
        " SELECT event_id, profile_id, event, time, history, origin, properties::jsonb"
        " FROM unnest(:event_ids, :profile_ids, :events, :times, :history, :origins, :properties)"
        " AS n(event_id, profile_id, event, time, history, origin, properties)"
        " ON CONFLICT (event_id) DO NOTHING RETURNING event_id".replace("NOTHING", known)
    ).bindparams(
        bindparam("event_ids", type_=ARRAY(Text)),
        bindparam("profile_ids", type_=ARRAY(BigInteger)),
        bindparam("events", type_=ARRAY(Text)),
        bindparam("times", type_=ARRAY(TIME)),
        bindparam("history", type_=ARRAY(Boolean)),
        bindparam("origins", type_=ARRAY(Text)),
        bindparam("properties", type_=ARRAY(Text)),
    )
    done = await session.execute(
        statement,
        {
            "event_ids": [one.event_id for one in events],
            "profile_ids": [one.profile_id for one in events],
            "events": [one.event for one in events],
            "times": [one.time for one in events],
            "history": [one.history for one in events],
            "origins": [one.origin for one in events],
            "properties": [_json(one.properties) for one in events],
        },
    )
    return set(done.scalars())


def _json(values: Mapping[str, Any]) -> str:
    """JSON whose top-level numbers all fit a double: larger integers are kept as text, so that no statement chokes."""
    if any(type(value) is int and not -LIMIT < value < LIMIT for value in values.values()):
        values = {
            name: str(value) if type(value) is int and not -LIMIT < value < LIMIT else value
            for name, value in values.items()
        }
    return msgspec.json.encode(values).decode()
