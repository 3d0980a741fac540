"""Anything may be killed at any moment: nothing that was acknowledged is lost, nothing is doubled, order is kept."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import uuid
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pandas as pd

from services.profile.rules import aggregates
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.conftest import Mailbox
from tests.stories.test_path import ok
from tests.tools.platform import FOLDER, LOG, counts, needs_data

ROWS = int(os.environ.get("MARQUEE_KILL_ROWS", "20000"))
"""Rows of the log that are imported; all 94,784 with MARQUEE_KILL_ROWS=94784."""

VICTIMS = ("profile", "segment", "nats", "campaign", "postgres", "recommend", "gateway", "parent")


class Fans:
    """A front-end that keeps its own journal: each fan likes once, sent again with the same id until acknowledged."""

    def __init__(self, town: Suite) -> None:
        self.town = town
        self.acknowledged: list[str] = []
        self.stopped = False

    async def run(self) -> None:
        """One fan after the other until stopped."""
        async with self.town.client(key="write_key") as client:
            number = 0
            while not self.stopped:
                number += 1
                user = f"fan-{number}"
                traits = {"email": f"{user}@example.com"}
                await self._until_taken(client, "/v1/identify", {"userId": user, "traits": traits})
                like = {"userId": user, "event": "Content Liked", "properties": {"tags": ["fandom"]}}
                await self._until_taken(client, "/v1/track", like)
                self.acknowledged.append(user)
                await asyncio.sleep(0.05)

    async def _until_taken(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
        message = {**body, "messageId": uuid.uuid4().hex}
        taken = False
        while not taken:
            try:
                answer = await client.post(path, json=message)
                assert answer.status_code in (200, 429, 502, 503), answer.text
                taken = answer.status_code == 200
            except httpx.TransportError:
                pass  # the gateway was killed: nobody has promised anything, so it is sent again
            if not taken:
                await asyncio.sleep(0.1)


def begin_import(town: Suite, journal: Path) -> subprocess.Popen[bytes]:
    """The import as a process of its own."""
    arguments = ("import", "kuairand", str(FOLDER), "--limit", str(ROWS), "--journal", str(journal))
    with (town.data.parent / "import.log").open("ab") as output:
        return subprocess.Popen(
            town.command(*arguments), cwd=town.home, env=town.environment(), stdout=output, stderr=subprocess.STDOUT
        )


@needs_data
async def test_kill_each_in_turn(town: Suite, mailbox: Mailbox, tmp_path: Path) -> None:
    """kill -9 of the five services, the bus, the database and the parent while a log is imported and fans like."""
    async with town.client() as operator:
        rule = {"did": "Content Liked", "within": "3d"}
        await ok(operator.post("/v1/segments", json={"key": "fans", "name": "Fans", "rule": rule}))
        content = {"subject": "Hello", "body": "Thank you."}
        body = {"name": "Hello", "trigger": {"segment_entered": "fans"}, "channel": "email", "content": content}
        await ok(operator.put("/v1/campaigns/hello", json=body))
        await ok(operator.post("/v1/campaigns/hello/start"))
        await ok(operator.put("/v1/tags/fandom", json={"name": "Fandom", "kind": "interest"}))
        await ok(operator.post("/v1/tags/fandom/adopt", json={"force": True}))
    journal = tmp_path / "journal.jsonl"
    fans = Fans(town)
    liking = asyncio.create_task(fans.run())
    importing = begin_import(town, journal)
    killed = []
    for victim in VICTIMS:
        before = len(fans.acknowledged)
        await asyncio.sleep(1.0)
        killed.append((victim, importing.poll() is None))
        town.kill(victim)
        if victim == "parent":
            await asyncio.to_thread(town.start)
        # Each is back before the next goes: someone was served again.
        await eventually(lambda before=before: len(fans.acknowledged) > before + 2, timeout=60)  # type: ignore[misc]
    assert await asyncio.to_thread(importing.wait, 400) == 0, (town.data.parent / "import.log").read_text()[-3000:]
    fans.stopped = True
    await liking
    assert all(during for _, during in killed), f"the import ended before all were killed: {killed}"

    promised = [json.loads(line) for line in journal.read_text().splitlines()]
    tracked = [one for one in promised if one["event"] is not None]
    await check_timeline(town, tracked, fans.acknowledged)
    await check_letters(town, mailbox, fans.acknowledged)


async def check_timeline(town: Suite, tracked: list[dict[str, Any]], fans: list[str]) -> None:
    """The journal of what was acknowledged, profile's timeline, segment's copy and pandas agree exactly."""
    log = pd.read_csv(FOLDER / LOG, nrows=ROWS)
    expected = counts(log)
    assert Counter(one["event"] for one in tracked) == expected
    assert len({one["message_id"] for one in tracked}) == len(tracked)

    profile = await asyncpg.connect(town.database_url("profile"))
    segment = await asyncpg.connect(town.database_url("segment"))
    try:

        async def settled() -> None:
            names = (
                "SELECT event, count(*) AS n FROM events"
                " WHERE event IS NOT NULL AND origin NOT LIKE 'user_id:fan-%' GROUP BY event"
            )
            recorded = {row["event"]: row["n"] for row in await profile.fetch(names)}
            copied = {row["event"]: row["n"] for row in await segment.fetch(names)}
            assert recorded == expected
            assert copied == expected

        await eventually(settled, timeout=120)
        rows = await profile.fetch("SELECT message_id, origin, time FROM events WHERE event IS NOT NULL ORDER BY id")
        ids = [row["message_id"] for row in rows]
        assert len(set(ids)) == len(ids)
        assert {one["message_id"] for one in tracked} <= set(ids)
        assert len(ids) == len(tracked) + len(fans)

        # In order per viewer: recorded in the order in which the client had its events acknowledged.
        sent: dict[str, list[str]] = defaultdict(list)
        for one in tracked:
            sent[f"user_id:{one['user']}"].append(one["message_id"])
        kept: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if not row["origin"].startswith("user_id:fan-"):
                kept[row["origin"]].append(row["message_id"])
        assert kept == sent

        # Both timelines of a viewer are one.
        ours = "SELECT profile_id, event, time FROM events WHERE event IS NOT NULL ORDER BY profile_id, time, event"
        assert [tuple(row) for row in await profile.fetch(ours)] == [tuple(row) for row in await segment.fetch(ours)]
        # The sums that portraits are served from, kept batch by batch, are those of the timeline.
        kept_sums = await profile.fetch("SELECT origin, month, data FROM aggregates")
        sums = {(row["origin"], row["month"]): counted(aggregates.read(row["data"])) for row in kept_sums}
        assert sums == await recomputed(profile)

        # So are the tags that interests give: every fan, and nobody else, cares for what fans do.
        async def tagged() -> None:
            held = await profile.fetch("SELECT origin, weight FROM tagged WHERE key = 'fandom'")
            assert {row["origin"]: row["weight"] for row in held} == {f"user_id:{fan}": 1.0 for fan in fans}

        await eventually(tagged, timeout=240)
        for name, connection in (("profile", profile), ("segment", segment)):
            assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 0, name
    finally:
        await profile.close()
        await segment.close()


def counted(month: aggregates.Month) -> dict[str, Any]:
    """Sums but for the kinds of items, which depend on when profile heard of an item."""
    return {name: getattr(month, name) for name in month.__struct_fields__ if name != "kinds"}


async def recomputed(profile: asyncpg.Connection[Any]) -> dict[tuple[str, int], dict[str, Any]]:
    """The sums by origin and month, from the rows of the timeline alone."""
    terms = aggregates.Terms("+08:00", 14 * 86_400)
    months: dict[tuple[str, int], aggregates.Month] = defaultdict(aggregates.Month)
    names = "origin, event, time, source, properties, context"
    for row in await profile.fetch(f"SELECT {names} FROM events WHERE event IS NOT NULL"):
        properties, context = json.loads(row["properties"]), json.loads(row["context"])
        happened = aggregates.Happened(row["event"], row["time"], row["source"], properties, context, None)
        number = aggregates.number(row["time"])
        aggregates.add(months[row["origin"], number], number, happened, terms)
    return {key: counted(month) for key, month in months.items()}


async def check_letters(town: Suite, mailbox: Mailbox, fans: list[str]) -> None:
    """Every fan has one row; whoever's row says accepted has one letter; unsure ones are listed, none is doubled."""
    campaign = await asyncpg.connect(town.database_url("campaign"))
    try:

        async def settled() -> None:
            rows = await campaign.fetch("SELECT state, count(*) AS n FROM messages GROUP BY state")
            assert sum(row["n"] for row in rows) == len(fans), rows
            assert {row["state"] for row in rows} <= {"accepted", "unknown"}, rows

        await eventually(settled, timeout=90)
        accepted = await campaign.fetchval("SELECT count(*) FROM messages WHERE state = 'accepted'")
    finally:
        await campaign.close()
    letters = Counter(str(letter["To"]) for letter in mailbox.letters)
    assert set(letters) <= {f"{user}@example.com" for user in fans}
    assert max(letters.values()) == 1
    assert accepted <= len(letters) <= len(fans)
