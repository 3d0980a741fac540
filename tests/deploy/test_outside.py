"""The same processes on servers given by their addresses, as containers run them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy import prepare
from deploy.local import databases, plan, processes, secrets, temporary
from deploy.local.databases import SERVICES
from deploy.local.installation import HOME, installation
from deploy.local.processes import CannotStart
from tests.harness.suite import Suite

KEPT = secrets.fresh()
PLACE = installation({"MARQUEE_PORT": "8123", "MARQUEE_DATA": "/data"})


def test_without_addresses_everything_is_embedded_and_ports_come_again() -> None:
    first = plan.make(PLACE, KEPT, earlier={}, environ={})
    again = plan.make(PLACE, KEPT, earlier=first.ports, environ={})
    assert (again.ports, again.outside) == (first.ports, frozenset())
    assert first.ports["gateway"] == 8123
    assert len(set(first.ports.values())) == len(first.ports)
    segment = plan.process(first, "segment").env
    assert segment["DATABASE_URL"] == (
        f"postgresql://segment:{KEPT.databases['segment']}@127.0.0.1:{first.ports['postgres']}/segment"
    )
    assert segment["NATS_URL"] == f"nats://segment:{KEPT.bus['segment']}@127.0.0.1:{first.ports['nats']}"
    assert "MARQUEE_SECRET_KEY" not in segment
    assert plan.process(first, "gateway").env["SEGMENT_URL"] == f"http://127.0.0.1:{first.ports['segment']}"


def test_the_console_is_beside_the_gateway_elsewhere_or_nowhere() -> None:
    free = processes.free_port()
    for asked, expected in (("", None), ("0", None), (str(free), free)):
        place = installation({"MARQUEE_PORT": "8123", "MARQUEE_DATA": "/data", "MARQUEE_CONSOLE_PORT": asked})
        drawn = plan.make(place, KEPT, earlier={}, environ={})
        assert ("console" in drawn.processes) is (asked != "0")
        if asked != "0":
            assert drawn.ports["console"] == (expected or drawn.ports["console"]) != drawn.ports["gateway"]
            console = plan.process(drawn, "console").env
            assert console["GATEWAY_URL"] == drawn.url("gateway")
            assert "DATABASE_URL" not in console
            assert KEPT.secret_key not in console.values()
    with socket.create_server(("127.0.0.1", free)):
        place = installation({"MARQUEE_PORT": "8123", "MARQUEE_DATA": "/data", "MARQUEE_CONSOLE_PORT": str(free)})
        with pytest.raises(CannotStart, match="MARQUEE_CONSOLE_PORT"):
            plan.make(place, KEPT, earlier={}, environ={})
    with pytest.raises(CannotStart, match="MARQUEE_CONSOLE_PORT must be"):
        installation({"MARQUEE_CONSOLE_PORT": "many"})


def test_one_database_outside_leaves_the_others_embedded() -> None:
    drawn = plan.make(PLACE, KEPT, earlier={}, environ={"SEGMENT_DATABASE_URL": "postgresql://far/segment"})
    assert drawn.outside == {"segment"}
    assert drawn.postgres_port is not None
    assert drawn.database_urls["segment"] == "postgresql://far/segment"
    assert "127.0.0.1" in drawn.database_urls["profile"]


def test_each_service_may_have_its_own_user_on_an_outside_bus() -> None:
    environ = {"NATS_URL": "nats://far:4222", "NATS_MONITOR_URL": "http://far:8222", "PROFILE_NATS_URL": "nats://p@far"}
    drawn = plan.make(PLACE, KEPT, earlier={}, environ=environ)
    assert drawn.nats_port is None
    assert drawn.nats_urls["profile"] == "nats://p@far"
    assert drawn.nats_urls["segment"] == "nats://far:4222"
    assert drawn.monitor_url == "http://far:8222"


@pytest.mark.parametrize(
    "url", ["postgresql://other:p1@h/segment", "postgresql://segment:p1@h/other", "postgresql://segment:a'b@h/segment"]
)
def test_preparation_refuses_addresses_it_would_not_make(url: str) -> None:
    with pytest.raises(CannotStart, match="SEGMENT_DATABASE_URL must be"):
        prepare.password("segment", url)


def test_it_runs_on_servers_outside(scratch: Path, tmp_path: Path) -> None:
    folder = scratch / "outside"
    folder.mkdir()
    with temporary.postgres(folder) as server, temporary.nats(folder) as bus:
        password = temporary.PASSWORD
        urls = {
            f"{service.upper()}_DATABASE_URL": databases.url(service, password=password, port=server.port)
            for service in SERVICES
        }
        superuser = f"postgresql://postgres:{password}@127.0.0.1:{server.port}/postgres"
        for _ in range(2):  # it may run again
            subprocess.run(
                (sys.executable, "-m", "deploy.prepare"),
                cwd=HOME,
                env={**os.environ, **urls, "SUPERUSER_URL": superuser},
                check=True,
                timeout=120,
            )
        users = {f"{service.upper()}_NATS_URL": bus.url(service) for service in SERVICES}
        env = {**urls, **users, "NATS_URL": bus.url("gateway"), "NATS_MONITOR_URL": bus.monitor_url}
        with Suite.started(tmp_path / "data", env) as suite:
            assert set(suite.children()) == set(SERVICES)
            assert httpx.get(f"{suite.url}/readyz", timeout=10).status_code == 200
            assert not (suite.data / "postgres").exists()
            assert not (suite.data / "nats").exists()
            assert "outside" in suite.run("psql", "segment").stderr
