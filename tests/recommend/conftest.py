"""Recommend opened in this process, and the gateway's way to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.recommend.app import SERVICE
from shared.contracts import DecideAnswered, DecideAsked, Decision
from tests.harness import bus as buses
from tests.harness import houses
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.recommend.acts import banner

Decide = Callable[..., Awaitable[list[Decision]]]


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    """Recommend, caught up with an empty house."""
    return await caught_up(await open_house(SERVICE))


async def caught_up(opened: Running) -> Running:
    """Once it is: catching up puts members aside, those of a test too."""
    await eventually(lambda: all(reader.reading for reader in opened.house.readers))
    return opened


@pytest.fixture
async def home(running: Running) -> Running:
    """A placement with one creative for those who like, one for everyone."""
    assert (await running.client.put("/v1/placements/home", json={"name": "Home, top"})).status_code == 200
    await banner(running, "for-likers", audience="likers", priority=10, link_url="https://example.com/liked")
    await banner(running, "for-all")
    return running


@pytest.fixture
async def decide(bus: TestBus) -> Decide:
    """`await decide("home", user_id="u1")`: decisions as the gateway gets them over the bus."""
    gateway = await bus.connection("gateway")

    async def ask(*placements: str, user_id: str | None = None, anonymous_id: str | None = None) -> list[Decision]:
        asked = DecideAsked(placements=list(placements), user_id=user_id, anonymous_id=anonymous_id)
        return (await gateway.ask(asked, DecideAnswered)).decisions

    return ask


@pytest.fixture(scope="module")
async def shared_house(databases: Databases, scratch: Path) -> AsyncIterator[Running]:
    """One recommend for tests that change nothing, with an untouched placement `home`."""
    folder = scratch / "nats-recommend"
    folder.mkdir(exist_ok=True)
    async with buses.opened(folder) as bus, houses.opened(SERVICE, databases=databases, bus=bus) as running:
        await caught_up(running)
        await running.client.put("/v1/placements/home", json={"name": "untouched"})
        yield running
