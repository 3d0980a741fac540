"""SQL about viewers and what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ARRAY, BigInteger, Boolean, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.judge import Event, Viewer
from services.segment.schemas.rule import ANY
from services.segment.tables import STAMPED, viewers
from shared.contracts import EventRecorded, ProfileUpdated
from shared.tables import TIME

_object: Callable[[str], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode
_numbers: Callable[[str], dict[str, float]] = msgspec.json.Decoder(dict[str, float]).decode
_answers: Callable[[str], dict[str, bool]] = msgspec.json.Decoder(dict[str, bool]).decode


class Known(NamedTuple):
    """A row of `viewers`, its JSON not yet read: most ticks need a little of it."""

    profile_id: int
    version: int
    traits: str
    since: str
    tags: list[str]
    weights: str
    tag_since: str
    scores: str
    consent: str
    consent_since: str
    has: list[str]

    def scored(self) -> dict[str, float]:
        """His scores, by name."""
        return _numbers(self.scores)

    def viewer(
        self,
        events: Mapping[str, Sequence[Event]],
        lists: Mapping[str, bool],
        entered: dict[str, tuple[bool, datetime]],
    ) -> Viewer:
        """The viewer as rules judge him. A tag that was told without a weight holds wholly."""
        weights = _numbers(self.weights)
        return Viewer(
            profile_id=self.profile_id,
            traits=_object(self.traits),
            since=_object(self.since),
            tags={tag: weights.get(tag, 1.0) for tag in self.tags},
            tag_since=_object(self.tag_since),
            scores=self.scored(),
            consent=_answers(self.consent),
            consent_since=_object(self.consent_since),
            has=frozenset(self.has),
            events=events,
            lists=lists,
            entered=entered,
        )

    def news(self, later: Known) -> dict[str, set[str]]:
        """Names of traits, tags, scores, consents and channels that are different later, or so since another time."""
        return {
            "traits": _differ(_object(self.traits), _object(later.traits))
            | _differ(_object(self.since), _object(later.since)),
            "tags": set(self.tags).symmetric_difference(later.tags)
            | _differ(_object(self.weights), _object(later.weights))
            | _differ(_object(self.tag_since), _object(later.tag_since)),
            "scores": _differ(_object(self.scores), _object(later.scores)),
            "consent": _differ(_object(self.consent), _object(later.consent))
            | _differ(_object(self.consent_since), _object(later.consent_since)),
            "has": set(self.has).symmetric_difference(later.has),
        }


def _differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Names whose values are different; as JSON, where true is not 1."""
    encode = msgspec.json.encode
    return {name for name in before.keys() | after.keys() if encode(before.get(name)) != encode(after.get(name))}


_TOLD = ("traits", "since", "tags", "weights", "tag_since", "scores", "consent", "consent_since", "has")
"""What profile tells of a viewer, besides his version: named alike in its fact and in `viewers`."""

_COLUMNS = ", ".join(f"viewers.{name}" if name in ("tags", "has") else f"viewers.{name}::text" for name in _TOLD)

_UPDATE = text(
    f"""
    UPDATE viewers SET version = n.version, traits = n.traits::jsonb, since = n.since::jsonb,
    tags = ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)), weights = n.weights::jsonb,
    tag_since = n.tag_since::jsonb, scores = n.scores::jsonb, consent = n.consent::jsonb,
    consent_since = n.consent_since::jsonb, has = ARRAY(SELECT jsonb_array_elements_text(n.has::jsonb)),
    stamp = {STAMPED}
    FROM unnest(:ids, :versions, :{", :".join(_TOLD)}) AS n(profile_id, version, {", ".join(_TOLD)})
    WHERE viewers.profile_id = n.profile_id AND viewers.version < n.version
    RETURNING viewers.profile_id, viewers.version, {_COLUMNS}
    """  # noqa: S608 - names of columns and a constant
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("versions", type_=ARRAY(BigInteger)),
    *(bindparam(name, type_=ARRAY(Text)) for name in _TOLD),
)

