"""From a chart to people: a funnel shows who dropped out, they become a list, and an imported rule finds the others."""

from __future__ import annotations

from typing import Any

import httpx

from tests.harness.eventually import eventually

SENSORS: dict[str, Any] = {
    "cname": "点赞用户",
    "rule_content_list": [
        {
            "type": "rules_relation",
            "relation": "and",
            "rules": [
                {
                    "type": "event_rule",
                    "measure": {"type": "event_measure", "event_name": "Like", "aggregator": "general", "field": ""},
                    "time_function": "relative_time",
                    "time_params": ["7 day"],
                    "function": "least",
                    "params": [1],
                    "filters": [],
                },
                {"type": "profile_rule", "field": "user.city", "function": "rlike", "params": ["^上"]},
            ],
        }
    ],
}


async def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_chart_leads_to_people_and_a_rule_comes_from_elsewhere(
    operator: httpx.AsyncClient, front_end: httpx.AsyncClient
) -> None:
    async def track(user: str, name: str, minute: int) -> None:
        body = {"userId": user, "event": name, "messageId": f"insights-{user}-{name}", "properties": {"kind": "anime"}}
        at = f"2026-01-05T10:{minute:02}:00Z" if minute else None
        await done(await front_end.post("/v1/track", json={**body, **({"timestamp": at} if at else {})}))

    for number in range(6):
        await track(f"insights-{number}", "Insight Opened", 1)
        if number < 4:
            await track(f"insights-{number}", "Insight Liked", 2 + number)
    await track("insights-now", "Content Liked", 0)
    asked = {
        "steps": [{"event": "Insight Opened"}, {"event": "Insight Liked"}],
        "window": "1h",
        "from": "2026-01-05",
        "to": "2026-01-06",
    }

    async def drawn() -> None:
        opened, liked = (await done(await operator.post("/v1/insights/funnels", json=asked)))["lines"][0]["steps"]
        assert (opened["viewers"], liked["viewers"], liked["median_seconds"]) == (6, 4, 150.0)
        assert liked["small"] is True

    await eventually(drawn, timeout=60)
    cell = {"request": asked, "cell": {"step": 2, "outcome": "dropped"}}
    dropped = await done(await operator.post("/v1/insights/funnels/viewers", json=cell))
    assert dropped["count"] == 2
    saved = {**cell, "key": "insight-dropped", "name": "Opened, but did not like"}
    assert (await done(await operator.post("/v1/insights/funnels/save", json=saved)))["kind"] == "static"

    async def listed() -> None:
        page = await done(await operator.get("/v1/segments/insight-dropped/members"))
        assert [one["profile_id"] for one in page["items"]] == dropped["profile_ids"]

    await eventually(listed, timeout=60)
    params: dict[str, Any] = {"format": "sensors", "rename": "Like=Content Liked"}
    tried = await done(await operator.post("/v1/segments/import", json=SENSORS, params=params))
    assert tried["rule"] is None, "a city that must match a pattern cannot be asked, and without it the rule is wider"
    assert {note["effect"] for note in tried["notes"]} == {"refused", "changed"}
    relation = {**SENSORS["rule_content_list"][0], "relation": "or"}
    body = {**SENSORS, "rule_content_list": [relation]}
    params |= {"save": "true", "key": "likers-of-theirs"}
    told = await done(await operator.post("/v1/segments/import", json=body, params=params))
    assert told["rule"] == {"did": "Content Liked", "times": {"gte": 1}, "within": "7d"}
    assert sorted(note["effect"] for note in told["notes"]) == ["changed", "narrower"]

    async def entered() -> None:
        assert (await done(await operator.get("/v1/segments/likers-of-theirs")))["size"] == 1

    await eventually(entered, timeout=60)
