"""One database and one login role per service: made once, owned by that role alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg

SERVICES = ("profile", "segment", "campaign", "recommend", "gateway")


def url(service: str, *, password: str, port: int, database: str | None = None) -> str:
    """Where that service finds its database on the embedded server."""
    return f"postgresql://{service}:{password}@127.0.0.1:{port}/{database or service}"


async def connect(*, password: str, port: int, database: str = "postgres") -> asyncpg.Connection:
    """A connection as the superuser of the embedded server; only this module and the harness hold one."""
    return await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=password, database=database, timeout=10
    )


async def make(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Make what is missing, by service name; passwords are set anew each time, so secrets are the one truth.

    Neither CREATE ROLE nor CREATE DATABASE takes parameters. Names are ours and passwords are checked to be plain.
    """
    roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    for service, password in passwords.items():
        if not (service.isidentifier() and password.isalnum()):
            raise ValueError("a role's name must be an identifier, and its password letters and digits")
        verb = "ALTER" if service in roles else "CREATE"
        await connection.execute(
            f"{verb} ROLE {service} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{password}'"
        )
        if service not in databases:
            # FILE_COPY: 20 ms on a new server where the default strategy takes 180.
            await connection.execute(f"CREATE DATABASE {service} OWNER {service} STRATEGY FILE_COPY")
        await connection.execute(f"REVOKE ALL ON DATABASE {service} FROM PUBLIC")


async def make_on(port: int, *, superuser: str, passwords: Mapping[str, str]) -> None:
    """`make` on the embedded server at that port, with its superuser's password."""
    connection = await connect(password=superuser, port=port)
    try:
        await asyncio.wait_for(make(connection, passwords), timeout=60)
    finally:
        await connection.close()
