"""Finding viewers: the values they are found by, and the order lists have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Double, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.schemas.search import NAME, Condition, Sort, Value
from shared import together
from shared.tables import TIME
from shared.together import Write

Place = tuple[Any, int]
"""Where a page begins: after this value and this profile."""

NEAR, STEP, FAR = 500, 2_500, 7_000
"""Rows walked in the order of the list with a look at each for what is asked: first, then at a time, and at most."""

WIDE = 60_000
"""Rows walked at most when those who fit a condition are known: a row is then half a microsecond, a look five."""

FEW, CAP = 2_000, 20_000
"""So few matches are best sorted, more are best met on the way; how far matches are counted at all."""

COMPARED = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
ORDERS: dict[Sort, str] = {"newest": "profile_id", "last_seen": "last_seen", "events": "events"}


class Wanted(NamedTuple):
    """What is asked of viewers, all of it."""

    conditions: tuple[Condition, ...] = ()
    seen_after: datetime | None = None
    seen_before: datetime | None = None

    @property
    def everybody(self) -> bool:
        """Nothing is asked."""
        return not self.conditions and self.seen_after is None and self.seen_before is None


class Windowed(NamedTuple):
    """Who was found among the rows walked, the last row walked, and whether it was the last of all."""

    found: list[Place]
    edge: Place | None
    end: bool


_TOUCH = Write(
    "INSERT INTO touched (profile_id, whole) SELECT * FROM unnest(:profile_ids, :whole) AS t (profile_id, whole)",
    profile_ids=ARRAY(BigInteger),
    whole=ARRAY(BigInteger),
)

_TAKE = text(
    """
    WITH taken AS (
      DELETE FROM touched WHERE ctid = ANY (ARRAY (SELECT ctid FROM touched LIMIT :limit)) RETURNING profile_id, whole
    )
    SELECT profile_id, max(whole) FROM taken GROUP BY profile_id
    """
)

_ACTIVE = text(
    """
    INSERT INTO activity AS a (profile_id, first_seen, last_seen, events)
    SELECT profile_id, min(first_seen), max(last_seen), sum(events)::bigint FROM identities
    WHERE profile_id = ANY (:profile_ids) GROUP BY profile_id
    ON CONFLICT (profile_id) DO UPDATE
      SET first_seen = excluded.first_seen, last_seen = excluded.last_seen, events = excluded.events
      WHERE (a.first_seen, a.last_seen, a.events)
        IS DISTINCT FROM (excluded.first_seen, excluded.last_seen, excluded.events)
    """
).bindparams(bindparam("profile_ids", type_=ARRAY(BigInteger)))

_GONE = text(
    """
    DELETE FROM activity WHERE profile_id = ANY (:profile_ids)
      AND NOT EXISTS (SELECT FROM identities WHERE identities.profile_id = activity.profile_id)
    """
).bindparams(bindparam("profile_ids", type_=ARRAY(BigInteger)))

_FORGET = text(
    """
    DELETE FROM search AS s WHERE profile_id = ANY (:profile_ids) AND name <> '$bot' AND NOT EXISTS (
      SELECT FROM unnest(:owners, :names, :values) AS n (profile_id, name, value)
      WHERE n.profile_id = s.profile_id AND n.name = s.name AND n.value = s.value)
    """
).bindparams(
    bindparam("profile_ids", type_=ARRAY(BigInteger)),
    bindparam("owners", type_=ARRAY(BigInteger)),
    bindparam("names", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(Text)),
)

_KEEP = text(
    """
    INSERT INTO search (profile_id, name, value, number, key)
    SELECT * FROM unnest(:owners, :names, :values, :numbers, :keys) AS n (profile_id, name, value, number, key)
    ON CONFLICT (profile_id, name, value) DO UPDATE SET number = excluded.number, key = excluded.key
      WHERE (search.number, search.key) IS DISTINCT FROM (excluded.number, excluded.key)
    """
).bindparams(
    bindparam("owners", type_=ARRAY(BigInteger)),
    bindparam("names", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(Text)),
    bindparam("numbers", type_=ARRAY(Double)),
    bindparam("keys", type_=ARRAY(Text)),
)

# The plan must fit the value asked for: one city holds half of all viewers, another nobody.
_CUSTOM = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")


async def touch(session: AsyncSession, profile_ids: Mapping[int, bool]) -> None:
    """Have these viewers' rows worked out again by the clock; True: all of it, not only the counters."""
    if profile_ids:
        values = {"profile_ids": list(profile_ids), "whole": [int(whole) for whole in profile_ids.values()]}
        await together.write(session, _TOUCH, values)


