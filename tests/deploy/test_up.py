"""`up` on real processes: ready, stable under kill -9, one at a time, stopped in order, its data found again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local import processes
from deploy.local.databases import SERVICES
from tests.harness.suite import DidNotStart, Suite

EVERYONE = {*SERVICES, "nats", "postgres"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One installation for all tests of this file; each leaves it running."""
    with Suite.started(tmp_path_factory.mktemp("up") / "data") as suite:
        yield suite


def answer(suite: Suite, path: str = "/readyz") -> int:
    """The status of the gateway's answer, 0 when there is none."""
    try:
        return httpx.get(suite.url + path, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def test_the_banner_says_all_an_operator_needs_once(started: Suite) -> None:
    output = started.output.read_text()
    kept = started.secrets()
    assert output.count("Marquee is ready") == 1
    for text in (
        started.url,
        f"{started.url}/docs",
        kept["write_key"],
        kept["secret_key"],
        str(started.data),
        "Ctrl-C",
    ):
        assert text in output
    assert "\x1b[" not in output  # not a terminal
    assert set(started.children()) == EVERYONE


def test_the_log_holds_no_secret(started: Suite) -> None:
    kept = started.secrets()
    log = (started.data / "marquee.log").read_text()
    passwords = [kept["superuser"], *kept["databases"].values(), *kept["bus"].values()]
    for secret in (kept["secret_key"], kept["marquee_secret"], *passwords):
        assert secret not in log
    assert (started.data / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_keys_prints_one_json_object_that_opens_the_doors(started: Suite) -> None:
    done = started.run("keys")
    assert done.returncode == 0
    keys = json.loads(done.stdout)
    assert set(keys) == {"write_key", "secret_key"}
    track = {"userId": "u1", "event": "Content Liked", "messageId": "m1", "writeKey": keys["write_key"]}
    assert httpx.post(f"{started.url}/v1/track", json=track).status_code == 200
    bearer = {"Authorization": f"Bearer {keys['secret_key']}"}
    assert httpx.get(f"{started.url}/v1/segments", headers=bearer).status_code == 200
    assert httpx.get(f"{started.url}/v1/segments").status_code == 401


def test_keys_are_made_listed_and_revoked(started: Suite) -> None:
    made = json.loads(started.run("keys", "create", "secret", "reader", "--role", "viewer").stdout)
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert httpx.get(f"{started.url}/v1/segments", headers=bearer).status_code == 200
    listed = [json.loads(line) for line in started.run("keys", "list").stdout.splitlines()]
    assert made["id"] in [key["id"] for key in listed]
    assert started.run("keys", "revoke", made["key"]).returncode == 0
    started.wait(lambda: httpx.get(f"{started.url}/v1/segments", headers=bearer).status_code == 401, timeout=15)
    refused = started.run("keys", "create", "secret", "no role")
    assert refused.returncode == 1
    assert "role" in refused.stderr


def test_status_and_psql(started: Suite) -> None:
    status = started.run("status")
    assert (status.returncode, status.stdout.count(" ready\n")) == (0, len(SERVICES))
    asked = started.run("psql", "segment", "-At", "-c", "SELECT current_user, current_database()")
    assert asked.stdout.strip() == "segment|segment"
    assert started.run("psql", "nobody").returncode == 1


def test_migrate_finds_nothing_to_do(started: Suite) -> None:
    done = started.run("migrate")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_up_on_the_same_data_is_refused(started: Suite) -> None:
    assert started.process is not None
    done = started.run("up")
    assert done.returncode == 1
    assert f"already running on {started.data} (process {started.process.pid})" in done.stderr
    assert answer(started) == 200


def test_a_taken_port_is_refused_by_name(started: Suite, tmp_path: Path) -> None:
    other = Suite(data=tmp_path / "data", port=started.port)
    done = other.run("up")
    assert done.returncode == 1
    assert f"Port {started.port} is taken" in done.stderr
    assert "MARQUEE_PORT" in done.stderr
    assert not (other.data / "postgres").exists()


@pytest.mark.parametrize("name", ["recommend", "gateway", "nats", "postgres"])
def test_a_killed_child_is_started_again_on_its_port(started: Suite, name: str) -> None:
    before = started.state()["ports"]
    old = started.kill(name)
    started.wait(lambda: started.children().get(name, old) != old, timeout=30)
    started.wait(lambda: answer(started) == 200, timeout=60)
    started.wait(lambda: started.run("status").returncode == 0, timeout=60)
    assert started.state()["ports"] == before


def test_a_killed_parent_leaves_nobody_and_its_data_is_found_again(started: Suite) -> None:
    name = json.loads(started.run("keys", "create", "write", "kept").stdout)["id"]
    pids = started.children()
    everyone = [child for pid in pids.values() for child in psutil.Process(pid).children(recursive=True)]
    assert len(everyone) > 5  # Postgres' own children
    started.kill("parent")
    started.wait(lambda: not any(processes.born(pid) for pid in pids.values()), timeout=20)
    started.wait(lambda: not any(child.is_running() for child in everyone), timeout=20)
    started.start()
    assert set(started.children().values()).isdisjoint(pids.values())
    listed = [json.loads(line)["id"] for line in started.run("keys", "list").stdout.splitlines()]
    assert name in listed


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become somebody else")
def test_a_plain_user_runs_it_beside_another(started: Suite) -> None:
    """Two installations at once, one of them by a user who is not root (who may read where our Python lies)."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        prefix: tuple[str, ...] = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
        if not processes.reachable(Path(sys.executable).resolve(), processes.unprivileged() or 0):
            prefix += ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        plain = Suite(data=Path(folder) / "data", prefix=prefix)
        try:
            plain.start()
            owners = {psutil.Process(pid).uids().real for pid in plain.children().values()}
            assert owners == {processes.unprivileged()}
            assert answer(plain) == answer(started) == 200
            assert set(plain.state()["ports"].values()).isdisjoint(started.state()["ports"].values())
            assert plain.stop(signal.SIGTERM) == 0
        finally:
            plain.stop()


def test_ctrl_c_stops_in_reverse_order(started: Suite) -> None:
    """The last test of the installation that the tests above share."""
    process = started.process
    assert process is not None
    pids = started.children()
    before = len(started.output.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 0
    said = started.output.read_text()[before:]
    stopped = re.findall(r"^marquee +\| (\w+) stopped$", said, re.MULTILINE)
    assert stopped[0] == "gateway"
    assert set(stopped[1:5]) == {"profile", "segment", "campaign", "recommend"}
    assert stopped[5:] == ["nats", "postgres"]
    assert "is killed" not in said
    assert "database system is shut down" in said
    assert not any(processes.born(pid) for pid in pids.values())
    assert started.children() == {}
    assert started.run("status").returncode == 1


def test_lost_secrets_are_not_made_anew_over_a_database(tmp_path: Path) -> None:
    suite = Suite(data=tmp_path / "data")
    (suite.data / "postgres").mkdir(parents=True)
    done = suite.run("up")
    assert done.returncode == 1
    assert "secrets.json is missing" in done.stderr


@pytest.mark.parametrize("command", ["keys", "status", "psql", "migrate"])
def test_commands_on_nothing_say_what_to_do(tmp_path: Path, command: str) -> None:
    arguments = (command, "profile") if command == "psql" else (command,)
    done = Suite(data=tmp_path / "data").run(*arguments)
    assert done.returncode == 1
    assert "./marquee up" in done.stderr
    assert done.stdout == ""


def test_a_port_that_is_no_port_is_refused(tmp_path: Path) -> None:
    done = Suite(data=tmp_path / "data", env={"MARQUEE_PORT": "eighty"}).run("up")
    assert (done.returncode, "MARQUEE_PORT must be a port number" in done.stderr) == (1, True)


def test_an_outside_bus_needs_its_monitoring_page(tmp_path: Path) -> None:
    done = Suite(data=tmp_path / "data", env={"NATS_URL": "nats://127.0.0.1:1"}).run("up")
    assert (done.returncode, "NATS_MONITOR_URL" in done.stderr) == (1, True)


def test_a_start_that_fails_says_why_and_leaves_nobody(tmp_path: Path) -> None:
    """One database given by its address is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"postgresql://segment:secret@127.0.0.1:{unused.getsockname()[1]}/segment"
        suite = Suite(data=tmp_path / "data", env={"SEGMENT_DATABASE_URL": address})
        with pytest.raises(DidNotStart, match="could not be migrated") as failure:
            suite.start()
    assert "Connect call failed" in str(failure.value)
    assert suite.children() == {}
    assert suite.process is not None
    assert suite.process.returncode == 1
    assert not subprocess.run(["pgrep", "-f", str(suite.data)], capture_output=True, check=False).stdout
