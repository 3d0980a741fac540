"""From a fact on the bus, or a change at the HTTP door, to the decision that follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from services.recommend import memory, store
from services.recommend.actions import decisions as taken
from services.recommend.actions import viewers
from services.recommend.app import SERVICE
from services.recommend.listeners import LISTENERS
from shared import tokens
from shared.catchup import CatchUp
from shared.contracts import DecideAsked
from tests.harness.databases import Databases
from tests.harness.houses import Opening, Running
from tests.recommend.acts import banner, link_and_enter
from tests.recommend.conftest import Decide
from tests.recommend.words import linked, moved, packed

Eventually = Callable[..., Awaitable[Any]]


async def test_who_enters_a_segment_sees_its_banner_and_who_leaves_no_longer(
    home: Running, decide: Decide, eventually: Eventually
) -> None:
    async def sees(key: str, reason: str, **who: str) -> None:
        (decision,) = await decide("home", **who)
        assert decision.creative
        assert (decision.creative.key, decision.reason) == (key, reason)

    await sees("for-all", "everyone", user_id="u1")
    await home.tell(linked(1, "user_id", "u1"), linked(1, "anonymous_id", "a1"), linked(2, "user_id", "u2"))
    await home.tell(moved("likers", entered=(1,)))
    await eventually(lambda: sees("for-likers", "segment:likers", user_id="u1"))
    await sees("for-likers", "segment:likers", anonymous_id="a1")
    await sees("for-all", "everyone", user_id="u2")
    await home.tell(moved("likers", left=(1,), cause="time"))
    await eventually(lambda: sees("for-all", "everyone", user_id="u1"))
    await eventually(lambda: sees("for-all", "everyone", anonymous_id="a1"))
    await home.tell(packed("likers", entered=(1, 33)))
    await eventually(lambda: sees("for-likers", "segment:likers", user_id="u1"))
    await home.tell(packed("likers", left=(1,)))
    await eventually(lambda: sees("for-all", "everyone", user_id="u1"))


async def test_the_links_carry_the_decision(home: Running, decide: Decide) -> None:
    await banner(home, "for-all", link_url="https://example.com/all")
    (decision,) = await decide("home", user_id="u9", anonymous_id="a9")
    assert decision.creative
    assert decision.creative.content == {"title": "for-all", "link_url": "https://example.com/all"}
    assert decision.click_url == f"http://marquee.test/t/c/{decision.token}"
    assert decision.impression_url == f"http://marquee.test/t/i/{decision.token}"
    assert decision.token
    told = tokens.read(home.house.settings.key("track"), decision.token)
    assert UUID(told.pop("d")).version == 7
    assert told == {
        "k": "banner",
        "p": "home",
        "c": "for-all",
        "pr": 1.0,
        "u": "u9",
        "a": "a9",
        "to": "https://example.com/all",
    }


async def test_a_creative_without_a_link_has_nothing_to_click(home: Running, decide: Decide) -> None:
    (decision,) = await decide("home", user_id="u9")
    assert decision.click_url is None
    assert decision.impression_url


async def test_nothing_to_show_says_why(running: Running, decide: Decide) -> None:
    await running.client.put("/v1/placements/home", json={"name": "Home"})
    await banner(running, "for-likers", audience="likers")
    no_match, unknown = await decide("home", "nowhere", user_id="u1")
    assert (no_match.creative, no_match.reason, no_match.token) == (None, "no_match", None)
    assert (unknown.creative, unknown.reason, unknown.placement) == (None, "unknown_placement", "nowhere")


async def test_several_slots_give_several_decisions(home: Running, decide: Decide) -> None:
    await home.client.put("/v1/placements/home", json={"name": "Home", "slots": 3})
    await banner(home, "also-for-all", priority=5)
    found = await decide("home", "home", anonymous_id="a1")
    assert [one.creative.key for one in found if one.creative] == ["also-for-all", "for-all"] * 2
    assert len({one.token for one in found}) == 2


async def test_an_anonymous_id_of_somebody_else_does_not_speak_for_a_user(
    home: Running, decide: Decide, eventually: Eventually
) -> None:
    await home.tell(linked(1, "anonymous_id", "a1"), moved("likers", entered=(1,)))

    async def reason(**who: str) -> str:
        return (await decide("home", **who))[0].reason

    async def until(expected: str, **who: str) -> None:
        async def check() -> None:
            assert await reason(**who) == expected

        await eventually(check)

    # A profile without a user: whoever signs in on this device is taken for its owner until profile says otherwise.
    await until("segment:likers", anonymous_id="a1")
    assert await reason(user_id="new", anonymous_id="a1") == "segment:likers"
    await home.tell(linked(1, "user_id", "u1"))
    await until("everyone", user_id="new", anonymous_id="a1")
    assert await reason(user_id="u1", anonymous_id="a1") == "segment:likers"
    assert await reason(anonymous_id="a1") == "segment:likers"
    # The user wins over the device.
    await home.tell(linked(2, "user_id", "u2"))
    await until("everyone", user_id="u2", anonymous_id="a1")


async def test_a_decision_reads_the_database_once_per_visitor(home: Running, decide: Decide) -> None:
    statements: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "JOIN identities" in statement:
            statements.append(statement)

    event.listen(home.db.engine.sync_engine, "before_cursor_execute", count)
    for _ in range(5):
        await decide("home", "home", "nowhere", user_id="u1")
    assert len(statements) == 1


async def test_a_change_that_commits_during_a_read_is_not_forgotten(home: Running) -> None:
    """The read has seen the old state, the change is announced, and only then would the read be remembered."""
    await link_and_enter(home.db)
    held = memory.held(home.house)
    async with home.db.transaction() as session:
        (row,) = await store.viewers.views(session, [("user_id", "u1")])
    with held.viewers.reading() as loading:
        async with home.db.transaction() as session:
            await viewers.move(session, [moved("likers", left=(1,))])
        stale = memory.viewers.Viewer(row.profile_id, row.named, frozenset(row.segments))
        assert stale.segments == {"likers"}
        held.viewers.keep(loading, "user_id:u1", stale)
    assert (await viewers.find(home.house, user_id="u1", anonymous_id=None)).segments == frozenset()


async def test_a_change_that_does_not_commit_changes_no_decision(home: Running) -> None:
    await link_and_enter(home.db)
    before = await viewers.find(home.house, user_id="u1", anonymous_id=None)

    async def undone() -> None:
        async with home.db.transaction() as session:
            await viewers.move(session, [moved("likers", left=(1,))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert memory.held(home.house).viewers.get("user_id:u1") is before
    assert before.segments == {"likers"}


async def test_facts_come_again_and_in_bulk(running: Running) -> None:
    """Entered and left in one batch: the last word counts; a snapshot page may repeat what is known."""
    many = tuple(range(16, 16 * 3000, 16))
    for _ in range(2):
        async with running.db.transaction() as session:
            await viewers.link(
                session, [linked(1, "user_id", "u1"), linked(16, "user_id", "u1"), linked(3, "email", "x")]
            )
            await viewers.move(
                session,
                [moved("likers", entered=many, cause="fill"), moved("likers", left=(16,)), moved("vip", entered=(16,))],
            )
    async with running.db.transaction() as session:
        (row,) = await store.viewers.views(session, [("user_id", "u1"), ("user_id", "nobody")])
    assert (row.profile_id, row.segments) == (16, ["vip"])


async def test_a_newcomer_knows_who_was_there_before(
    open_house: Callable[..., Opening], decide: Decide, eventually: Eventually
) -> None:
    running = await open_house(
        SERVICE,
        present=[linked(1, "user_id", "u1"), linked(2, "user_id", "u2"), moved("likers", entered=(1,), cause="fill")],
    )
    await running.client.put("/v1/placements/home", json={"name": "Home"})
    await banner(running, "for-likers", audience="likers")

    async def ready() -> bool:
        return await running.house.unready() == ""

    await eventually(ready)
    assert [(await decide("home", user_id=who))[0].reason for who in ("u1", "u2")] == ["segment:likers", "no_match"]


async def test_who_left_unheard_does_not_stay(home: Running, decide: Decide) -> None:
    """Facts were missed: segment's snapshot comes again, and it names members only."""
    await home.house.loops.stop()
    await link_and_enter(home.db)
    async with home.db.transaction() as session:
        await viewers.link(session, [linked(2, "user_id", "u2")])
    assert [(await decide("home", user_id=who))[0].reason for who in ("u1", "u2")] == ["segment:likers", "everyone"]
    await home.bus.play((), [moved("likers", entered=(2,), cause="fill")])
    behind = CatchUp(home.db, home.house.bus, LISTENERS)
    await behind.again("segment")
    assert await behind.step()
    assert not await behind.step()
    assert [(await decide("home", user_id=who))[0].reason for who in ("u1", "u2")] == ["everyone", "segment:likers"]


