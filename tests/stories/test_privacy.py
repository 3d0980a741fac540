"""Privacy through all services: who asks to be forgotten is gone from every database, stream and file."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx
import nats
import pytest

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.conftest import Mailbox

SERVICES = ("profile", "segment", "campaign", "recommend", "gateway")
CANARIES = ("canaryuser", "canaryphone", "canarymail", "canaryname", "canarycomment", "canarynote", "canarysource")


async def ok(call: Any) -> Any:
    """The body of an answer that must be a success."""
    answer: httpx.Response = await call
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def rows_with(town: Suite, word: str) -> dict[str, list[str]]:
    """Rows of all databases that hold this word, by service and table."""
    found: dict[str, list[str]] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(town.database_url(service))
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in tables:
                binary = await connection.fetch(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND data_type = 'bytea'",
                    table,
                )
                texts = ["t::text", *(f"encode(t.\"{name}\", 'escape')" for (name,) in binary)]
                where = " OR ".join(f"position($1 in coalesce({one}, '')) > 0" for one in texts)
                for (row,) in await connection.fetch(f'SELECT t::text FROM "{table}" AS t WHERE {where}', word):
                    found.setdefault(f"{service}.{table}", []).append(row[:300])
        finally:
            await connection.close()
    return found


async def messages_with(town: Suite, word: str) -> dict[str, int]:
    """Messages that hold this word, by stream."""
    client = await nats.connect(town.nats_url("gateway"), inbox_prefix=b"_INBOX_gateway")
    found: dict[str, int] = {}
    try:
        stream = client.jetstream()
        for name in ("INTAKE", "FACTS", "THINGS", "TRIGGERS"):
            state = (await stream.stream_info(name)).state
            for sequence in range(state.first_seq, state.last_seq + 1):
                try:
                    message = await stream.get_msg(name, sequence)
                except nats.js.errors.NotFoundError:
                    continue
                if word.encode() in (message.data or b""):
                    found[name] = found.get(name, 0) + 1
    finally:
        await client.close()
    return found


def files_with(town: Suite, word: str, *folders: str) -> list[str]:
    """Files under these folders of the installation whose raw bytes hold this word."""
    paths = [str(path) for folder in folders for path in town.data.glob(folder)]
    done = subprocess.run(["grep", "-rlaF", "--", word, *paths], capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.fixture(scope="module")
async def forgotten(town: Suite, mailbox: Mailbox) -> dict[str, Any]:
    """A viewer who did everything, and another who did the same; the first one was erased."""
    async with town.client() as operator, town.client(key="write_key") as front_end:
        rule = {"did": "Content Liked", "times": {"gte": 1}, "within": "3d"}
        await ok(operator.post("/v1/segments", json={"key": "likers", "name": "Likers", "rule": rule}))
        await ok(operator.put("/v1/placements/home-top", json={"name": "Home"}))
        creative = {"audience": {"segment": "likers"}, "priority": 1, "content": {"title": "t"}}
        await ok(operator.put("/v1/placements/home-top/creatives/fans", json=creative))
        for key, trigger in (("thanks", {"segment_entered": "likers"}), ("back", {"bus": "win_back"})):
            body = {
                "name": key,
                "trigger": trigger,
                "channel": "email",
                "content": {"subject": "Hi {{ profile.traits.name }}", "body": "Thank you."},
            }
            await ok(operator.put(f"/v1/campaigns/{key}", json=body))
            await ok(operator.post(f"/v1/campaigns/{key}/start"))
        for who in ("canary", "other"):
            traits = {
                "email": f"{who}mail@example.com",
                "phone": "13812345678" if who == "canary" else "13900001111",
                "name": f"{who}name",
                "consent": {"analytics": True},
            }
            context = {"campaign": {"source": f"{who}source", "medium": "share"}}
            ids = {"userId": f"{who}user", "anonymousId": f"{who}phone"}
            await ok(front_end.post("/v1/identify", json={**ids, "traits": traits, "context": context}))
            for event, properties in (
                ("Content Commented", {"text": f"{who}comment", "content_id": "7"}),
                ("Content Liked", {"content_id": "7", "note": f"{who}note"}),
            ):
                await ok(front_end.post("/v1/track", json={**ids, "event": event, "properties": properties}))
        external = await nats.connect(town.nats_url("external"), inbox_prefix=b"_INBOX_external")
        for who in ("canary", "other"):
            await external.jetstream().publish("triggers.win_back", f'{{"userId": "{who}user"}}'.encode())
        await external.close()
        for who in ("canary", "other"):
            await eventually(partial(_has_two, mailbox, f"{who}mail@example.com"), timeout=20)
            decided = {"userId": f"{who}user", "placements": ["home-top"]}

            async def shown(decided: dict[str, Any] = decided) -> bool:
                answer = await ok(front_end.post("/v1/decide", json=decided))
                return bool(answer["decisions"][0]["reason"] == "segment:likers")

            await eventually(shown)

        async def written_down() -> bool:
            return "recommend.decisions" in await rows_with(town, "canaryuser")

        await eventually(written_down)
        made: dict[str, Any] = await ok(
            operator.post(
                "/v1/privacy/erasures", json={"ref": "user_id:canaryuser"}, headers={"X-Marquee-Reason": "letter 7"}
            )
        )

        async def finished() -> bool:
            found = await ok(operator.get(f"/v1/privacy/erasures/{made['id']}"))
            made.update(found)
            return bool(found["state"] == "finished")

        await eventually(finished, timeout=40)
    return made


async def test_every_service_gives_a_receipt(forgotten: dict[str, Any], operator: httpx.AsyncClient) -> None:
    receipts = forgotten["receipts"]
    assert set(receipts) == {"profile", "segment", "campaign", "recommend"}
    assert receipts["segment"]["rows"]["events"] == 2
    assert receipts["segment"]["rows"]["blocks"] == 1
    assert receipts["campaign"]["rows"]["messages"] == 2
    assert receipts["recommend"]["rows"]["identities"] == 2
    assert receipts["recommend"]["rows"]["decisions"] >= 1
    assert forgotten["verification"]["left"] == {}
    assert not any(forgotten["verification"]["standing"].values())
    for line in (await ok(operator.get("/v1/audit", params={"action": "viewers.erase"})))["items"]:
        assert line["objects"] == [f"profile:{forgotten['profile_id']}", f"erasure:{forgotten['id']}"]
        assert line["reason"] == "letter 7"
    assert (await ok(operator.get("/v1/audit/verify")))["intact"]


@pytest.mark.parametrize("word", [*CANARIES, "13812345678"])
async def test_no_canary_is_left_in_any_database_or_stream(town: Suite, forgotten: dict[str, Any], word: str) -> None:
    assert await rows_with(town, word) == {}
    assert await messages_with(town, word) == {}


async def test_the_other_viewer_is_whole(town: Suite, forgotten: dict[str, Any], operator: httpx.AsyncClient) -> None:
    profile = await ok(operator.get("/v1/profiles/user_id:otheruser"))
    assert profile["traits"]["email"] == "othermail@example.com"
    members = await ok(operator.get("/v1/segments/likers/members"))
    assert [one["profile_id"] for one in members["items"]] == [profile["profile_id"]]
    segment = await ok(operator.get("/v1/segments/likers"))
    assert segment["size"] == 1
    assert "recommend.decisions" in await rows_with(town, "otheruser")
    answer = await operator.get("/v1/profiles/user_id:canaryuser")
    assert answer.status_code == 404


async def test_what_comes_later_of_him_is_dropped(
    forgotten: dict[str, Any], operator: httpx.AsyncClient, front_end: httpx.AsyncClient
) -> None:
    await ok(front_end.post("/v1/track", json={"userId": "canaryuser", "event": "Content Liked"}))

    async def dropped() -> bool:
        return bool((await ok(operator.get(f"/v1/privacy/erasures/{forgotten['id']}")))["dropped"] == 1)

    await eventually(dropped)
    assert (await operator.get("/v1/profiles/user_id:canaryuser")).status_code == 404


async def test_the_raw_files_of_the_bus_hold_nothing_of_him(town: Suite, forgotten: dict[str, Any]) -> None:
    for word in CANARIES[1:]:
        assert files_with(town, word, "nats*", "*nats*") == []


async def test_old_events_go_everywhere_and_who_was_in_by_them_leaves(
    operator: httpx.AsyncClient, front_end: httpx.AsyncClient
) -> None:
    ever = {"key": "gifts", "name": "Gave", "rule": {"did": "Gift Sent"}}
    await ok(operator.post("/v1/segments", json=ever))
    long_ago = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    for who, more in (("giver", {"timestamp": long_ago}), ("giver", {}), ("gone", {"timestamp": long_ago})):
        await ok(front_end.post("/v1/track", json={"userId": who, "event": "Gift Sent", **more}))

    async def members() -> int:
        return len((await ok(operator.get("/v1/segments/gifts/members")))["items"])

    async def has(number: int) -> bool:
        return await members() == number

    await eventually(partial(has, 2), timeout=20)
    await ok(operator.put("/v1/privacy/retentions/Gift Sent", json={"days": 30}))
    await eventually(partial(has, 1), timeout=30)

    async def timeline_is_empty() -> bool:
        return bool((await ok(operator.get("/v1/profiles/user_id:gone/events")))["items"] == [])

    await eventually(timeline_is_empty, timeout=20)
    assert len((await ok(operator.get("/v1/profiles/user_id:giver/events")))["items"]) == 1


async def test_an_address_is_no_id_at_the_door(front_end: httpx.AsyncClient) -> None:
    answer = await front_end.post("/v1/track", json={"userId": "bob@example.com", "event": "Content Liked"})
    assert (answer.status_code, answer.json()["code"]) == (400, "contact_as_id")


def _has_two(mailbox: Mailbox, address: str) -> bool:
    return len(mailbox.to(address)) == 2
