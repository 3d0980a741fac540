"""SQL of how identities came together: namespaces, groups, links, vetoes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Row, Text, bindparam, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules.links import Group
from services.profile.rules.namespaces import Namespace
from services.profile.tables import identities, links, moves, namespaces, vetoes
from shared.tables import TIME

Found = Row[*tuple[Any, ...]]


class Line(NamedTuple):
    """A link as it is written: `one` < `other`, with the call that named both."""

    one: str
    other: str
    state: str
    reason: str | None
    message_id: str
    type: str
    source: str
    at: datetime


_COLUMNS = ", ".join(Line._fields)
_CHANGED = "CASE WHEN links.state = 'vetoed' AND excluded.state = 'refused' OR links.state = excluded.state"

# Its first cause stays as long as its state does; a veto outlives refusals.
_WRITE = text(
    f"""
    INSERT INTO links ({_COLUMNS}, times, last_at)
    SELECT {_COLUMNS}, 1, at FROM unnest({", ".join(f":{name}" for name in Line._fields)}) AS n ({_COLUMNS})
    ON CONFLICT (one, other) DO UPDATE SET
      {", ".join(f"{name} = {_CHANGED} THEN links.{name} ELSE excluded.{name} END" for name in Line._fields[2:])},
      times = links.times + 1, last_at = greatest(links.last_at, excluded.last_at)
    """  # noqa: S608 - built of the names of our own columns
).bindparams(*(bindparam(name, type_=ARRAY(TIME if name == "at" else Text)) for name in Line._fields))


_FORGET = text(
    """
    UPDATE moves SET origins = ARRAY(SELECT o FROM unnest(origins) AS o WHERE o <> ALL(:origins)),
      one = CASE WHEN one = ANY(:origins) OR other = ANY(:origins) THEN NULL ELSE one END,
      other = CASE WHEN one = ANY(:origins) OR other = ANY(:origins) THEN NULL ELSE other END, message_id = NULL
    WHERE origins && :origins OR one = ANY(:origins) OR other = ANY(:origins)
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)))


def _any(values: Iterable[Any], kind: Any) -> Any:
    return func.any(bindparam(None, sorted(values), type_=ARRAY(kind)))


async def spaces(session: AsyncSession) -> dict[str, Namespace]:
    """Every namespace that was set up."""
    rows = await session.execute(select(*(namespaces.c[name] for name in Namespace._fields)))
    return {row.name: Namespace(*row) for row in rows}


async def space(session: AsyncSession, name: str) -> Found | None:
    """One namespace with the time of its last change."""
    return (await session.execute(select(namespaces).where(namespaces.c.name == name))).one_or_none()


async def put_space(session: AsyncSession, name: str, values: Mapping[str, Any], at: datetime) -> None:
    """Set a namespace up, or change it."""
    statement = upsert(namespaces).values(name=name, updated_at=at, **values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_=dict(values) | {"updated_at": at})
    )


async def is_used(session: AsyncSession, name: str) -> bool:
    """Whether there is an id of this namespace. It looks through all ids, for operators only."""
    found = select(identities.c.origin).where(func.starts_with(identities.c.origin, f"{name}:")).limit(1)
    return await session.scalar(found) is not None


async def groups(session: AsyncSession, profile_ids: Iterable[int], *, since: datetime) -> dict[int, Group]:
    """These profiles as linking sees them; merges are counted after `since`."""
    wanted = set(profile_ids)
    found = {profile_id: Group() for profile_id in wanted}
    merged = (
        select(moves.c.into_id, func.count().label("merges"))
        .where(moves.c.into_id == _any(wanted, BigInteger), moves.c.at > since, moves.c.kind == "merge")
        .group_by(moves.c.into_id)
        .subquery("merged")
    )
    query = (
        select(identities.c.profile_id, identities.c.origin, vetoes.c.move, vetoes.c.left, merged.c.merges)
        .outerjoin(vetoes, vetoes.c.origin == identities.c.origin)
        .outerjoin(merged, merged.c.into_id == identities.c.profile_id)
        .where(identities.c.profile_id == _any(wanted, BigInteger))
    )
    for row in await session.execute(query):
        group = found[row.profile_id]
        group.origins.add(row.origin)
        group.merges = row.merges or 0
        if row.move is not None:
            group.sides.add((row.move, row.left))
    return found


async def write(session: AsyncSession, lines: Sequence[Line]) -> None:
    """Write these links down; each pair at most once."""
    ordered = sorted(lines)
    await session.execute(_WRITE, {name: [getattr(line, name) for line in ordered] for name in Line._fields})


async def of(session: AsyncSession, origins: Iterable[str], *, limit: int) -> Sequence[Found]:
    """The last links of these origins, the oldest of them first."""
    wanted = set(origins)
    query = select(links).where(or_(links.c.one == _any(wanted, Text), links.c.other == _any(wanted, Text)))
    return (await session.execute(query.order_by(links.c.at.desc(), links.c.id.desc()).limit(limit))).all()[::-1]


async def forbid(session: AsyncSession, move: int, went: Iterable[str], stayed: Iterable[str]) -> None:
    """No call brings these two sides of a split together again; links between them are vetoed."""
    sides = [{"move": move, "origin": origin, "left": True} for origin in sorted(went)]
    sides += [{"move": move, "origin": origin, "left": False} for origin in sorted(stayed)]
    await session.execute(upsert(vetoes), sides)
    one_way = (links.c.one == _any(went, Text)) & (links.c.other == _any(stayed, Text))
    other_way = (links.c.one == _any(stayed, Text)) & (links.c.other == _any(went, Text))
    await session.execute(update(links).where(or_(one_way, other_way)).values(state="vetoed", reason="veto"))


async def allow(session: AsyncSession, gone: Group, into: Group) -> None:
    """Lift the vetoes that stand between two groups; what one of them has against others stays."""
    between = {move for move, side in gone.sides if (move, not side) in into.sides}
    await session.execute(
        delete(vetoes).where(vetoes.c.move == _any(between, BigInteger), vetoes.c.origin == _any(gone.origins, Text))
    )
    one_way = (links.c.one == _any(gone.origins, Text)) & (links.c.other == _any(into.origins, Text))
    other_way = (links.c.one == _any(into.origins, Text)) & (links.c.other == _any(gone.origins, Text))
    vetoed = links.c.state == "vetoed"
    await session.execute(update(links).where(vetoed, or_(one_way, other_way)).values(state="active", reason=None))


async def forget(session: AsyncSession, origins: Iterable[str]) -> None:
    """Nothing of these origins stays: links and vetoes go, merges and splits forget their names. For erasures."""
    wanted = _any(set(origins), Text)
    await session.execute(delete(links).where(or_(links.c.one == wanted, links.c.other == wanted)))
    await session.execute(delete(vetoes).where(vetoes.c.origin == wanted))
    await session.execute(_FORGET, {"origins": sorted(set(origins))})
