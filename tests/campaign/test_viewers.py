"""Campaign's part of a viewer's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.contracts import MessagesAnswered, MessagesAsked
from tests.campaign.samples import entered, event, start
from tests.harness.eventually import eventually
from tests.harness.houses import Running


async def test_the_messages_of_a_viewer_newest_first(campaign: Callable[..., Awaitable[Running]]) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await start(running, "liked", {"event": "Content Liked"})
    await running.tell(entered(3), entered(4), event(3))

    async def asked(profile_id: int, limit: int = 20) -> list[tuple[str, str, str]]:
        question = MessagesAsked(profile_id=profile_id, limit=limit)
        answer = await running.house.bus.ask(question, MessagesAnswered)
        return [(one.campaign, one.channel, one.state) for one in answer.messages]

    async def planned() -> None:
        assert sorted(await asked(3)) == [("liked", "email", "planned"), ("welcome", "email", "planned")]
        assert await asked(4) == [("welcome", "email", "planned")]

    await eventually(planned)
    assert await asked(3, limit=1) == (await asked(3))[:1]
    assert await asked(5) == []
