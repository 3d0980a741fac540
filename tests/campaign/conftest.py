"""Fixtures of campaign's tests: a mail server, and campaign opened with profile played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.campaign.app import SERVICE
from shared.contracts import Contact, ContactsAnswered, ContactsAsked, ResolveAnswered, ResolveAsked
from tests.campaign.mail import MailServer, serving
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
        self.asked: list[ContactsAsked] = []
        self.unknown: set[str] = set()
        self.tags: dict[int, list[str]] = {}

    def contacts(self, question: ContactsAsked) -> ContactsAnswered:
        """Addresses of all but the refused."""
        self.asked.append(question)
        return ContactsAnswered(
            contacts=[
                Contact(
                    profile_id=id,
                    address=f"p{id}@example.com",
                    traits=self.traits.get(id, {}),
                    tags=self.tags.get(id, []),
                )
                for id in question.profile_ids
                if id not in self.refused
            ],
            refused={id: why for id, why in self.refused.items() if id in question.profile_ids},
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


@pytest.fixture
def campaign(open_house: Callable[..., Opening], mail: MailServer, people: People) -> Callable[..., Awaitable[Running]]:
    """`await campaign()`: campaign with its mail server and profile played; keywords are settings."""

    async def opened(**options: Any) -> Running:
        return await open_house(SERVICE, **({"smtp_url": mail.url} | options))

    return opened
