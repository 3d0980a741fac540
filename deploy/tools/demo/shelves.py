"""What operators of the simulated platform have made: a tracking plan, segments, tags, placements, drafts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from deploy.tools.client import Client, Refused
from deploy.tools.demo.story import Story

PLAN: dict[str, dict[str, Any]] = {
    "Order Completed": {"mode": "refuse"},
    "Search Performed": {"mode": "strip"},
    "Video Watched": {
        "mode": "observe",
        "schema": {
            "type": "object",
            "required": ["content_id"],
            "properties": {
                "content_id": {"type": "string"},
                "creator_id": {"type": "string"},
                "category": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "watch_seconds": {"type": "number", "minimum": 0},
                "duration_seconds": {"type": "number", "minimum": 0},
                "completion": {"type": "number", "minimum": 0, "maximum": 1},
            },
        },
    },
}
SILENT, SPENDERS, FANS = "silent-two-weeks", "big-spenders", "anime-fans"
SEGMENTS: tuple[dict[str, Any], ...] = (
    {
        "key": SILENT,
        "name": "沉默两周 · Silent for two weeks",
        "rule": {"all": [{"did": "Content Shown"}, {"not": {"did": "Content Shown", "within": "14d"}}]},
    },
    {
        "key": SPENDERS,
        "name": "高消费 · Big spenders",
        "rule": {"did": "Order Completed", "measure": {"sum": "revenue"}, "times": {"gte": 300}},
    },
    {
        "key": FANS,
        "name": "动漫迷 · Anime fans",
        "rule": {
            "did": "Content Liked",
            "where": [{"property": "category", "eq": "anime"}],
            "times": {"gte": 3},
        },
    },
    {"key": "new-viewers", "name": "新用户 · New viewers", "rule": {"did": "Signed Up", "within": "14d"}},
    {
        "key": "loyal-viewers",
        "name": "忠实用户 · Loyal viewers",
        "rule": {"regularly": "Content Shown", "every": "1w", "periods": 4, "at_least": 4},
    },
    {
        "key": "returned-viewers",
        "name": "回流用户 · Returned viewers",
        "rule": {"restarted": "Content Shown", "recent": "7d", "quiet": "14d", "before": "60d"},
    },
    {
        "key": "reachable-by-email",
        "name": "可邮件触达 · Reachable by e-mail",
        "rule": {"all": [{"has": "email"}, {"consent": "email"}, {"consent": "marketing"}]},
    },
    {
        "key": "silent-and-reachable",
        "name": "沉默且可触达 · Silent, and reachable",
        "rule": {"all": [{"in_segment": SILENT}, {"in_segment": "reachable-by-email"}]},
    },
)
PANEL = "test-panel"
PANEL_SIZE = 12
TAGS: dict[str, dict[str, Any]] = {
    "动漫迷": {"name": "动漫迷 · Anime lover", "kind": "interest", "interest": {"tags": ["anime"], "share": 0.2}},
    "游戏迷": {"name": "游戏迷 · Gamer", "kind": "interest", "interest": {"tags": ["gaming"], "share": 0.2}},
    "吃货": {"name": "吃货 · Foodie", "kind": "interest", "interest": {"tags": ["food"], "share": 0.2}},
    "高消费": {"name": "高消费 · Big spender", "kind": "rule", "rule": {"segment": SPENDERS}},
    "内测用户": {"name": "内测用户 · Test panel", "kind": "manual"},
}
PLACEMENT = "home-top"
PLACEMENTS: dict[str, str] = {PLACEMENT: "首页顶部 · Home, top", "player-pause": "播放器暂停 · Player, on pause"}
CREATIVES: tuple[tuple[str, str, str | None, int, str, str], ...] = (
    (PLACEMENT, "anime-week", FANS, 30, "动漫周:新番抢先看 · Anime week", "anime"),
    (PLACEMENT, "welcome-back", SILENT, 20, "好久不见 · Good to see you again", "back"),
    (PLACEMENT, "member-days", SPENDERS, 10, "会员日专享 · Member days", "members"),
    (PLACEMENT, "for-everyone", None, 0, "今日热门 · Today's favourites", "hot"),
    ("player-pause", "newcomers", "new-viewers", 10, "新人礼包 · A gift for newcomers", "gift"),
    ("player-pause", "app", None, 0, "用 App 看更清晰 · Sharper in the app", "app"),
)
"""Placement, creative, audience (a segment), priority, title, page."""
DRAFT, WIN_BACK = "anime-welcome", "win-back"
CAMPAIGNS: dict[str, dict[str, Any]] = {
    DRAFT: {
        "name": "欢迎动漫迷 · Welcome, anime fan",
        "trigger": {"segment_entered": FANS},
        "channel": "email",
        "content": {
            "subject": "{{ profile.traits.name }},新番来了",
            "body": "{{ profile.traits.name }},你好!\n\n本周的新番都在这里:https://example.com/anime\n",
        },
    },
    WIN_BACK: {
        "name": "召回沉默用户 · Win silent viewers back",
        "trigger": {"manual": {"segment": "silent-and-reachable"}},
        "channel": "email",
        "content": {
            "subject": "{{ profile.traits.name }},好久不见",
            "body": "{{ profile.traits.name }},你好!\n\n你不在的这些天:https://example.com/back\n",
            "variants": [
                {
                    "when": {"tag": "动漫迷"},
                    "subject": "{{ profile.traits.name }},你追的番更新了",
                    "body": "{{ profile.traits.name }},你好!\n\n新番已更新:https://example.com/anime\n",
                },
            ],
        },
        "holdout": 0.1,
        "conversion": {"event": "Content Opened", "within": "7d"},
    },
}
"""Drafts: one that waits for whoever enters a segment, one to be submitted, approved and sent by hand."""


async def plan(client: Client) -> None:
    """The tracking plan, before the first event."""
    for event, wanted in PLAN.items():
        await client.call("PUT", f"/v1/event-types/{event.replace(' ', '%20')}", wanted)


async def fill(client: Client, told: Story) -> None:
    """Everything else, once the events are in. Doing it again changes nothing."""
    for segment in (*SEGMENTS, {"key": PANEL, "name": "内测名单 · Test panel", "kind": "static"}):
        await _made(client, "/v1/segments", segment)
    known = [user for user, is_known in zip(told.names.users, told.them.is_known, strict=True) if is_known]
    panel = [f"user_id:{user}" for user in known[:PANEL_SIZE]]
    for ref in panel:
        await client.call("PUT", f"/v1/segments/{PANEL}/members/{ref}")
    for key, tag in TAGS.items():
        await client.call("PUT", f"/v1/tags/{key}", tag)
        if tag["kind"] == "manual":
            await client.call("POST", f"/v1/tags/{key}/assign", {"refs": panel})
        await client.call("POST", f"/v1/tags/{key}/adopt", {"force": True})
    for placement, name in PLACEMENTS.items():
        await client.call("PUT", f"/v1/placements/{placement}", {"name": name, "slots": 1})
    for placement, creative, audience, priority, title, page in CREATIVES:
        body = {
            "audience": {"segment": audience} if audience else None,
            "priority": priority,
            "content": {"title": title, "link_url": f"https://example.com/{page}"},
        }
        await client.call("PUT", f"/v1/placements/{placement}/creatives/{creative}", body)
    for key, campaign in CAMPAIGNS.items():
        await client.call("PUT", f"/v1/campaigns/{key}", campaign)


async def _made(client: Client, path: str, body: dict[str, Any]) -> None:
    try:
        await client.call("POST", path, body)
    except Refused as refused:
        if refused.status != HTTPStatus.CONFLICT:  # there from an interrupted load
            raise
