"""Who the viewers are and which segments they are in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import memberships

_LINK = text(
    """
    INSERT INTO identities (namespace, value, profile_id, move)
    SELECT * FROM unnest(CAST(:namespaces AS text[]), CAST(:values AS text[]), CAST(:profiles AS bigint[]),
                         CAST(:moves AS bigint[]))
    ON CONFLICT (namespace, value) DO UPDATE SET profile_id = excluded.profile_id, move = excluded.move
    WHERE identities.profile_id <> excluded.profile_id AND identities.move <= excluded.move
       OR identities.move < excluded.move
    """
)

_OWNERS = text(
    """
    SELECT DISTINCT i.profile_id
    FROM unnest(CAST(:namespaces AS text[]), CAST(:values AS text[])) AS n (namespace, value)
    JOIN identities i USING (namespace, value)
    """
)

_ENTER = text(
    """
    INSERT INTO memberships (profile_id, segment)
    SELECT profile_id, :segment FROM unnest(CAST(:profiles AS bigint[])) AS profile_id
    ON CONFLICT DO NOTHING
    """
)

_LEAVE = text("DELETE FROM memberships WHERE segment = :segment AND profile_id = ANY(CAST(:profiles AS bigint[]))")

_VIEWS = text(
    """
    SELECT namespace, value, i.profile_id,
           EXISTS (SELECT FROM identities n WHERE n.profile_id = i.profile_id AND n.namespace = 'user_id') AS named,
           ARRAY(
             SELECT m.segment FROM memberships m WHERE m.profile_id = i.profile_id
             AND NOT EXISTS (SELECT FROM choices c WHERE c.profile_id = i.profile_id AND NOT c.personal)
           ) AS segments
    FROM unnest(CAST(:namespaces AS text[]), CAST(:values AS text[])) AS asked (namespace, value)
    JOIN identities i USING (namespace, value)
    """
)


async def link(session: AsyncSession, links: Collection[tuple[str, str, int, int]]) -> None:
    """These (namespace, value) belong to these profiles by that move, unless a later one is known; each pair once."""
    ordered = sorted(links)
    await session.execute(
        _LINK,
        {
            "namespaces": [namespace for namespace, _, _, _ in ordered],
            "values": [value for _, value, _, _ in ordered],
            "profiles": [profile_id for _, _, profile_id, _ in ordered],
            "moves": [move for _, _, _, move in ordered],
        },
    )


async def owners(session: AsyncSession, ids: Collection[tuple[str, str]]) -> set[int]:
    """Profiles these (namespace, value) belong to now."""
    ordered = sorted(ids)
    asked = {"namespaces": [namespace for namespace, _ in ordered], "values": [value for _, value in ordered]}
    return set(await session.scalars(_OWNERS, asked))


async def enter(session: AsyncSession, segment: str, profiles: Collection[int]) -> None:
    """These are members now."""
    await session.execute(_ENTER, {"segment": segment, "profiles": sorted(profiles)})


async def leave(session: AsyncSession, segment: str, profiles: Collection[int]) -> None:
    """These are members no longer."""
    await session.execute(_LEAVE, {"segment": segment, "profiles": sorted(profiles)})


async def leave_all(session: AsyncSession) -> None:
    """Nobody is a member of anything."""
    await session.execute(delete(memberships))


async def views(session: AsyncSession, asked: Sequence[tuple[str, str]]) -> Sequence[Row[*tuple[Any, ...]]]:
    """namespace, value, profile_id, named, segments of those (namespace, value) that are known: one snapshot."""
    namespaces, values = [namespace for namespace, _ in asked], [value for _, value in asked]
    return (await session.execute(_VIEWS, {"namespaces": namespaces, "values": values})).all()
