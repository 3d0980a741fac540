"""What campaign asks others before it writes: who is where, with whose consent, in which segment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.campaign.rules import audiences
from shared.bus import Bus
from shared.contracts import (
    AmongAnswered,
    AmongAsked,
    Contact,
    ContactsAnswered,
    ContactsAsked,
    MembersAnswered,
    MembersAsked,
    ResolveAnswered,
    ResolveAsked,
)
from shared.errors import Conflict, NotFound

AT_ONCE = 500
"""Viewers or refs of one question to profile."""
MEMBERS = 5000


class UnknownViewer(NotFound):
    """There is no such viewer"""


class NoAudience(Conflict):
    """The campaign has nobody to write to"""


class Asked(NamedTuple):
    """What consent depends on. `targeted`: the viewer was chosen by what he did."""

    channel: str
    purpose: str
    targeted: bool


@dataclass
class Found:
    """Contacts, reasons why there is none, and members of the segments that were asked about."""

    contacts: dict[tuple[Asked, int], Contact] = field(default_factory=dict)
    refused: dict[tuple[Asked, int], str] = field(default_factory=dict)
    members: dict[str, frozenset[int]] = field(default_factory=dict)

    def segments_of(self, profile_id: int) -> set[str]:
        """Of the segments asked about, those he is in."""
        return {key for key, ids in self.members.items() if profile_id in ids}


async def contacts(
    bus: Bus, wanted: Mapping[Asked, Collection[int]], segments: Iterable[str] = (), *, timeout: float = 10
) -> Found:
    """Contacts of these viewers, as they are at this moment. Raises Unanswered."""
    found = Found()

    async def some(asked: Asked, ids: list[int]) -> None:
        question = ContactsAsked(profile_ids=ids, channel=asked.channel, purpose=asked.purpose, targeted=asked.targeted)
        answer = await bus.ask(question, ContactsAnswered, timeout=timeout)
        found.contacts.update({(asked, one.profile_id): one for one in answer.contacts})
        found.refused.update({(asked, profile_id): reason for profile_id, reason in answer.refused.items()})

    for asked, ids in wanted.items():
        ordered = sorted(set(ids))
        pieces = [ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE)]
        for piece in pieces:
            await some(asked, piece)
    everybody = sorted({one for ids in wanted.values() for one in ids})
    if keys := sorted(set(segments)):
        found.members = await among(bus, keys, everybody)
    return found


async def among(bus: Bus, keys: Sequence[str], profile_ids: Sequence[int]) -> dict[str, frozenset[int]]:
    """Who of these viewers is in which of these segments. Raises Unanswered."""
    answers = await asyncio.gather(
        *(
            bus.ask(AmongAsked(keys=list(keys), profile_ids=list(profile_ids[start : start + MEMBERS])), AmongAnswered)
            for start in range(0, len(profile_ids), MEMBERS)
        )
    )
    return {key: frozenset(one for answer in answers for one in answer.members.get(key, ())) for key in keys}


async def members(bus: Bus, key: str, after: int) -> MembersAnswered:
    """The next members of a segment by id; fewer than MEMBERS are the last, if complete. Raises Unanswered."""
    return await bus.ask(MembersAsked(key=key, after=after, limit=MEMBERS), MembersAnswered, timeout=30)


async def audience(bus: Bus, key: str) -> MembersAnswered:
    """Whether a segment can be written to, with its first member. Raises NoAudience, Unanswered."""
    answer = await bus.ask(MembersAsked(key=key, limit=1), MembersAnswered)
    if answer.state != "alive":
        why = "there is no segment" if answer.state == "unknown" else "archived is the segment"
        raise NoAudience(f"{why} {key!r}: choose another", field="trigger.manual.segment")
    return answer


async def resolved(bus: Bus, refs: Sequence[str]) -> dict[str, int]:
    """Profile ids of those of these refs that are known. Raises Unanswered."""
    known: dict[str, int] = {}
    for start in range(0, len(refs), AT_ONCE):
        question = ResolveAsked(refs=list(refs[start : start + AT_ONCE]))
        known |= (await bus.ask(question, ResolveAnswered)).profile_ids
    return known


async def viewer(bus: Bus, ref: str, *, field: str = "ref") -> int:
    """The profile id behind a ref. Raises BadRef, UnknownViewer, Unanswered."""
    profile_id, origin = audiences.viewer(ref, field=field)
    if profile_id is not None:
        return profile_id
    assert origin is not None
    known = await resolved(bus, [origin])
    if origin not in known:
        raise UnknownViewer(f"nobody is known as {ref!r}", field=field)
    return known[origin]
