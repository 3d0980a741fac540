"""The index of contact data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import identities
from services.profile.tables.privacy import contacts
from shared.tables import TIME


class Address(NamedTuple):
    """A trait that held an address at an instant; without `blind` it was cleared."""

    origin: str
    name: str
    channel: str
    blind: str | None
    at: datetime


_COLUMNS = ", ".join(Address._fields)

_INDEX = text(
    f"""
    INSERT INTO contacts ({_COLUMNS})
    SELECT {_COLUMNS} FROM unnest({", ".join(f":{name}" for name in Address._fields)}) AS n ({_COLUMNS})
    ON CONFLICT (origin, name) DO UPDATE SET channel = excluded.channel, blind = excluded.blind, at = excluded.at
    WHERE contacts.at <= excluded.at
    """  # noqa: S608 - built of the names of our own columns
).bindparams(*(bindparam(name, type_=ARRAY(TIME if name == "at" else Text)) for name in Address._fields))


async def index(session: AsyncSession, found: Sequence[Address]) -> None:
    """Take these over where nothing later is known; each (origin, name) at most once."""
    ordered = sorted(found)
    await session.execute(_INDEX, dict(zip(Address._fields, map(list, zip(*ordered, strict=True)), strict=True)))


async def holders(session: AsyncSession, blinds: Sequence[str]) -> dict[str, list[int]]:
    """Profiles that have these addresses, in order."""
    statement = (
        select(contacts.c.blind, identities.c.profile_id)
        .join(identities, identities.c.origin == contacts.c.origin)
        .where(contacts.c.blind == func.any(bindparam(None, list(blinds), type_=ARRAY(Text))))
        .distinct()
        .order_by(contacts.c.blind, identities.c.profile_id)
    )
    found: dict[str, list[int]] = {}
    for blind, profile_id in await session.execute(statement):
        found.setdefault(blind, []).append(profile_id)
    return found
