"""Everything the house knows of one viewer, in his own words: asked of every service, and opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import keys, profiles
from services.profile.actions.keys import Opener
from services.profile.rules import contacts
from services.profile.store import identities, merges
from shared.contracts import SERVICES, PersonAnswered, PersonAsked
from shared.house import House


class Person(NamedTuple):
    """Whose data it is, and what opens it."""

    profile_id: int
    ids: list[int]
    openers: dict[str, Opener]


async def found(session: AsyncSession, ref: str) -> Person:
    """Who is asked for. Raises UnknownProfile."""
    profile_id = await profiles.found(session, ref, field="ref")
    origins = [one.origin for one in (await identities.of(session, [profile_id]))[profile_id]]
    opening = await keys.opener(session, origins)
    ids = [profile_id, *await merges.parts(session, profile_id)]
    return Person(profile_id, ids, {origin: opening(origin) for origin in origins})


async def lines(house: House, person: Person) -> AsyncIterator[bytes]:
    """One JSON line per row: service, table, row. Raises Unanswered in the middle when a service is away."""
    for service in SERVICES:
        after: str | None = None
        more = True
        while more:
            question = PersonAsked(profile_ids=person.ids, origins=list(person.openers), after=after)
            page = await house.bus.ask(question, PersonAnswered, to=service)
            for row in page.rows:
                line = {"service": service, "table": page.table, "row": _opened(row, person)}
                yield msgspec.json.encode(line) + b"\n"
            after, more = page.next, page.next is not None
    yield msgspec.json.encode({"complete": True}) + b"\n"


def _opened(row: dict[str, Any], person: Person) -> dict[str, Any]:
    opener = person.openers.get(str(row.get("origin")))
    clear: dict[str, Any] = row if opener is None else contacts.opened(row, opener)
    return clear
