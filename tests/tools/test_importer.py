"""The importer delivers every row once and in order, whatever happens to it or to the gateway."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp.test_utils
import pytest

from deploy.tools import importer, kuairand
from tests.harness.eventually import eventually
from tests.tools.gateway import Gateway

ROWS = 4000
VIEWERS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A platform of 60 viewers and 4,000 impressions."""
    made = tmp_path / "platform"
    made.mkdir()
    (made / "user_features.csv").write_text("user_id,age\n" + "".join(f"{user},{user}\n" for user in range(VIEWERS)))
    (made / "video_features.csv").write_text(
        "video_id,author_id,tag\n" + "".join(f"{video},9,{video % 3}\n" for video in range(20))
    )
    rows = (
        f"{row * 7919 % VIEWERS},{row % 20},{1650812741436 + row},1,{row % 9 == 0:d},0,0,0,0,500,1000,0,1"
        for row in range(ROWS)
    )
    (made / "log_a.csv").write_text(",".join(kuairand.LOG_COLUMNS) + "\n" + "\n".join(rows) + "\n")
    return made


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[str]:
    """The address it is served at."""
    async with aiohttp.test_utils.TestServer(gateway.app()) as server:
        yield str(server.make_url("/"))


def arguments(folder: Path, url: str) -> list[str]:
    beside = folder.parent
    keys = ["--url", url, "--write-key", "pk_test", "--secret-key", "sk_test"]
    return ["kuairand", str(folder), *keys, "--state", str(beside / "state.json"), "--journal", str(beside / "journal")]


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder.parent / "journal").read_text().splitlines()]


def in_order(folder: Path) -> None:
    """The journal holds every event of the files once, each viewer's in the order of the rows."""
    lines = journal(folder)
    expected = {
        f"log_a.csv:{row + 1}:{suffix}"
        for row in range(ROWS)
        for suffix in ("shown", "opened", "watched", *(["liked"] if row % 9 == 0 else []))
    }
    assert len(lines) == len(expected)
    assert {line["message_id"] for line in lines} == expected
    rows = defaultdict(list)
    for line in lines:
        rows[line["user"]].append(int(line["message_id"].split(":")[1]))
    assert all(seen == sorted(seen) for seen in rows.values())
    assert all(line["time_ms"] == 1650812741435 + int(line["message_id"].split(":")[1]) for line in lines)


async def test_twice_is_the_same_as_once(folder: Path) -> None:
    gateway = Gateway()
    async with serving(gateway) as url:
        assert await asyncio.to_thread(importer.main, arguments(folder, url)) == 0
        once = dict(gateway.kept)
        assert await asyncio.to_thread(importer.main, arguments(folder, url)) == 0
    assert gateway.kept == once
    assert gateway.repeats == len(once)
    assert len(gateway.items) == 20
    assert not (folder.parent / "state.json").exists()
    in_order(folder)


async def test_a_failing_gateway_is_waited_for(folder: Path) -> None:
    gateway = Gateway(failing=0.5)
    async with serving(gateway) as url:
        assert await asyncio.to_thread(importer.main, arguments(folder, url)) == 0
    assert gateway.repeats > 0
    in_order(folder)
    by_viewer = defaultdict(list)
    for message in gateway.kept.values():
        by_viewer[message["userId"]].append(message["timestamp"])
    assert all(times == sorted(times) for times in by_viewer.values())


async def test_refused_events_are_named_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = frozenset({"log_a.csv:1:shown", "log_a.csv:3000:opened"})
    gateway = Gateway(refuse=refused)
    async with serving(gateway) as url:
        assert await asyncio.to_thread(importer.main, arguments(folder, url)) == 1
    printed = capsys.readouterr().out
    assert "refused log_a.csv:1:shown: not wanted" in printed
    assert "refused 2 times: not wanted" in printed
    assert not {line["message_id"] for line in journal(folder)} & refused


async def test_kill_minus_nine_loses_nothing_and_repeats_no_line(folder: Path) -> None:
    gateway = Gateway(slow=0.1)
    command = [sys.executable, "-m", "deploy.tools.importer"]
    async with serving(gateway) as url:
        argv = arguments(folder, url)
        for kept in (2000, 6000, 9000):
            process = await asyncio.create_subprocess_exec(*command, *argv, stdout=asyncio.subprocess.DEVNULL)

            def reached(enough: int = kept) -> None:
                assert len(gateway.kept) >= enough

            await eventually(reached, timeout=30)
            process.send_signal(signal.SIGKILL)
            assert await process.wait() == -signal.SIGKILL
        with (folder.parent / "journal").open("a") as torn:
            torn.write('{"message_id": "torn')
        finished = await asyncio.create_subprocess_exec(*command, *argv, stdout=asyncio.subprocess.PIPE)
        printed, _ = await finished.communicate()
    assert finished.returncode == 0
    assert b"Going on where the last import stopped." in printed
    in_order(folder)
    assert {line["message_id"] for line in journal(folder)} == {key for key in gateway.kept if key.startswith("log_")}


async def test_ctrl_c_keeps_what_was_acknowledged(folder: Path) -> None:
    gateway = Gateway(slow=0.5)
    command = [sys.executable, "-m", "deploy.tools.importer"]
    async with serving(gateway) as url:
        process = await asyncio.create_subprocess_exec(
            *command, *arguments(folder, url), stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )

        def begun() -> None:
            assert gateway.kept

        await eventually(begun, timeout=30)
        process.send_signal(signal.SIGINT)
        printed, _ = await process.communicate()
        assert process.returncode == importer.INTERRUPTED
        assert b"The same command again goes on from here." in printed
        repeats = gateway.repeats
        assert await asyncio.to_thread(importer.main, arguments(folder, url)) == 0
    assert gateway.repeats - repeats <= 8 * 400
    in_order(folder)


def test_without_keys_it_says_where_they_come_from(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MARQUEE_DATA", str(tmp_path / "nothing"))
    assert importer.main(["kuairand", str(folder)]) == 1
    assert "./marquee up" in capsys.readouterr().out.replace("\n", " ")
