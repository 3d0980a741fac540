"""The dead letters of a service over HTTP: to look at, and to play again once their cause is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts import EventReceived
from shared.house import Service
from shared.pages import encode
from shared.reader import On
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy
from tests.shared.toy import received

LETTERS = "/v1/services/profile/dead-letters"


class Toy:
    """A service with a mistake that can be mended while it runs."""

    def __init__(self) -> None:
        self.broken = True

    async def action(self, session: AsyncSession, items: list[EventReceived]) -> None:
        await toy.note(session, items)
        if self.broken and any(item.message_id.startswith("bad") for item in items):
            raise ValueError("a bug")

    def service(self) -> Service:
        return Service(name="profile", title="Toy", tables=MetaData(), listeners=(On(EventReceived, self.action),))


async def _running(database: Callable[[str], Any], open_house: Callable[..., Opening], made: Toy) -> Running:
    return await open_house(made.service(), database_url=await toy.add_table(await database("profile")))


async def _letters(running: Running, number: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await running.client.get(LETTERS)).json()["items"]
    assert len(items) == number
    return items


async def _noted(running: Running) -> list[str]:
    async with running.db.transaction() as session:
        return list((await session.scalars(text("SELECT what FROM noted ORDER BY id"))).all())


async def test_a_mended_letter_is_taken_in_once(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    made = Toy()
    running = await _running(database, open_house, made)
    await running.tell(received("bad"), received("good"))
    (letter,) = await eventually(lambda: _letters(running, 1))
    assert letter["kind"] == EventReceived.kind
    assert letter["error"] == "ValueError: a bug"
    assert letter["payload"][0]["message_id"] == "bad"
    assert letter["replayed_at"] is None
    where = f"{LETTERS}/{letter['id']}/replay"

    still = await running.client.post(where)
    assert still.status_code == 409
    assert still.json()["type"] == "/problems/still-fails"
    assert "a bug" in still.json()["detail"]
    assert await _noted(running) == ["good"]

    made.broken = False
    assert (await running.client.post(where, headers=running.headers("operator"))).status_code == 403
    done = await running.client.post(where)
    assert done.status_code == 200
    assert done.json()["replayed_at"]
    assert (await running.client.post(where)).json() == done.json()
    assert await _noted(running) == ["good", "bad"]


async def test_what_could_not_be_read_is_shown_and_cannot_be_played(
    database: Callable[[str], Any], open_house: Callable[..., Opening], bus: TestBus
) -> None:
    running = await _running(database, open_house, Toy())
    await bus.publish_raw("intake.1", b"\xffnot json", user="gateway")
    (letter,) = await eventually(lambda: _letters(running, 1))
    assert letter["payload"] == "\ufffdnot json"
    assert (await running.client.post(f"{LETTERS}/{letter['id']}/replay")).status_code == 409


async def test_letters_page_newest_first(database: Callable[[str], Any], open_house: Callable[..., Opening]) -> None:
    running = await _running(database, open_house, Toy())
    await running.tell(*(received(f"bad {number}") for number in range(5)))
    await eventually(lambda: _letters(running, 5))
    names: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        shown = (await running.client.get(LETTERS, params=asked)).json()
        names += [item["payload"][0]["message_id"] for item in shown["items"]]
        cursor = shown["next"]
    assert (names, cursor) == ([f"bad {number}" for number in reversed(range(5))], None)


@pytest.mark.parametrize(
    "cursor",
    ["x", "%%%", "é", "AAAA", encode({}), encode({"id": "1"}), encode({"id": 2**63}), encode({"id": True}),
     encode({"id": None}), encode({"id": [[[]]]}), "W" * 3000],
)  # fmt: skip
async def test_an_invented_cursor_is_refused(
    database: Callable[[str], Any], open_house: Callable[..., Opening], cursor: str
) -> None:
    running = await _running(database, open_house, Toy())
    answer = await running.client.get(LETTERS, params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("letter", "status"), [("1", 404), ("0", 422), ("-1", 422), ("9223372036854775808", 422), ("x", 422), ("%00", 422)]
)
async def test_ids_that_do_not_exist(
    database: Callable[[str], Any], open_house: Callable[..., Opening], letter: str, status: int
) -> None:
    running = await _running(database, open_house, Toy())
    for path in (f"{LETTERS}/{letter}/replay", f"/v1/services/profile/jobs/{letter}"):
        answer = await running.client.request("POST" if "replay" in path else "GET", path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