async def test_two_replicas_hear_of_each_others_changes(
    open_house: Callable[..., Opening], databases: Databases, eventually: Eventually
) -> None:
    """Each partition is read by one replica and each HTTP call reaches one, yet both decide by the same truth."""
    url = await databases.clone("recommend")
    one = await open_house(SERVICE, database_url=url)
    two = await open_house(SERVICE, database_url=url)

    async def reasons(**who: str) -> list[str]:
        asked = DecideAsked(placements=["home"], **who)  # type: ignore[arg-type]
        return [(await taken.decide(replica.house, asked)).decisions[0].reason for replica in (one, two)]

    async def until(*expected: str, **who: str) -> None:
        async def check() -> None:
            assert await reasons(**who) == list(expected)

        await eventually(check)

    assert await reasons(user_id="u1") == ["unknown_placement"] * 2
    await one.client.put("/v1/placements/home", json={"name": "Home"})
    await until("no_match", "no_match", user_id="u1")
    await banner(two, "for-likers", audience="likers")
    await one.tell(linked(1, "user_id", "u1"), moved("likers", entered=(1,)))
    await until("segment:likers", "segment:likers", user_id="u1")
    await one.tell(moved("likers", left=(1,)))
    await until("no_match", "no_match", user_id="u1")
    await two.client.delete("/v1/placements/home")
    await until("unknown_placement", "unknown_placement", user_id="u1")


