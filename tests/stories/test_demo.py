"""The demo is loaded once, over a kill; and what Marquee finds out about its viewers is what was planted in them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.tools.demo import past, shelves
from deploy.tools.demo.words import CATEGORIES
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_kuairand import ask
from tests.stories.test_path import ok

DEMO = ("demo", "--viewers", "220", "--days", "40")
PATIENCE = 240


@pytest.fixture(scope="module")
def truths(town: Suite) -> dict[str, Any]:
    """The demo, loaded with a kill on the way; what was planted in it."""
    ledger = town.data / "demo.json"
    with subprocess.Popen(
        town.command(*DEMO), cwd=town.home, env=town.environment(), stdout=subprocess.DEVNULL
    ) as loading:
        town.wait(lambda: sum(_sent(ledger, "before")) > 1000 or loading.poll() is not None)
        assert loading.poll() is None, "the demo was loaded before it could be killed"
        loading.send_signal(signal.SIGKILL)
    done = town.run(*DEMO, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on where the last load stopped." in done.stdout
    assert ", 0 refused" in done.stdout
    found: dict[str, Any] = json.loads((town.data / "truths.json").read_bytes())
    return found


def _sent(ledger: Any, part: str) -> list[int]:
    try:
        sent: list[int] = json.loads(ledger.read_bytes())["sent"][part]
    except FileNotFoundError:
        return []
    return sent


async def members(operator: httpx.AsyncClient, key: str) -> set[int]:
    """Profile ids in a segment."""
    found: set[int] = set()
    page = await ok(operator.get(f"/v1/segments/{key}/members?limit=200"))
    found.update(item["profile_id"] for item in page["items"])
    while page["next"]:
        page = await ok(operator.get(f"/v1/segments/{key}/members", params={"limit": 200, "cursor": page["next"]}))
        found.update(item["profile_id"] for item in page["items"])
    return found


async def homes(town: Suite) -> dict[str, int]:
    """Whose each id is."""
    return {row[0]: row[1] for row in await ask(town, "profile", "SELECT origin, profile_id FROM identities")}


def origin(viewer: dict[str, Any]) -> str:
    """The id that a viewer's profile is looked up by."""
    if viewer["user_id"]:
        return f"user_id:{viewer['user_id']}"
    return f"anonymous_id:{viewer['unlinked'][0]}"


async def test_it_is_loaded_once(town: Suite, truths: dict[str, Any]) -> None:
    again = await asyncio.to_thread(town.run, "demo")
    assert again.returncode == 0
    assert "is here already: 220 viewers, 40 days" in again.stdout
    other = await asyncio.to_thread(town.run, "demo", "--seed", "8")
    assert other.returncode == 1
    assert "This installation has another demo" in other.stdout


async def test_every_right_event_is_recorded_once(
    town: Suite, operator: httpx.AsyncClient, truths: dict[str, Any]
) -> None:
    rows = await ask(town, "profile", "SELECT event, count(*) FROM events WHERE event IS NOT NULL GROUP BY event")
    recorded = {row[0]: row[1] for row in rows}
    planted = dict(truths["made"]["events"])
    for kind in ("observed", "stripped"):  # broken, and kept all the same
        for event, many in truths["broken"][kind].items():
            planted[event] += many
    assert recorded == {event: many for event, many in planted.items() if many}
    refused = (await ok(operator.get("/v1/refused-events?limit=200")))["items"]
    assert {one["event"] for one in refused} == {"Order Completed"}
    assert len(refused) == truths["broken"]["refused"]["Order Completed"]
    assert {one["path"] for one in refused} == {"properties.revenue"}


async def test_every_viewer_is_one_and_nobody_is_two(town: Suite, truths: dict[str, Any]) -> None:
    home = await homes(town)
    known = [viewer for viewer in truths["viewers"] if viewer["user_id"]]
    assert len({home[origin(viewer)] for viewer in known}) == len(known)
    for viewer in known:
        ids = [f"anonymous_id:{one}" for one in viewer["anonymous_ids"]]
        ids += [f"device_id:{one}" for one in viewer["device_ids"]]
        assert {home[one] for one in ids} <= {home[origin(viewer)]}, viewer["user_id"]
    owners = {home[origin(viewer)] for viewer in known}
    for viewer in truths["viewers"]:
        assert not {home[f"anonymous_id:{one}"] for one in viewer["unlinked"]} & owners
    assert any(len(viewer["anonymous_ids"]) > 1 for viewer in known)
    assert any(viewer["shared"] for viewer in known)


