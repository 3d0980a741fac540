"""What every action about segments asks first: is there such a segment, and where does a page go on?"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store import definitions
from services.segment.store.rows import AnyRow
from shared.bus import Bus
from shared.contracts import ResolveAnswered, ResolveAsked
from shared.errors import Conflict, Invalid, NotFound
from shared.pages import PageAsked


class UnknownSegment(NotFound):
    """There is no such segment"""


class UnknownViewer(NotFound):
    """Nobody is known by this"""


class Archived(Conflict):
    """The segment is archived"""


def place(asked: PageAsked, name: str) -> int:
    """Where a list goes on. Raises Invalid for the cursor of another list."""
    after = asked.after.get(name) if asked.after else 0
    if type(after) is not int or not 0 <= after < 2**63:
        raise Invalid("the cursor is not one of this list: begin again without it", field="cursor")
    return after


async def known(session: AsyncSession, key: str) -> AnyRow:
    """A segment, archived or not. Raises UnknownSegment."""
    row = await definitions.by_key(session, key)
    if row is None:
        raise UnknownSegment(key)
    return row


async def to_change(session: AsyncSession, key: str) -> AnyRow:
    """A segment that lives, locked until the transaction ends. Raises UnknownSegment, Archived."""
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if row.archived:
        raise Archived(f"{key!r} was archived and cannot change")
    return row


async def resolve(bus: Bus, ref: str) -> int:
    """Who is this? A ref is a profile id or `namespace:value`. Raises UnknownViewer, Unanswered."""
    found = (await bus.ask(ResolveAsked(refs=[ref]), ResolveAnswered)).profile_ids
    if ref not in found:
        raise UnknownViewer(f"profile knows nobody by this {ref.partition(':')[0]}", field="ref")
    return found[ref]
