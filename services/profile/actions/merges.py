"""Merges and splits: origins go from one profile to another, everything kept by origin goes with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import telling
from services.profile.rules import namespaces
from services.profile.rules.identities import parts
from services.profile.store import identities, leanings, search
from services.profile.store import merges as store
from services.profile.store.merges import Move
from shared.contracts import IdentityLinked, ProfileMerged, ProfileSplit
from shared.outbox import tell

Follow = Callable[[AsyncSession, Sequence[Move]], Awaitable[None]]
"""Rewrites a `profile_id` that is kept beside origins for look-up; the moves come in order."""


async def _lean(session: AsyncSession, moves: Sequence[Move]) -> None:
    """The interests of who became one, or two, are others now."""
    await leanings.note(session, {one for move in moves for one in (move.from_id, move.into_id)})


async def _find(session: AsyncSession, moves: Sequence[Move]) -> None:
    """Who became part of another is found as that one alone, and who is two again as both."""
    await search.touch(session, dict.fromkeys((one for move in moves for one in (move.from_id, move.into_id)), True))


FOLLOWS: tuple[Follow, ...] = (_lean, _find)
"""Whoever keeps such a column, or something that follows from all of a viewer's ids, names his function here."""


async def apply(session: AsyncSession, moves: Sequence[Move]) -> int:
    """Make these merges, in order; identities and profiles are locked. Tells who moved and what the survivors are.

    Answers the number of the last.
    """
    numbered = dict(zip(await store.number(session, len(moves)), moves, strict=True))
    await store.record(session, numbered)
    into: dict[int, int] = {}
    last: dict[str, int] = {}
    for n, move in numbered.items():
        into = {gone: move.into_id if home == move.from_id else home for gone, home in into.items()}
        into[move.from_id] = move.into_id
        last |= dict.fromkeys(move.origins, n)
    homes = {origin: into[numbered[n].from_id] for origin, n in last.items()}
    # Redirects say whom each became part of at that time, so that a split can bring it back with those it had taken in.
    await store.retire(session, {move.from_id: move.into_id for move in moves})
    await store.repoint(session, {origin: (homes[origin], n) for origin, n in last.items()})
    await store.follow(session, into)
    for follow in FOLLOWS:
        await follow(session, moves)
    for n, move in numbered.items():
        tell(session, _merged(n, move))
    _tell_links(session, homes, last)
    await telling.again(session, set(homes.values()), "merge")
    return max(numbered)


async def split(session: AsyncSession, move: Move) -> int:
    """Make this split; identities and profiles are locked. Answers its number."""
    (n,) = await store.number(session, 1)
    await store.record(session, {n: move})
    await store.repoint(session, dict.fromkeys(move.origins, (move.into_id, n)))
    await store.follow_origins(session, move.from_id, move.into_id, move.origins)
    for follow in FOLLOWS:
        await follow(session, [move])
    fact = ProfileSplit(from_id=move.from_id, into_id=move.into_id, origins=list(move.origins), move=n, at=move.at)
    tell(session, fact)
    _tell_links(session, dict.fromkeys(move.origins, move.into_id), dict.fromkeys(move.origins, n))
    await telling.again(session, {move.from_id, move.into_id}, "split")
    return n


def _merged(n: int, move: Move) -> ProfileMerged:
    return ProfileMerged(from_id=move.from_id, into_id=move.into_id, origins=list(move.origins), move=n, at=move.at)


def _tell_links(session: AsyncSession, homes: dict[str, int], last: dict[str, int]) -> None:
    for origin, profile_id in sorted(homes.items()):
        if not namespaces.is_contact(origin):
            namespace, value = parts(origin)
            tell(session, IdentityLinked(profile_id=profile_id, namespace=namespace, value=value, move=last[origin]))


async def lock(session: AsyncSession, profile_ids: Iterable[int]) -> list[str]:
    """Lock profiles with all their identities, in the order everybody locks in; the origins."""
    origins = await store.lock_origins(session, profile_ids)
    await identities.lock_profiles(session, profile_ids)
    return origins
