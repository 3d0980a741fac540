"""Who opened it and who clicked: people, or programs that look into messages before their readers do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.campaign.rules import tracking
from shared import clock
from shared.bus import Bus
from shared.contracts import FollowAnswered, FollowAsked, ProfileErased
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import PATH, begin, finished, manual, messages
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
CHROME = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17726; Pro)"
HTML = '<a href="https://shop.test/a">a</a><a href="https://shop.test/b">b</a><a href="https://shop.test/c">c</a>'


@pytest.mark.parametrize(
    ("agent", "opened", "clicked"),
    [
        (CHROME, False, False),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
            False,
            False,
        ),
        ("Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)", False, False),
        (OUTLOOK, False, True),
        ("Microsoft Office Existence Discovery", True, True),
        ("Mozilla/5.0", True, True),
        ("mozilla/5.0 ", True, True),
        ("BarracudaCentral/1.0", True, True),
        ("Mozilla/5.0 (compatible; Proofpoint URL Defense)", True, True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True, True),
        ("curl/8.5.0", True, True),
        ("", True, True),
        (None, True, True),
    ],
)
def test_programs_are_known_by_their_names(agent: str | None, *, opened: bool, clicked: bool) -> None:
    assert (tracking.is_machine(agent, "open"), tracking.is_machine(agent, "click")) == (opened, clicked)


@pytest.mark.parametrize(
    ("kind", "channel", "seconds", "hasty"),
    [
        ("click", "email", 4.9, True),
        ("click", "email", 5, False),
        ("open", "email", 1.9, True),
        ("open", "email", 2, False),
        ("click", "push", 0, False),
        ("open", "inbox", 0, False),
    ],
)
def test_nobody_reads_an_email_the_moment_it_leaves(kind: str, channel: str, seconds: float, *, hasty: bool) -> None:
    sent = datetime(2026, 1, 2, tzinfo=UTC)
    assert tracking.is_hasty(kind, channel, sent, sent + timedelta(seconds=seconds)) is hasty
    assert not tracking.is_hasty(kind, channel, None, sent)


@dataclass
class Reader:
    """One viewer's message, and what happens to its links at so many seconds after it was sent."""

    running: Running
    gateway: Bus
    message: dict[str, Any]
    links: list[int]
    sent_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.sent_at = datetime.fromisoformat(self.message["called_at"])

    async def does(self, kind: Any, second: float, link: int | None = None, agent: str = CHROME) -> FollowAnswered:
        asked = FollowAsked(
            kind=kind,
            message_id=self.message["id"],
            link_id=None if link is None else self.links[link],
            user_agent=agent,
        )
        with clock.at(self.sent_at + timedelta(seconds=second)):
            return await self.gateway.ask(asked, FollowAnswered)

    async def figures(self) -> tuple[int, int, int, int]:
        """Opened, opened by a program only, clicked, clicked by a program only."""
        told = (await self.running.client.get(f"{PATH}/report")).json()["funnel"]
        return told["opened"], told["machine_opened"], told["clicked"], told["machine_clicked"]


@pytest.fixture
async def reader(campaign: Campaign, mail: MailServer, people: People, segments: Segments, bus: TestBus) -> Reader:
    running = await campaign()
    await begin(running, manual({"list": ["1"]}, content={"html": HTML}))
    await eventually(lambda: finished(running))
    [message] = await messages(running, "back")
    async with running.db.transaction() as session:
        links = list(await session.scalars(text("SELECT id FROM links ORDER BY url")))
    return Reader(running, await bus.connection("gateway"), message, links)


async def test_a_scanner_on_the_way_neither_opened_nor_clicked(reader: Reader) -> None:
    await reader.does("open", 0.5)
    assert (await reader.does("click", 1, 0)).target == "https://shop.test/a", "whoever follows it is led there"
    assert await reader.figures() == (0, 1, 0, 1)
    await reader.does("click", 3600, 0)
    assert await reader.figures() == (1, 0, 1, 0), "the reader himself comes later"


async def test_who_tries_all_links_at_once_is_a_program_from_the_first_one_on(reader: Reader) -> None:
    await reader.does("click", 60, 0)
    assert await reader.figures() == (1, 0, 1, 0)
    for place, second in enumerate((60.5, 61, 61.5)):
        await reader.does("click", second, (place + 1) % 3)
    assert await reader.figures() == (0, 0, 0, 1)
    links = (await reader.running.client.get(f"{PATH}/report")).json()["links"]
    assert {one["clicks"] for one in links} == {0}
    await reader.does("click", 300, 1)
    assert await reader.figures() == (1, 0, 1, 0)


async def test_a_reader_who_comes_back_for_another_link_stays_a_reader(reader: Reader) -> None:
    await reader.does("click", 60, 0)
    await reader.does("click", 61, 0)
    await reader.does("click", 70, 1)
    assert await reader.figures() == (1, 0, 1, 0)
    links = (await reader.running.client.get(f"{PATH}/report")).json()["links"]
    assert {one["url"][-1]: one["clicks"] for one in links} == {"a": 2, "b": 1, "c": 0}


PERSONAL = '<a href="https://shop.test/?name={{ profile.traits.name }}">x</a><a href="https://shop.test/all">y</a>'


async def test_a_link_that_was_written_for_a_viewer_goes_with_him(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments, bus: TestBus
) -> None:
    people.traits = {1: {"name": "Ann"}, 2: {"name": "Bob"}, 3: {"name": "Bob"}}
    running = await campaign()
    await begin(running, manual({"list": ["1", "2", "3"]}, content={"html": PERSONAL}))
    await eventually(lambda: finished(running))
    mine = {one["profile_id"]: one["id"] for one in await messages(running, "back")}
    gateway = await bus.connection("gateway")

    async def links() -> dict[tuple[str, int | None], int]:
        async with running.db.transaction() as session:
            rows = await session.execute(text("SELECT url, message_id, id FROM links"))
            return {(row.url, row.message_id): row.id for row in rows}

    async def click(message: int, link: int) -> FollowAnswered:
        asked = FollowAsked(kind="click", message_id=message, link_id=link, user_agent=CHROME)
        with clock.at(datetime.now(UTC) + timedelta(minutes=1)):
            return await gateway.ask(asked, FollowAnswered)

    before = await links()
    names = {id: url for (url, id) in before if id is not None}
    assert names == {
        mine[1]: "https://shop.test/?name=Ann",
        mine[2]: "https://shop.test/?name=Bob",
        mine[3]: "https://shop.test/?name=Bob",
    }
    assert ("https://shop.test/all", None) in before
    his = before["https://shop.test/?name=Ann", mine[1]]
    assert (await click(mine[1], his)).target == "https://shop.test/?name=Ann"
    assert not (await click(mine[2], his)).known, "another's link says nothing"
    await running.tell(ProfileErased(erasure_id=1, profile_id=1, origins=["user_id:u1"]))

    async def gone() -> None:
        assert "Ann" not in str(await links())

    await eventually(gone)
    assert not (await click(mine[1], his)).known
    assert len(await links()) == 3
    report = (await running.client.get(f"{PATH}/report")).json()
    assert {one["url"] for one in report["links"]} == {"https://shop.test/?name=Bob", "https://shop.test/all"}
    assert report["funnel"]["clicked"] == 1, "that somebody clicked stays counted"
