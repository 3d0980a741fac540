"""Fixtures of campaign's tests: a mail server, and campaign opened with profile played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import pytest

from services.campaign.app import SERVICE
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
from tests.campaign.mail import MailServer, serving
from tests.campaign.samples import AS_OF
from tests.harness.bus import TestBus
from tests.harness.houses import Opening, Running


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    """A mail server."""
    async with serving() as server:
        yield server


class People:
    """Profile, played: who has an address, and what is known of him. `user_id:u7` is profile 7."""

    def __init__(self) -> None:
        self.traits: dict[int, dict[str, Any]] = {}
        self.refused: dict[int, str] = {}
        self.refused_on: dict[tuple[str, int], str] = {}
        self.asked: list[ContactsAsked] = []
        self.unknown: set[str] = set()
        self.tags: dict[int, list[str]] = {}
        self.addresses: dict[int, str] = {}

    def contacts(self, question: ContactsAsked) -> ContactsAnswered:
        """Addresses of all but the refused."""
        self.asked.append(question)
        refused = self.refused | {id: why for (of, id), why in self.refused_on.items() if of == question.channel}
        return ContactsAnswered(
            contacts=[
                Contact(
                    profile_id=id,
                    address=self.addresses.get(id, f"p{id}@example.com"),
                    traits=self.traits.get(id, {}),
                    tags=self.tags.get(id, []),
                    zone=self.traits.get(id, {}).get("timezone"),
                )
                for id in question.profile_ids
                if id not in refused
            ],
            refused={id: why for id, why in refused.items() if id in question.profile_ids},
        )

    def resolve(self, question: ResolveAsked) -> ResolveAnswered:
        """The number in a ref is the profile."""
        known = [ref for ref in question.refs if ref not in self.unknown]
        return ResolveAnswered(profile_ids={ref: int(ref.rpartition(":")[2][1:]) for ref in known})


@pytest.fixture
async def people(bus: TestBus) -> People:
    """Profile answers on this test's bus."""
    played = People()
    await bus.connection("gateway")
    await bus.answer(ContactsAsked, played.contacts)
    await bus.answer(ResolveAsked, played.resolve)
    return played


class Segments:
    """Segment, played: keys and their members."""

    def __init__(self) -> None:
        self.of: dict[str, list[int]] = {}
        self.filling: set[str] = set()
        self.archived: set[str] = set()
        self.answer = self.members

    def members(self, asked: MembersAsked) -> MembersAnswered:
        """The next members; of one that is being filled only the first half."""
        if asked.key not in self.of:
            state: Literal["archived", "unknown"] = "archived" if asked.key in self.archived else "unknown"
            return MembersAnswered(profile_ids=[], state=state, complete=False)
        ids = self.of[asked.key]
        ids = ids[: len(ids) // 2] if asked.key in self.filling else ids
        return MembersAnswered(
            profile_ids=[one for one in ids if one > asked.after][: asked.limit],
            complete=asked.key not in self.filling,
            as_of=AS_OF,
        )

    def among(self, asked: AmongAsked) -> AmongAnswered:
        """Who is in which."""
        wanted = set(asked.profile_ids)
        return AmongAnswered(members={key: sorted(wanted & set(self.of.get(key, []))) for key in asked.keys})


@pytest.fixture
async def segments(bus: TestBus) -> Segments:
    """Segment answers on this test's bus."""
    played = Segments()
    await bus.connection("gateway")
    await bus.answer(MembersAsked, lambda asked: played.answer(asked))
    await bus.answer(AmongAsked, played.among)
    return played


@pytest.fixture
def campaign(open_house: Callable[..., Opening], mail: MailServer, people: People) -> Callable[..., Awaitable[Running]]:
    """`await campaign()`: campaign with its mail server and profile played; keywords are settings."""

    async def opened(**options: Any) -> Running:
        return await open_house(SERVICE, **({"smtp_url": mail.url} | options))

    return opened