async def take(session: AsyncSession, *, limit: int) -> dict[int, bool]:
    """Viewers whose rows are to be worked out, from `limit` notes; the notes are gone with this transaction."""
    rows = await session.execute(_TAKE, {"limit": limit})
    return {profile_id: bool(whole) for profile_id, whole in rows}


async def count_activity(session: AsyncSession, profile_ids: Sequence[int]) -> None:
    """Work out when these viewers were seen, from their identities."""
    await session.execute(_ACTIVE, {"profile_ids": profile_ids})


async def drop_activity(session: AsyncSession, profile_ids: Sequence[int]) -> None:
    """Forget when those of these were seen who have no identity any more."""
    await session.execute(_GONE, {"profile_ids": profile_ids})


async def keep(session: AsyncSession, found_by: Mapping[int, Iterable[Value]]) -> None:
    """Replace what these viewers are found by, but for the mark of programs; equal rows are not written."""
    rows = [(profile_id, value) for profile_id, values in found_by.items() for value in values]
    columns = {
        "owners": [profile_id for profile_id, _ in rows],
        "names": [value.name for _, value in rows],
        "values": [value.value for _, value in rows],
    }
    await session.execute(_FORGET, {"profile_ids": list(found_by), **columns})
    more = {"numbers": [value.number for _, value in rows], "keys": [value.key for _, value in rows]}
    await session.execute(_KEEP, columns | more)


def _asks(number: int, condition: Condition, values: dict[str, Any]) -> str:
    """A condition as SQL on `v`, a row of search; its values go into `values`."""
    name, value = f"name{number}", f"value{number}"
    if condition.op == "contains":
        values[value] = condition.pattern
        if condition.name == NAME:
            return f"v.name = '{NAME}' AND v.key LIKE :{value}"
        values[name] = condition.name
        return f"v.name = :{name} AND v.name <> '{NAME}' AND v.key IS NOT NULL AND v.key LIKE :{value}"
    values[name] = condition.name
    if condition.op == "eq":
        values[value] = condition.value
        return f"v.name = :{name} AND v.value = :{value}"
    values[value] = condition.number
    return f"v.name = :{name} AND v.number {COMPARED[condition.op]} :{value}"


def _seen(wanted: Wanted, values: dict[str, Any]) -> list[str]:
    clauses = []
    for bound, clause in (
        (wanted.seen_after, "last_seen >= :seen_after"),
        (wanted.seen_before, "last_seen < :seen_before"),
    ):
        if bound is not None:
            values[clause.partition(":")[2]] = bound
            clauses.append(clause)
    return clauses


def _after(sort: Sort, cursor: Place | None, values: dict[str, Any]) -> list[str]:
    if cursor is None:
        return []
    values |= {"place": cursor[0], "last": cursor[1]}
    return ["profile_id < :last"] if sort == "newest" else [f"({ORDERS[sort]}, profile_id) < (:place, :last)"]


def _probes(wanted: Wanted, values: dict[str, Any], *, but: int = -1) -> list[str]:
    """Each condition asked of one row `w`. A sub-select with a limit stays what it is: one look per row."""
    asked = [(number, _asks(number, one, values)) for number, one in enumerate(wanted.conditions) if number != but]
    return [
        f"(SELECT true FROM search AS v WHERE v.profile_id = w.profile_id AND {asks} LIMIT 1)"  # noqa: S608
        for _, asks in asked
    ]


def _order(sort: Sort) -> str:
    return "profile_id DESC" if sort == "newest" else f"{ORDERS[sort]} DESC, profile_id DESC"


