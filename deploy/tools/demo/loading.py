"""Brings a story in through the public API: things, calls over ordered lanes, the campaign of the past, shelves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from deploy.tools.client import Client
from deploy.tools.demo import past, shelves
from deploy.tools.demo.dice import Ints
from deploy.tools.demo.ledger import STAGES, Ledger
from deploy.tools.demo.messages import Scribe
from deploy.tools.demo.story import AFTER, BEFORE, Story
from deploy.tools.settling import settled

LANES = 6
BATCH = 400
"""Calls in a batch (the gateway takes 500)."""
LISTED = 1000
"""Viewers in a call of a campaign's history."""
PARTS = {"before": BEFORE, "after": AFTER}

OnProgress = Callable[[str, int, int], None]
"""`on_progress(what, done, of)`; `of` is 0 where nobody knows."""
OnRefused = Callable[[str, str], None]
"""`on_refused(message_id, reason)`."""


async def load(told: Story, client: Client, ledger: Ledger, on_progress: OnProgress, on_refused: OnRefused) -> None:
    """Load what the ledger says is owed, stage after stage."""
    scribe = Scribe(told)

    def behind(messages: int, service: str) -> None:
        on_progress(f"{service} takes it in" if service else "taken in", -messages, 0)

    async def calls(part: str) -> None:
        await _calls(told, scribe, part, client, ledger, on_progress, on_refused)
        await settled(client, behind)

    for stage in STAGES[STAGES.index(ledger.stage) : -1]:
        ledger.enter(stage)
        if stage == "things":
            await shelves.plan(client)
            refused = await client.items([msgspec.json.encode(item) for item in told.offered.items])
            for one in refused:
                on_refused(told.offered.items[one.index]["id"], one.reason)
            ledger.refuse(len(refused))
        elif stage in PARTS:
            await calls(stage)
        elif stage == "campaign":
            await _recall(told, client)
        else:
            await shelves.fill(client, told)
    ledger.enter(STAGES[-1])


def lanes(told: Story, part: str) -> list[Ints]:
    """The rows of each lane in order, each as often as it is sent; all of one group are in one lane."""
    rows = np.repeat(np.arange(told.log.rows), told.times)
    rows = rows[told.part[rows] == PARTS[part]]
    lane = told.group[rows] % LANES
    return [rows[lane == number] for number in range(LANES)]


async def _calls(
    told: Story,
    scribe: Scribe,
    part: str,
    client: Client,
    ledger: Ledger,
    on_progress: OnProgress,
    on_refused: OnRefused,
) -> None:
    """Send what is owed of one part. A lane has one batch on its way, so a viewer's calls arrive in their order."""
    owed = lanes(told, part)
    total = sum(len(rows) for rows in owed)

    async def drive(lane: int) -> None:
        rows = owed[lane]
        for begin in range(ledger.sent(part)[lane], len(rows), BATCH):
            some = rows[begin : begin + BATCH]
            refused = await client.batch(scribe.written(some))
            for one in refused:
                on_refused(scribe.message_id(int(some[one.index])), one.reason)
            ledger.refuse(len(refused))
            ledger.record(part, lane, begin + len(some))
            on_progress(f"events {part} the campaign", sum(ledger.sent(part)), total)

    try:
        async with asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(drive(lane))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    finally:
        ledger.write()


async def _recall(told: Story, client: Client) -> None:
    """The campaign of the past with its recipients and its hold-out. What it brought is counted from later events."""
    await client.call(
        "PUT",
        f"/v1/campaigns/{past.KEY}",
        {
            "name": "会员节 · Membership festival",
            "trigger": {"manual": {"segment": "reachable-by-email"}},
            "channel": "email",
            "content": {
                "subject": "{{ profile.traits.name }},会员节开始了 · The membership festival is on",
                "body": "{{ profile.traits.name }},你好!\n\n本周开通会员立减:https://example.com/members\n",
            },
            "holdout": past.HELD_OUT,
            "conversion": {
                "event": "Order Completed",
                "where": [{"property": "product_kind", "eq": "membership"}],
                "within": f"{past.DAYS}d",
                "value": "revenue",
            },
        },
    )
    messages = recipients(told)
    for begin in range(0, len(messages), LISTED):
        await client.call("POST", f"/v1/campaigns/{past.KEY}/history", {"messages": messages[begin : begin + LISTED]})


def recipients(told: Story) -> list[dict[str, Any]]:
    """What became of each message of the past."""
    once = told.past
    found = []
    for row, viewer in enumerate(once.viewer.tolist()):
        state = "held" if once.held[row] else "accepted" if once.delivered[row] else "failed"
        its: dict[str, Any] = {"ref": f"user_id:{told.names.users[viewer]}", "state": state, "at": _time(once.at)}
        for name, at in (("opened_at", int(once.opened[row])), ("clicked_at", int(once.clicked[row]))):
            if at:
                its[name] = _time(at)
        found.append(its)
    return found


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()
