"""What is laid down about traits, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, Text, bindparam, delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.identities import identities
from services.profile.tables.traits import refused_traits, trait_definitions, trait_sources

_LAID_DOWN = text(
    """
    SELECT name, type, enum, personal, description, NULL::int AS rank FROM trait_definitions
    UNION ALL SELECT source, NULL, NULL, NULL, NULL, rank FROM trait_sources
    """
)

_REFUSE = text(
    """
    INSERT INTO refused_traits (name, source, reason, count, first_at, last_at)
    SELECT name, source, reason, count, :at, :at
    FROM unnest(:names, :sources, :reasons, :counts) AS n (name, source, reason, count)
    ORDER BY name, source, reason
    ON CONFLICT (name, source, reason) DO UPDATE
    SET count = refused_traits.count + excluded.count, last_at = excluded.last_at
    """
).bindparams(
    bindparam("names", type_=ARRAY(Text)),
    bindparam("sources", type_=ARRAY(Text)),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("counts", type_=ARRAY(BigInteger)),
    bindparam("at", type_=refused_traits.c.last_at.type),
)


async def laid_down(session: AsyncSession) -> Sequence[Row[Any]]:
    """Definitions, and ranks of sources (rows with a `rank`), in one statement: asked with every batch."""
    return (await session.execute(_LAID_DOWN)).all()


async def define(session: AsyncSession, name: str, values: Mapping[str, Any]) -> None:
    """Lay down what a trait holds: type, enum, personal, description, updated_at."""
    statement = insert(trait_definitions).values(name=name, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=dict(values)))


async def undefine(session: AsyncSession, name: str) -> bool:
    """Forget an operator's definition; False when there was none."""
    done = await session.execute(
        delete(trait_definitions).where(trait_definitions.c.name == name).returning(trait_definitions.c.name)
    )
    return bool(done.all())


async def rank(session: AsyncSession, source: str, rank: int | None, at: datetime) -> None:
    """Set how far a source is believed; None: as its kind is."""
    if rank is None:
        await session.execute(delete(trait_sources).where(trait_sources.c.source == source))
        return
    statement = insert(trait_sources).values(source=source, rank=rank, updated_at=at)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["source"], set_={"rank": rank, "updated_at": at})
    )


async def refuse(session: AsyncSession, counts: Mapping[tuple[str, str, str], int], at: datetime) -> None:
    """Count refused values by (name, source, reason)."""
    keys = sorted(counts)
    await session.execute(
        _REFUSE,
        {
            "names": [key[0] for key in keys],
            "sources": [key[1] for key in keys],
            "reasons": [key[2] for key in keys],
            "counts": [counts[key] for key in keys],
            "at": at,
        },
    )


async def refused(session: AsyncSession, *, after: tuple[str, str, str] | None, limit: int) -> Sequence[Row[Any]]:
    """What was refused, by name, source and reason."""
    key = (refused_traits.c.name, refused_traits.c.source, refused_traits.c.reason)
    statement = select(refused_traits).order_by(*key).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return (await session.execute(statement)).all()


async def speaking(session: AsyncSession, words: Iterable[str], *, after: int, limit: int) -> list[int]:
    """Profiles after this id with an identity whose stored traits contain one of these texts.

    It looks through all identities, for jobs only: nothing is indexed by source, so that taking in stays cheap.
    """
    patterns = ["%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for word in words]
    statement = (
        select(identities.c.profile_id)
        .where(
            identities.c.profile_id > after,
            identities.c.traits.cast(Text).like(func.any(bindparam(None, patterns, type_=ARRAY(Text)))),
        )
        .distinct()
        .order_by(identities.c.profile_id)
        .limit(limit)
    )
    return list(await session.scalars(statement))