def _where(clauses: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""


def _typed(statement: str, values: Mapping[str, Any]) -> Any:
    times = [name for name, value in values.items() if isinstance(value, datetime)]
    return text(statement).bindparams(*(bindparam(name, type_=TIME) for name in times))


async def window(
    session: AsyncSession, wanted: Wanted, sort: Sort, *, cursor: Place | None, size: int = STEP
) -> Windowed:
    """Who is wanted among the next `size` viewers of the list: time is bounded however rare they are."""
    values: dict[str, Any] = {"size": size}
    order = ORDERS[sort]
    seen = _seen(wanted, values)
    base = _after(sort, cursor, values) + (seen if sort == "last_seen" else [])
    asked = _probes(wanted, values) + ([] if sort == "last_seen" else seen)
    statement = f"""
        WITH w AS MATERIALIZED (
          SELECT profile_id, {order} AS place, last_seen FROM activity {_where(base)}
          ORDER BY {_order(sort)} LIMIT :size
        )
        (SELECT profile_id, place, 0 AS walked FROM w {_where(asked)})
        UNION ALL
        (SELECT profile_id, place, (SELECT count(*) FROM w) FROM w ORDER BY place, profile_id LIMIT 1)
        """  # noqa: S608 - built of our own words
    await session.execute(_CUSTOM)
    rows = (await session.execute(_typed(statement, values), values)).all()
    found = sorted(((row.place, row.profile_id) for row in rows if not row.walked), reverse=True)
    edge = next((row for row in rows if row.walked), None)
    return Windowed(
        found=found,
        edge=None if edge is None else (edge.place, edge.profile_id),
        end=edge is None or edge.walked < size,
    )


async def by_index(
    session: AsyncSession, wanted: Wanted, sort: Sort, rarest: int, *, cursor: Place | None, limit: int
) -> list[Place]:
    """Who is wanted, from the index of the rarest condition: time grows with how many it fits.

    Once those are known, the list is walked past them if they are many, and they are sorted if they are few or the walk
    does not fill the page.
    """
    values: dict[str, Any] = {"limit": limit, "few": FEW, "wide": WIDE}
    order = ORDERS[sort]
    seen, after = _seen(wanted, values), _after(sort, cursor, values)
    if wanted.conditions:
        fits = _asks(rarest, wanted.conditions[rarest], values)
        source = f"SELECT DISTINCT v.profile_id FROM search AS v WHERE {fits}"  # noqa: S608
    else:
        source = f"SELECT profile_id FROM activity {_where(seen)}"  # noqa: S608
    probes = _probes(wanted, values, but=rarest)
    # IS TRUE keeps the planner from making a join of it, for which it would sort all who fit.
    among = ["(profile_id IN (SELECT profile_id FROM found)) IS TRUE", *probes]
    # Some thousand looks at activity take as long as finding these: only for what is in it.
    joined = "found" if sort == "newest" and not seen else "found JOIN activity USING (profile_id)"
    statement = f"""
        WITH found AS MATERIALIZED ({source}),
          walked AS MATERIALIZED (
            SELECT {order} AS place, profile_id FROM (
              SELECT * FROM activity {_where([*after, *(seen if sort == "last_seen" else [])])}
              ORDER BY {_order(sort)} LIMIT (SELECT CASE WHEN count(*) > :few THEN :wide ELSE 0 END FROM found)
            ) AS w {_where([*among, *seen])} LIMIT :limit),
          w AS (SELECT * FROM {joined} WHERE (SELECT count(*) FROM walked) < :limit)
        (SELECT place, profile_id FROM walked WHERE (SELECT count(*) FROM walked) = :limit)
        UNION ALL
        (SELECT {order} AS place, profile_id FROM w {_where([*probes, *seen, *after])}
          ORDER BY {_order(sort)} LIMIT :limit)
        """  # noqa: S608 - built of our own words
    await session.execute(_CUSTOM)
    rows = await session.execute(_typed(statement, values), values)
    return sorted(((row.place, row.profile_id) for row in rows), reverse=True)


async def rarest(session: AsyncSession, wanted: Wanted) -> tuple[int, int]:
    """Which condition fits the fewest, and how many, counted to `CAP`."""
    if not wanted.conditions:
        return 0, CAP
    values: dict[str, Any] = {}
    counted = ", ".join(
        f"(SELECT count(*) FROM (SELECT FROM search AS v WHERE {_asks(number, condition, values)} LIMIT {CAP}) AS c)"  # noqa: S608
        for number, condition in enumerate(wanted.conditions)
    )
    await session.execute(_CUSTOM)
    counts = (await session.execute(text(f"SELECT {counted}"), values)).one()
    return min(enumerate(counts), key=lambda one: one[1])