async def test_segments_hold_whom_they_mean(town: Suite, operator: httpx.AsyncClient, truths: dict[str, Any]) -> None:
    home = await homes(town)

    async def agree() -> None:
        long_ago = datetime.now(UTC) - timedelta(days=14)
        seen = {
            origin(viewer): datetime.fromisoformat(viewer["life"]["last_seen"])
            for viewer in truths["viewers"]
            if viewer["life"]["last_seen"]
        }
        programs = {home[f"anonymous_id:{one['anonymous_id']}"] for one in truths["programs"]}
        silent = {home[one] for one, last in seen.items() if last <= long_ago}
        assert len(silent) > 20
        assert await members(operator, shelves.SILENT) - programs == silent
        fans = {home[origin(one)] for one in truths["viewers"] if one["likes"].get("anime", 0) >= 3}
        assert await members(operator, shelves.FANS) == fans != set()
        spenders = {home[origin(one)] for one in truths["viewers"] if one["spending"]["total"] >= 300}
        assert await members(operator, shelves.SPENDERS) == spenders != set()

    await eventually(agree, timeout=60)
    for viewer in truths["viewers"]:
        if viewer["life"]["stage"] in ("silent", "churned"):
            assert home[origin(viewer)] in await members(operator, shelves.SILENT)
            break


async def test_portraits_show_the_planted_tastes_and_spending(
    operator: httpx.AsyncClient, truths: dict[str, Any]
) -> None:
    keys = {category.key for category in CATEGORIES}
    fond = [one for one in truths["viewers"] if one["user_id"] and sum(one["likes"].values()) >= 5]
    assert len(fond) > 30
    right = 0
    for viewer in fond[:40]:
        portrait = await ok(operator.get(f"/v1/profiles/{origin(viewer)}/portrait"))
        found = next(one["tag"] for one in portrait["interests"] if one["tag"] in keys)
        right += found == max(viewer["tastes"], key=viewer["tastes"].__getitem__)
        spent = [(one["currency"], one["orders"], round(one["amount"], 2)) for one in portrait["spending"]]
        its = viewer["spending"]
        assert spent == ([("CNY", its["orders"], its["total"])] if its["orders"] else [])
    assert right >= 0.95 * len(fond[:40])


async def test_the_report_of_the_past_campaign_holds_its_true_effect(
    operator: httpx.AsyncClient, truths: dict[str, Any]
) -> None:
    planted = truths["campaign"]

    async def told() -> None:
        report = await ok(operator.get(f"/v1/campaigns/{past.KEY}/report"))
        assert report["groups"] == {"sent": planted["sent"], "held": planted["held_out"]}
        funnel = report["funnel"]
        for step in ("delivered", "opened", "clicked", "converted"):
            assert funnel[step] == planted[step], step
        last = report["trend"][-1]
        assert (last["sent_converted"], last["held_converted"]) == (planted["converted"], planted["converted_held_out"])
        assert last["difference"]["low"] <= planted["true_effect"] <= last["difference"]["high"]

    await eventually(told, timeout=60)


async def test_the_shelves_are_full(operator: httpx.AsyncClient, front_end: httpx.AsyncClient, town: Suite) -> None:
    home = await homes(town)
    users = {profile_id: one.partition(":")[2] for one, profile_id in home.items() if one.startswith("user_id:")}

    async def differ() -> None:
        fans, silent = await members(operator, shelves.FANS), await members(operator, shelves.SILENT)
        shown = {}
        for name, its in (("fan", fans), ("silent", silent - fans)):
            user = next(users[profile_id] for profile_id in sorted(its) if profile_id in users)
            body = {"userId": user, "placements": [shelves.PLACEMENT]}
            answer = await ok(front_end.post("/v1/decide", json=body))
            shown[name] = answer["decisions"][0]["creative"]["key"]
        assert shown == {"fan": "anime-week", "silent": "welcome-back"}
        tags = {one["key"]: one for one in (await ok(operator.get("/v1/tags")))["items"]}
        assert {one["state"] for one in tags.values()} == {"in_use"}
        assert all(one["size"] > 0 for one in tags.values())

    await eventually(differ, timeout=60)
    for key in shelves.CAMPAIGNS:
        assert (await ok(operator.get(f"/v1/campaigns/{key}")))["state"] == "draft"
    estimate = await ok(operator.post(f"/v1/campaigns/{shelves.WIN_BACK}/estimate"))
    assert estimate["audience"] == len(await members(operator, "silent-and-reachable")) > 0
