"""Forgetting a viewer: decisions stay counted, and nobody can say for whom they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, store
from services.recommend.tables import metadata
from shared.erasure import Keeps


async def _anonymous(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    return {"decisions": await store.decisions.make_nobodys(session, ids, origins)}


def _forgotten(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> Callable[[], object]:
    held = memory.of(session)
    return lambda: held.viewers_changed(profiles=ids, identities=origins)


KEEPS = Keeps(tables=metadata, spared=frozenset({"decisions"}), before=_anonymous, after=_forgotten)
