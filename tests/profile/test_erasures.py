"""Erasure in profile: everything of a viewer goes, nobody else's does, and he does not come back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from deploy.local import databases
from deploy.local.temporary import PASSWORD
from services.profile.actions import erasures, import_lines
from services.profile.actions.profiles import UnknownProfile
from services.profile.app import SERVICE
from services.profile.schemas.erasures import NewErasure
from services.profile.store import imports
from shared import audit, erasure, outbox, vacuum
from shared.contracts import EventRecorded, Fact, PersonAsked, ProfileErased
from shared.database import Database
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.profile.samples import NOON, call
from tests.profile.test_privacy_sealing import everything

Take = Callable[..., Awaitable[list[Fact]]]


async def erase(db: Database, ref: str) -> tuple[Any, list[Fact]]:
    async with db.transaction() as session:
        made = await erasures.request(session, NewErasure(ref=ref), by="tool")
        return made, [fact for fact, _ in outbox.effects(session).told]


def full(user: str) -> list[Any]:
    """All that a viewer may leave."""
    return [
        call(
            "identify",
            user_id=user,
            anonymous_id=f"phone-{user}",
            traits={"email": f"{user}@example.com", "name": f"name of {user}", "consent": {"sms": True}},
            context={"campaign": {"source": f"friends of {user}"}},
        ),
        call(user_id=user, event="Content Commented", properties={"text": f"words of {user}", "content_id": user}),
        call(user_id=user, event="Order Completed", properties={"revenue": 5, "currency": "CNY", "note": f"by {user}"}),
        call("alias", user_id=user, previous_id=f"older-{user}"),
    ]


async def test_nothing_of_him_stays_and_all_of_the_others(take: Take, db: Database) -> None:
    await take(*full("canary"), *full("other"))
    made, told = await erase(db, "user_id:canary")
    assert made.receipts["profile"]["rows"]["identities"] >= 3
    assert made.receipts["profile"]["rows"]["events"] == 4
    assert {type(fact) for fact in told} == {ProfileErased}
    async with db.transaction() as session:
        await session.execute(text("TRUNCATE outbox"))
        kept = (await session.execute(text("SELECT origins FROM erasures"))).scalar_one()
        # Until all is done the ids stand in the erasure itself, for the other services.
        assert "user_id:canary" in kept["origins"]
        await session.execute(text("UPDATE erasures SET origins = '{}'"))
        for table in ("identities", "events", "data_keys", "consents", "touches"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}"))
    left = await everything(db)
    assert "canary" not in left
    assert "user_id:other" in left


async def test_files_that_wait_lose_his_lines_and_nobody_elses(take: Take, db: Database) -> None:
    await take(*full("canary"), *full("other"))
    columns = ["user id", "E-Mail", "city", "canary count"]
    lines = [
        ["canary", "", "canarytown", "1"],
        ["new", "canary@example.com", "canarytown", "2"],
        ["other", "other@example.com", "canary", "3"],
        ["third", "", "canary", "4"],
    ]
    mapping = {"user id": {"id": "user_id"}, "E-Mail": {"id": "email"}}
    async with db.transaction() as session:
        values = {"format": "csv", "lines": 4, "state": "checked", "counts": {}, "by": "tool", "created_at": NOON}
        number = await imports.create(session, name="f.csv", columns=columns, mapping=mapping, **values)
        seal = await import_lines.sealer(session)
        await imports.add_lines(session, number, 2, seal(number, lines[:2]))
        await imports.add_lines(session, number, 4, seal(number, lines[2:]))
        await imports.add_errors(session, number, [(3, "E-Mail", "canary is odd"), (5, "city", "stays")])
    made, _ = await erase(db, "user_id:canary")
    assert made.receipts["profile"]["rows"]["import_lines"] == 2
    async with db.transaction() as session:
        open_ = await import_lines.opener(session)
        assert open_(number, (await imports.lines(session, number, after=0) or (0, ""))[1]) == [[""], [""]]
        assert open_(number, (await imports.lines(session, number, after=2) or (0, ""))[1]) == lines[2:]
        assert [row.line for row in await imports.errors(session, number, after=0, limit=9)] == [5]


async def _raw(db: Database, words: list[bytes]) -> set[bytes]:
    """Which of these words stand in the files of this database, after a checkpoint."""
    port, name = make_url(db.url).port, make_url(db.url).database
    admin = await databases.connect(password=PASSWORD, port=int(port or 0))
    try:
        await admin.execute("CHECKPOINT")
        query = "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = $1"
        folder = await admin.fetchval(query, name)
    finally:
        await admin.close()
    return await asyncio.to_thread(_in_files, folder, words)


def _in_files(folder: str, words: list[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for path in Path(folder).iterdir():
        content = path.read_bytes()
        found |= {word for word in words if word in content}
    return found


async def test_what_was_sealed_is_in_no_file_and_dead_rows_are_given_back(take: Take, db: Database) -> None:
    await take(*full("canary"), *full("other"))
    words = [b"words of canary", b"canary@example.com", b"name of canary"]
    assert await _raw(db, words) == {b"name of canary"}
    await erase(db, "user_id:canary")
    while await vacuum.step(db):
        pass
    # VACUUM overwrites nothing: what was never sealed stays in the file until its space is used again.
    assert await _raw(db, words) <= {b"name of canary"}

    async def given_back() -> None:
        async with db.transaction() as session:
            query = text("SELECT relname FROM pg_stat_user_tables WHERE vacuum_count > 0")
            assert {"identities", "data_keys", "events_2026_05"} <= set(await session.scalars(query))

    await eventually(given_back)


async def test_later_events_of_him_are_dropped_and_counted(take: Take, db: Database) -> None:
    await take(*full("u1"), call(user_id="u2", anonymous_id="tablet"))
    made, _ = await erase(db, "user_id:u1")
    assert await take(call(user_id="u1"), call(anonymous_id="phone-u1"), call("identify", user_id="u1")) == []
    async with db.transaction() as session:
        assert (await erasures.shown(session, made.id)).dropped == 3
    with pytest.raises(UnknownProfile):
        await erase(db, "user_id:u1")
    # Who takes over his device is another viewer, and not to be dropped.
    told = await take(call(user_id="u3", anonymous_id="phone-u1"))
    assert [fact.origin for fact in told if isinstance(fact, EventRecorded)] == ["user_id:u3"]
    with pytest.raises(UnknownProfile):
        await erase(db, "anonymous_id:phone-u1")
    assert any(isinstance(fact, EventRecorded) for fact in await take(call(user_id="u2")))


async def test_a_suppression_can_be_lifted_by_an_admin_with_a_reason(open_house: Callable[..., Opening]) -> None:
    running = await open_house(SERVICE)
    await running.tell(*full("u1"))

    async def known(ref: str) -> int:
        answer = await running.client.get(f"/v1/profiles/{ref}")
        assert answer.status_code == 200
        return int(answer.json()["profile_id"])

    # the last of his calls: an erasure meets what is recorded
    before = await eventually(lambda: known("anonymous_id:older-u1"))
    made = (await running.client.post("/v1/privacy/erasures", json={"ref": "user_id:u1"})).json()
    url = "/v1/privacy/erasures/lift"
    wanted = {"ref": "email:U1@example.com", "reason": "his address is his sister's now"}
    assert (await running.client.post(url, json=wanted, headers=running.headers("operator"))).status_code == 403
    for nonsense in ({"reason": "x"}, {"ref": "user_id:u1"}, {"ref": "a:b", "erasure_id": 1, "reason": "x"}):
        assert (await running.client.post(url, json=nonsense)).status_code == 422
    answer = await running.client.post(url, json=wanted)
    assert answer.headers[audit.HEADER] == f"suppressions.lift erasure:{made['id']}"
    assert [(one["ids"], one["reason"]) for one in answer.json()["lifted"]] == [(1, wanted["reason"])]
    assert (await running.client.post(url, json=wanted)).status_code == 404
    rest = await running.client.post(url, json={"erasure_id": made["id"], "reason": "he is back"})
    assert [one["ids"] for one in rest.json()["lifted"]] == [1, 3]
    await running.tell(call(user_id="u1"))
    assert await eventually(lambda: known("user_id:u1")) > before


async def test_pages_of_many_events_hold_each_once(take: Take, db: Database) -> None:
    """Events of one instant, in two months and of two ids: a page goes on after the last one and reads none twice."""
    await take(call(user_id="u1"), call(user_id="u2"), call(user_id="u1", after=-86_400 * 30))
    number = int(os.environ.get("MARQUEE_PERSON_EVENTS", "900"))
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO events (time, profile_id, message_id, origin, type, event, received_at, source,"
                " properties, context) SELECT time, profile_id, 'x' || n || message_id, origin, type, event,"
                " received_at, source, properties, context FROM events, generate_series(1, :n) AS n"
            ),
            {"n": number // 3},
        )
    seen: list[str] = []
    after: str | None = None
    began, pages = time.perf_counter(), 0
    async with db.transaction() as session:
        while after is not None or not pages:
            asked = PersonAsked(profile_ids=[1, 2], origins=["user_id:u1", "user_id:u2"], after=after)
            page = await erasure.page(session, erasures.KEEPS, asked)
            seen += [row["message_id"] for row in page.rows if page.table == "events"]
            after, pages = page.next, pages + 1
    assert len(seen) == len(set(seen)) == number + 3
    assert time.perf_counter() - began < pages * 0.2, f"{pages} pages"


async def test_everything_about_one_person_can_be_paged(take: Take, db: Database) -> None:
    await take(*full("u1"), *full("u2"))
    rows: dict[str, list[dict[str, Any]]] = {}
    after: str | None = None
    async with db.transaction() as session:
        for _ in range(100):
            page = await erasure.page(
                session, erasures.KEEPS, PersonAsked(profile_ids=[1], origins=["user_id:u1"], after=after)
            )
            rows.setdefault(page.table, []).extend(page.rows)
            after = page.next
            if after is None:
                break
    assert after is None
    assert len(rows["events"]) == 4
    assert {row["profile_id"] for row in rows["identities"]} == {1}
