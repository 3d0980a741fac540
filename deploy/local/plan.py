"""Who runs where: ports, addresses, and the environment of each process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local import databases, processes
from deploy.local.databases import SERVICES
from deploy.local.installation import HOME, Installation
from deploy.local.processes import Program
from deploy.local.secrets import Secrets
from deploy.local.supervisor import python

BEHIND = ("profile", "segment", "campaign", "recommend")
"""The services behind the gateway."""

OUTWARD = ("gateway", "console")
"""Processes that answer people and machines outside, on the installation's host."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Addresses of one run. `postgres_port` and `nats_port` are None where a real server was given by a URL."""

    place: Installation
    secrets: Secrets
    ports: dict[str, int]
    postgres_port: int | None
    nats_port: int | None
    monitor_url: str
    outside: frozenset[str]
    """Services whose database was given by an address."""
    database_urls: dict[str, str] = field(default_factory=dict)
    nats_urls: dict[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> tuple[str, ...]:
        """The processes of ours: the services, the gateway, and the console unless it is left out."""
        return (*SERVICES, "console") if "console" in self.ports else SERVICES

    def url(self, service: str) -> str:
        """Where a process of ours answers HTTP on this machine."""
        host = self.place.host if service in OUTWARD else "127.0.0.1"
        if host in {"0.0.0.0", "::", ""}:  # noqa: S104
            host = "127.0.0.1"
        return f"http://{host}:{self.ports[service]}"


def make(
    place: Installation, secrets: Secrets, *, earlier: Mapping[str, int], environ: Mapping[str, str] = os.environ
) -> Plan:
    """Ports of the earlier run where they are still free, else new ones; servers named in the environment stay outside.

    `PROFILE_DATABASE_URL` … name a database, `NATS_URL` with `NATS_MONITOR_URL` the bus (and `PROFILE_NATS_URL` …
    where each service has its own user there).
    """
    ports: dict[str, int] = {"gateway": place.port}
    for name in ("postgres", "nats", "nats_monitor", *BEHIND):
        port, taken = earlier.get(name, 0), {*ports.values(), place.console_port or 0}
        free = port and port not in taken and processes.is_free(port)
        ports[name] = port if free else processes.free_port(taken=taken)
    if place.console_port != 0:
        ports["console"] = _console_port(place, ports, earlier.get("console", 0))
    given = {
        name: environ[f"{name.upper()}_DATABASE_URL"]
        for name in SERVICES
        if environ.get(f"{name.upper()}_DATABASE_URL")
    }
    bus = environ.get("NATS_URL")
    if bus and not environ.get("NATS_MONITOR_URL"):
        raise processes.CannotStart(
            "NATS_URL needs NATS_MONITOR_URL beside it: the bus must show that it syncs to disk."
        )
    return Plan(
        place=place,
        secrets=secrets,
        ports=ports,
        postgres_port=None if len(given) == len(SERVICES) else ports["postgres"],
        nats_port=None if bus else ports["nats"],
        outside=frozenset(given),
        monitor_url=environ["NATS_MONITOR_URL"] if bus else f"http://127.0.0.1:{ports['nats_monitor']}",
        database_urls={
            name: given.get(name) or databases.url(name, password=secrets.databases[name], port=ports["postgres"])
            for name in SERVICES
        },
        nats_urls={
            name: environ.get(f"{name.upper()}_NATS_URL", bus)
            if bus
            else f"nats://{name}:{secrets.bus[name]}@127.0.0.1:{ports['nats']}"
            for name in SERVICES
        },
    )


def _console_port(place: Installation, taken: Mapping[str, int], earlier: int) -> int:
    """The port that was asked for; else the one after the gateway's, that of the earlier run, or any that is free."""
    if place.console_port is not None:
        if place.console_port in taken.values() or not processes.is_free(place.console_port, place.host):
            raise processes.CannotStart(
                f"Port {place.console_port} is taken on {place.host}. Set MARQUEE_CONSOLE_PORT to another one."
            )
        return place.console_port
    for port in (place.port + 1, earlier):
        if 0 < port < 65536 and port not in taken.values() and processes.is_free(port, place.host):
            return port
    return processes.free_port(taken=taken.values())


def process(plan: Plan, service: str) -> Program:
    """How that service, the gateway or the console is run."""
    if service == "console":
        return _console(plan)
    env = {
        "DATABASE_URL": plan.database_urls[service],
        "NATS_URL": plan.nats_urls[service],
        "NATS_MONITOR_URL": plan.monitor_url,
        "HOST": plan.place.host if service == "gateway" else "127.0.0.1",
        "PORT": str(plan.ports[service]),
        "MARQUEE_SECRET": plan.secrets.marquee_secret,
        "MARQUEE_PUBLIC_URL": plan.place.public_url,
        "MARQUEE_DATA": str(plan.place.data),
        "PYTHONUNBUFFERED": "1",
    }
    if service == "gateway":
        env |= {f"{name.upper()}_URL": plan.url(name) for name in BEHIND}
        env |= {"MARQUEE_WRITE_KEY": plan.secrets.write_key, "MARQUEE_SECRET_KEY": plan.secrets.secret_key}
        env |= {"MARQUEE_ADMIN_PASSWORD": plan.secrets.admin_password}
    if service == "campaign":
        # One person who tries it out has nobody else to ask; the service itself wants two.
        env["MARQUEE_APPROVE_OWN"] = os.environ.get("MARQUEE_APPROVE_OWN", "true")
    module = "gateway" if service == "gateway" else f"services.{service}"
    return Program(name=service, argv=python("-m", module), env=env, cwd=HOME)


def _console(plan: Plan) -> Program:
    env = {
        "GATEWAY_URL": plan.url("gateway"),
        "HOST": plan.place.host,
        "PORT": str(plan.ports["console"]),
        "MARQUEE_SECRET": plan.secrets.marquee_secret,
        "PYTHONUNBUFFERED": "1",
    }
    return Program(name="console", argv=python("-m", "gateway.console"), env=env, cwd=HOME)
