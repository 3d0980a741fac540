"""Children start again after a crash, stop in order, and never outlive their parent."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from deploy.local import processes, supervisor
from deploy.local.installation import HOME
from deploy.local.output import Voice
from deploy.local.processes import CannotStart, Program
from deploy.local.supervisor import Child, Supervisor, python
from tests.harness.eventually import eventually


def child(name: str, code: str, ready: Callable[[], Awaitable[bool]] | None = None, patience: float = 15) -> Child:
    async def always() -> bool:
        return True

    program = Program(name=name, argv=python("-c", textwrap.dedent(code)), patience=patience)
    return Child(program=program, ready=ready or always)


SLEEPER = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def console() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def voice(tmp_path: Path, console: io.StringIO) -> Voice:
    return Voice(tmp_path / "marquee.log", console)


@pytest.fixture
async def watched(voice: Voice) -> AsyncIterator[Supervisor]:
    supervised = Supervisor(voice)
    yield supervised
    await supervised.stop(supervised.names)


async def test_a_crashed_child_starts_again_and_the_pause_doubles(watched: Supervisor, console: io.StringIO) -> None:
    watched.start(child("worker", SLEEPER))
    await eventually(lambda: "worker" in watched.running)
    first = watched.running["worker"]
    first.kill()
    await eventually(lambda: watched.running.get("worker", first) is not first)
    watched.running["worker"].kill()
    await eventually(lambda: "it starts again in 1 s" in console.getvalue())
    await watched.stop(["worker"])
    said = console.getvalue()
    assert "worker was ended by SIGKILL; it starts again in 0.5 s" in said
    assert "worker    | here" in said
    assert not watched.running


async def test_children_stop_group_after_group(watched: Supervisor, console: io.StringIO) -> None:
    for name in ("gateway", "profile", "postgres"):
        watched.start(child(name, SLEEPER))
    await eventually(lambda: console.getvalue().count("here") == 3)
    await watched.stop(["gateway"], ["profile"], ["postgres"])
    stopped = [line.split()[2] for line in console.getvalue().splitlines() if line.endswith("stopped")]
    assert stopped == ["gateway", "profile", "postgres"]


async def test_who_does_not_listen_is_killed_after_its_patience(watched: Supervisor, console: io.StringIO) -> None:
    watched.start(child("deaf", STUBBORN, patience=0.3))
    await eventually(lambda: "deaf      | deaf" in console.getvalue())
    pid = watched.running["deaf"].pid
    await watched.stop(["deaf"])
    assert "did not stop within 0.3 s and is killed" in console.getvalue()
    assert processes.born(pid) is None


async def test_a_child_that_never_comes_up_is_an_error_with_a_hint(
    watched: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)

    async def never() -> bool:
        return False

    watched.start(child("broken", "raise SystemExit(3)", never))
    with pytest.raises(CannotStart, match=r"broken does not start; its last words are above and in .*marquee\.log"):
        await watched.ready(["broken"], timeout=30)
    await watched.stop(["broken"])


async def test_a_program_that_cannot_be_run_is_said(watched: Supervisor, console: io.StringIO) -> None:
    missing = Program(name="ghost", argv=("/nowhere/ghost",))
    watched.start(Child(program=missing, ready=child("x", "").ready))
    await eventually(lambda: "ghost cannot be run" in console.getvalue())
    await watched.stop(["ghost"])


async def test_lines_of_any_length_and_without_an_end_are_relayed(
    watched: Supervisor, voice: Voice, console: io.StringIO
) -> None:
    watched.start(child("loud", "print('x' * 300_000, flush=True); print('last', end='', flush=True)"))
    await eventually(lambda: "loud ended with status 0" in console.getvalue())
    await watched.stop(["loud"])
    lines = console.getvalue().splitlines()
    assert "loud      | " + "x" * 300_000 in lines
    assert "loud      | last" in lines
    assert "loud      | last" in voice.log.read_text().splitlines()


def test_the_log_file_turns_over(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.output.LARGEST", 100)
    for number in range(10):
        voice.say("someone", f"line {number} of this log")
    assert voice.log.stat().st_size <= 200
    assert voice.log.with_suffix(".log.1").exists()


def test_a_console_that_went_away_does_not_stop_anything(tmp_path: Path) -> None:
    gone = io.StringIO()
    voice = Voice(tmp_path / "marquee.log", gone)
    gone.close()
    voice.say("someone", "still here")
    assert "still here" in voice.log.read_text()


PARENT = """
import asyncio, sys
from pathlib import Path
from deploy.local.output import Voice
from deploy.local.processes import Program
from deploy.local.supervisor import Child, Supervisor, python

async def main():
    async def ready(): return True
    watched = Supervisor(Voice(Path(sys.argv[1])))
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); signal.signal(2, signal.SIG_IGN); time.sleep(600)"
    for name in ("one", "two"):
        watched.start(Child(program=Program(name=name, argv=python("-c", code)), ready=ready))
    await watched.ready(["one", "two"], timeout=30)
    print(*(it.pid for it in watched.running.values()), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
async def test_children_die_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "log"), cwd=HOME, stdout=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(processes.born(pid) for pid in pids)
    parent.kill()
    await parent.wait()
    await eventually(lambda: not any(processes.born(pid) for pid in pids))


def test_leftovers_of_an_earlier_run_are_ended_and_nobody_else() -> None:
    leftover = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    innocent = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    try:
        born = processes.born(leftover.pid)
        assert born is not None
        ended = processes.end_leftovers(
            {
                "worker": {"pid": leftover.pid, "born": born},
                "reused": {"pid": innocent.pid, "born": born - 1000},
                "gone": {"pid": 2**22 - 1, "born": 1.0},
            }
        )
        assert ended == ["worker"]
        assert processes.born(leftover.pid) is None
        assert innocent.poll() is None
    finally:
        for process in (leftover, innocent):
            process.kill()
            process.wait()
