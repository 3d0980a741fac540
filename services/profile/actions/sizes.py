"""How many viewers have each tag: counted whenever somebody asks, but for those of so many that counting takes long."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.store import tags as store
from shared import clock

MANY = 10_000
"""Holders above which a size is remembered. A million take Postgres about a second."""

SHARE = 50
"""A size is told again for so many times as long as counting took: at most 2 % of the time goes into it."""


class _Counted(NamedTuple):
    size: int
    until: float


# By database, since a process of tests has many.
_sizes: WeakKeyDictionary[Any, dict[str, _Counted]] = WeakKeyDictionary()


async def of(session: AsyncSession, keys: Collection[str]) -> dict[str, int]:
    """Viewers who have each of these tags; keys nobody has are left out."""
    remembered = _sizes.setdefault(session.get_bind().engine, {})
    began = time.monotonic()
    known = {key: one.size for key in keys if (one := remembered.get(key)) and one.until > began}
    if not (asked := set(keys) - known.keys()):
        return known
    counted = await store.sizes(session, asked, clock.now())
    ended = time.monotonic()
    for key in asked:
        remembered.pop(key, None)
    remembered |= {key: _Counted(size, ended + SHARE * (ended - began)) for key, size in counted.items() if size > MANY}
    return known | counted
