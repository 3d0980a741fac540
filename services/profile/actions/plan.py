"""The tracking plan in this process: compiled once, dropped when somebody changes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules import event_types as rules
from services.profile.rules import namespaces
from services.profile.rules.bots import Paces
from services.profile.rules.event_types import Plan, Wanted
from services.profile.rules.namespaces import Blocked
from services.profile.store import event_types as store
from services.profile.store import links
from shared.house import House

TRUSTED = 5.0
"""Seconds for which the plan is taken as it was read, should the word of a change be lost."""


@dataclass
class _Held:
    plan: Plan
    blocked: Blocked
    contacts: frozenset[str]
    read_at: float


# By database, since a process of tests has many.
_plans: WeakKeyDictionary[Any, _Held] = WeakKeyDictionary()
_paces: WeakKeyDictionary[Any, Paces] = WeakKeyDictionary()


async def current(session: AsyncSession) -> Plan:
    """The plan, at most `TRUSTED` seconds old."""
    return (await _present(session)).plan


async def blocked(session: AsyncSession) -> Blocked:
    """Values that are nobody's id, as operators said; a change of them is a change of the plan."""
    return (await _present(session)).blocked


async def contacts(session: AsyncSession) -> frozenset[str]:
    """Namespaces whose values are contact data, as operators said."""
    return (await _present(session)).contacts


async def _present(session: AsyncSession) -> _Held:
    database = session.get_bind().engine
    held = _plans.get(database)
    now = time.monotonic()
    if held is not None and now - held.read_at < TRUSTED:
        return held
    version = await store.version(session)
    if held is None or held.plan.version != version:
        wanted = [
            Wanted(row.name, row.mode, row.description, row.schema, own=True) for row in await store.changed(session)
        ]
        spaces = await links.spaces(session)
        hidden = frozenset(one.name for one in spaces.values() if one.contact)
        held = _Held(rules.compiled(version, wanted), namespaces.blocked(spaces.values()), hidden, now)
    held.read_at = now
    _plans[database] = held
    return held


def paces(session: AsyncSession) -> Paces:
    """How fast the viewers of this database act, as this process has seen it."""
    return _paces.setdefault(session.get_bind().engine, Paces())


def drop(session: AsyncSession) -> None:
    """Read the plan anew the next time: somebody changed it."""
    _plans.pop(session.get_bind().engine, None)


async def changed(house: House, payload: bytes) -> None:
    """A replica, or this process, changed the plan."""
    if payload == TOLD:
        _plans.pop(house.db.engine.sync_engine, None)


TOLD = b"plan"


async def tell_replicas(house: House) -> bool:
    """Say to every replica that the plan may have changed."""
    await house.bus.broadcast(TOLD)
    return False
