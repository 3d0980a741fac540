"""Brings a story in through the public API: things, calls over ordered lanes, shelves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import numpy as np

from deploy.tools.client import Client
from deploy.tools.demo import shelves
from deploy.tools.demo.dice import Ints
from deploy.tools.demo.ledger import STAGES, Ledger
from deploy.tools.demo.messages import Scribe
from deploy.tools.demo.story import AFTER, BEFORE, Story
from deploy.tools.settling import settled

LANES = 6
BATCH = 400
"""Calls in a batch (the gateway takes 500)."""
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
        elif stage in PARTS:
            await calls(stage)
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
            ledger.record(part, lane, begin + len(some), len(refused))
            on_progress(f"events {part} the campaign", sum(ledger.sent(part)), total)

    try:
        async with asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(drive(lane))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    finally:
        ledger.write()
