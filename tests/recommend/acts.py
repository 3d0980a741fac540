"""What tests do to a running recommend."""

from __future__ import annotations

from services.recommend.actions import viewers
from shared.database import Database
from tests.harness.houses import Running
from tests.recommend.words import linked, moved


async def banner(running: Running, key: str, *, audience: str | None = None, priority: int = 0, **content: str) -> None:
    """Put a creative on the placement `home`."""
    body = {
        "audience": {"segment": audience} if audience else None,
        "priority": priority,
        "content": {"title": key, **content},
    }
    answer = await running.client.put(f"/v1/placements/home/creatives/{key}", json=body)
    assert answer.status_code == 200, answer.text


async def link_and_enter(database: Database) -> None:
    """Profile 1 is u1 and likes."""
    async with database.transaction() as session:
        await viewers.link(session, [linked(1, "user_id", "u1")])
        await viewers.move(session, [moved("likers", entered=(1,))])
