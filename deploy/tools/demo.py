"""`./marquee demo`: loads a small simulated audience through the public API, with segments, banners and a campaign."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from rich.console import Console

from deploy.tools import audience
from deploy.tools.client import Client, Door, NoDoor, Refused, add_options, door

LANES = 4
BATCH = 400
SEGMENTS: tuple[dict[str, Any], ...] = (
    {
        "key": "anime-fans",
        "name": "Anime fans · 动漫迷",
        "rule": {
            "all": [
                {
                    "did": "Content Liked",
                    "where": [{"property": "category", "eq": "anime"}],
                    "times": {"gte": 2},
                    "within": "14d",
                }
            ]
        },
    },
    {
        "key": "silent-viewers",
        "name": "Silent for a week · 沉默一周",
        "rule": {
            "all": [
                {"did": "Content Shown", "times": {"gte": 1}, "within": "60d"},
                {"not": {"did": "Content Shown", "times": {"gte": 1}, "within": "7d"}},
            ]
        },
    },
)
PLACEMENT = "home-top"
CREATIVES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "anime-week",
        {
            "audience": {"segment": "anime-fans"},
            "priority": 20,
            "content": {"title": "动漫周:新番抢先看 · Anime week", "link_url": "https://example.com/anime"},
        },
    ),
    (
        "welcome-back",
        {
            "audience": {"segment": "silent-viewers"},
            "priority": 10,
            "content": {"title": "好久不见 · Good to see you again", "link_url": "https://example.com/back"},
        },
    ),
    (
        "for-everyone",
        {
            "audience": None,
            "priority": 0,
            "content": {"title": "今日热门 · Today's favourites", "link_url": "https://example.com/hot"},
        },
    ),
)
CAMPAIGN = "anime-welcome"
CAMPAIGN_BODY: dict[str, Any] = {
    "name": "Welcome, anime fan · 欢迎动漫迷",
    "trigger": {"segment_entered": "anime-fans"},
    "channel": "email",
    "content": {
        "subject": "{{ profile.traits.name }}, this week in anime",
        "body": "Hi {{ profile.traits.name }},\n\nnew episodes are waiting for you: https://example.com/anime\n",
    },
}


def main(argv: Sequence[str]) -> int:
    """0 when everything was taken, 1 when something was refused."""
    options = _parser().parse_args(argv)
    console = Console()
    try:
        there = door(options)
        refused = asyncio.run(_load(options, there, console))
    except (NoDoor, Refused) as wrong:
        console.print(str(wrong), markup=False, highlight=False)
        return 1
    console.print(_next_steps(there, options.seed), markup=False, highlight=False, soft_wrap=True)
    return 1 if refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="marquee demo", description=__doc__)
    parser.add_argument("--viewers", type=int, default=500, help="regular viewers (newcomers join every day)")
    parser.add_argument("--days", type=int, default=14, help="how many days back")
    parser.add_argument("--seed", type=int, default=7, help="another seed is another audience")
    parser.add_argument("--until", type=date.fromisoformat, help="the day after the last one (default: today, UTC)")
    add_options(parser)
    return parser


async def _load(options: argparse.Namespace, there: Door, console: Console) -> int:
    """Load everything, in the order a platform would grow; the number of refused messages."""
    until: date = options.until or datetime.now(UTC).date()
    started = time.monotonic()

    def waiting(reason: str | None) -> None:
        if reason:
            console.print(f"waiting: {reason}", markup=False, highlight=False)

    async with Client(there, on_wait=waiting) as client:
        items = [msgspec.json.encode(item) for item in audience.items(options.seed)]
        refused = len(await client.items(items))
        lanes: list[list[dict[str, Any]]] = [[] for _ in range(LANES)]
        for lane, messages in _told(options.seed, options.viewers, _days(until, options.days)):
            lanes[lane % LANES] += messages
        refused += sum(await asyncio.gather(*(_send(client, lane, console) for lane in lanes)))
        count = sum(len(lane) for lane in lanes)
        console.print(
            f"{len(items)} videos and {count:,} events of {options.days} days "
            f"in {time.monotonic() - started:.1f} s, {refused} refused",
            highlight=False,
        )
        await _shelves(client)
    return refused


def _days(until: date, days: int) -> list[date]:
    return [until - timedelta(days=back) for back in range(days, 0, -1)]


def _told(seed: int, count: int, days: list[date]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """(a number that stands for the viewer, what he says), viewer by viewer, in order of time."""
    regulars = audience.regulars(seed, count)
    newcomers = [viewer for day in days for viewer in audience.newcomers(seed, count, day)]
    for number, viewer in enumerate([*regulars, *newcomers]):
        here = [day for day in days if viewer.joined is None or day >= viewer.joined]
        first = [audience.identify(seed, viewer, audience.joined_at(seed, viewer))] if viewer.joined is None else []
        yield number, [*first, *(message for day in here for message in audience.messages(seed, viewer, day))]


async def _send(client: Client, messages: list[dict[str, Any]], console: Console) -> int:
    """Send one lane's messages batch after batch; the number refused."""
    refused = 0
    for begin in range(0, len(messages), BATCH):
        part = messages[begin : begin + BATCH]
        for refusal in await client.batch([msgspec.json.encode(message) for message in part]):
            refused += 1
            console.print(f"refused {part[refusal.index]['messageId']}: {refusal.reason}", markup=False)
    return refused


async def _shelves(client: Client) -> None:
    """Two segments, a placement with three creatives, and a campaign that nobody has started."""
    for segment in SEGMENTS:
        try:
            await client.call("POST", "/v1/segments", segment)
        except Refused as refused:
            if refused.status != 409:  # there from an earlier load
                raise
    await client.call("PUT", f"/v1/placements/{PLACEMENT}", {"name": "Home, top · 首页顶部", "slots": 1})
    for key, creative in CREATIVES:
        await client.call("PUT", f"/v1/placements/{PLACEMENT}/creatives/{key}", creative)
    await client.call("PUT", f"/v1/campaigns/{CAMPAIGN}", CAMPAIGN_BODY)


def _next_steps(there: Door, seed: int) -> str:
    bearer = f"-H 'Authorization: Bearer {there.secret_key}'"
    viewer = f"demo-{seed}-0001"
    asked = f'{{"userId": "{viewer}", "placements": ["{PLACEMENT}"]}}'
    return f"""
Try next:

  # who are the anime fans, and who has been silent for a week
  curl -s {bearer} {there.url}/v1/segments/anime-fans
  curl -s {bearer} '{there.url}/v1/segments/silent-viewers/members?limit=5'

  # one viewer and what he did
  curl -s {bearer} {there.url}/v1/profiles/user_id:{viewer}
  curl -s {bearer} '{there.url}/v1/profiles/user_id:{viewer}/events?limit=5'

  # his banner, asked as a front-end asks
  curl -s -u {there.write_key}: -H 'Content-Type: application/json' -d '{asked}' {there.url}/v1/decide

  # the campaign waits: start it, and whoever becomes an anime fan from now on gets one e-mail (MARQUEE_SMTP_URL)
  curl -s -X POST {bearer} {there.url}/v1/campaigns/{CAMPAIGN}/start
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