async def test_placements_are_there_after_a_restart(
    open_house: Callable[..., Opening], databases: Databases, decide: Decide
) -> None:
    url = await databases.clone("recommend")
    async with open_house(SERVICE, database_url=url) as running:
        await running.client.put("/v1/placements/home", json={"name": "Home"})
        await banner(running, "for-all")
    await open_house(SERVICE, database_url=url)
    assert (await decide("home", user_id="u1"))[0].reason == "everyone"


async def test_a_crowd_is_read_together(home: Running, decide: Decide) -> None:
    """Whoever comes while a read is under way waits for the next one, which takes them all."""
    await link_and_enter(home.db)
    reads: list[int] = []

    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "JOIN identities" in statement:
            reads.append(1)

    event.listen(home.db.engine.sync_engine, "before_cursor_execute", count)
    found = await asyncio.gather(
        *(viewers.find(home.house, user_id=f"u{number % 50}", anonymous_id=None) for number in range(200))
    )
    assert len(reads) == 1
    assert [viewer.profile_id for viewer in found] == [1 if number % 50 == 1 else None for number in range(200)]


async def test_a_failed_read_fails_only_those_who_waited_for_it(home: Running) -> None:
    async with home.db.transaction() as session:
        await session.execute(text("ALTER TABLE identities RENAME TO away"))
    failed = await asyncio.gather(
        *(viewers.find(home.house, user_id=who, anonymous_id=None) for who in ("u1", "u2")), return_exceptions=True
    )
    assert [type(error) for error in failed] == [ProgrammingError] * 2
    async with home.db.transaction() as session:
        await session.execute(text("ALTER TABLE away RENAME TO identities"))
    await link_and_enter(home.db)
    assert (await viewers.find(home.house, user_id="u1", anonymous_id=None)).profile_id == 1


async def test_ids_that_no_database_can_hold_are_nobodys(home: Running, decide: Decide) -> None:
    (decision,) = await decide("home", user_id="u\x00", anonymous_id="a" * 5000)
    assert decision.reason == "everyone"
    assert (await decide("ho\x00me", user_id="u1"))[0].reason == "unknown_placement"