_KNOWN = text(
    f"""
    SELECT profile_id, version, {_COLUMNS} FROM viewers WHERE profile_id = ANY(:ids)
    """  # noqa: S608 - names of columns
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

# A row holds all events of one name: rows are what costs a tick most.
_DEEDS = text(
    """
    SELECT v.profile_id, n.event, d.times, d.ids, d.properties
    FROM unnest(:ids) AS v (profile_id) CROSS JOIN unnest(:events, :since) AS n (event, since)
    CROSS JOIN LATERAL (
      SELECT array_agg(o.time) AS times, array_agg(o.event_id) AS ids, array_agg(o.properties::text) AS properties
      FROM (
        SELECT e.time, e.event_id, e.properties FROM events e
        WHERE e.profile_id = v.profile_id AND e.event = n.event AND e.time > coalesce(n.since, '-infinity')
        ORDER BY e.time, e.event_id COLLATE "C"
      ) AS o
    ) AS d
    WHERE d.times IS NOT NULL
    """
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("events", type_=ARRAY(Text)),
    bindparam("since", type_=ARRAY(TIME)),
)

# Of every name at once: the index by viewer, name and time is read along all his names, and rows only where times fit.
_ALL_DEEDS = text(
    """
    SELECT v.profile_id, d.times, d.ids, d.properties
    FROM unnest(:ids) AS v (profile_id) CROSS JOIN LATERAL (
      SELECT array_agg(o.time) AS times, array_agg(o.event_id) AS ids, array_agg(o.properties::text) AS properties
      FROM (
        SELECT e.time, e.event_id, e.properties FROM events e
        WHERE e.profile_id = v.profile_id AND e.time > coalesce(:since, '-infinity')
        ORDER BY e.time, e.event_id COLLATE "C"
      ) AS o
    ) AS d
    WHERE d.times IS NOT NULL
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("since", type_=TIME))

_WRITTEN = text(
    """
    SELECT profile_id FROM (
      SELECT profile_id FROM viewers WHERE stamp >= :stamp
      UNION SELECT profile_id FROM events WHERE stamp >= :stamp
      UNION SELECT CASE what WHEN 'viewers' THEN key::bigint ELSE was END FROM tombstones WHERE stamp >= :stamp
    ) AS written WHERE profile_id >= :first AND profile_id < :end
    """
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


async def known(session: AsyncSession, profile_ids: Sequence[int]) -> dict[int, Known]:
    """What profile has told of these viewers."""
    done = await session.execute(_KNOWN, {"ids": list(profile_ids)})
    return {row.profile_id: Known(*row) for row in done}


async def deeds(
    session: AsyncSession, profile_ids: Sequence[int], since: Mapping[str, datetime | None]
) -> dict[int, dict[str, list[Event]]]:
    """What these viewers did, by event name, each in the order of time and id.

    `since` names the events; of each those later than its instant are asked for, all of them without one. Under `*`
    stand those of every name.
    """
    found: dict[int, dict[str, list[Event]]] = {}
    names = {name: start for name, start in since.items() if name != ANY}
    if names:
        values = {"ids": list(profile_ids), "events": list(names), "since": list(names.values())}
        for profile_id, name, times, event_ids, properties in await session.execute(_DEEDS, values):
            found.setdefault(profile_id, {})[name] = list(map(Event, times, event_ids, map(_object, properties)))
    if ANY in since:
        whole = {"ids": list(profile_ids), "since": since[ANY]}
        for profile_id, times, event_ids, properties in await session.execute(_ALL_DEEDS, whole):
            found.setdefault(profile_id, {})[ANY] = list(map(Event, times, event_ids, map(_object, properties)))
    return found


async def after(session: AsyncSession, profile_id: int, limit: int) -> list[int]:
    """The next viewers by id."""
    query = select(viewers.c.profile_id).where(viewers.c.profile_id > profile_id).order_by(viewers.c.profile_id)
    return list((await session.execute(query.limit(limit))).scalars())


async def between(session: AsyncSession, first: int, end: int) -> int:
    """How many viewers there are from one id up to another, without that."""
    query = select(func.count()).select_from(viewers)
    return int(await session.scalar(query.where(viewers.c.profile_id >= first, viewers.c.profile_id < end)) or 0)


async def written_since(session: AsyncSession, stamp: int, first: int, end: int) -> set[int]:
    """Viewers from one id up to another (without that) of whom a transaction from this stamp on wrote anything."""
    done = await session.execute(_WRITTEN, {"stamp": stamp, "first": first, "end": end})
    return set(done.scalars())


async def answered(session: AsyncSession, purpose: str) -> bool:
    """Whether anybody ever answered whether he consents to this. Reads all viewers when nobody did."""
    query = select(viewers.c.profile_id).where(viewers.c.consent.has_key(purpose)).limit(1)
    return await session.scalar(query) is not None


async def number(session: AsyncSession) -> int:
    """How many viewers there are."""
    return int((await session.execute(select(func.count()).select_from(viewers))).scalar_one())


async def update(session: AsyncSession, profiles: Sequence[ProfileUpdated]) -> dict[int, Known]:
    """Take over what profile tells, unless something newer is here; the rows that became others."""
    done = await session.execute(
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
    return {row.profile_id: Known(*row) for row in done}


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
