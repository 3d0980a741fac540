"""Before the processes start: makes roles and databases where they are missing, and migrates them."""

from __future__ import annotations

import asyncio
import os
import sys
from urllib.parse import urlsplit

import asyncpg

from deploy.local import databases, migrations
from deploy.local.databases import SERVICES
from deploy.local.processes import CannotStart


async def prepare(superuser_url: str, urls: dict[str, str]) -> None:
    """Roles and databases as the services' addresses name them, then their schemas. Safe to run again and at once."""
    connection = await asyncpg.connect(superuser_url, timeout=10)
    try:
        await databases.make(connection, {service: password(service, url) for service, url in urls.items()})
    finally:
        await connection.close()
    await migrations.upgrade_all(urls, say=lambda name, line: print(f"{name:<10}| {line}", flush=True))


def password(service: str, url: str) -> str:
    """The password in a service's address; CannotStart when role or database bear another name than the service."""
    parts = urlsplit(url)
    if parts.username != service or parts.path != f"/{service}" or not (parts.password or "").isalnum():
        raise CannotStart(
            f"{service.upper()}_DATABASE_URL must be postgresql://{service}:<letters and digits>@host:port/{service}."
        )
    return str(parts.password)


def main() -> int:
    """With SUPERUSER_URL and `<SERVICE>_DATABASE_URL` of all five in the environment."""
    try:
        urls = {service: os.environ[f"{service.upper()}_DATABASE_URL"] for service in SERVICES}
        asyncio.run(prepare(os.environ["SUPERUSER_URL"], urls))
    except KeyError as missing:
        print(f"prepare: {missing.args[0]} is not set", file=sys.stderr)
        return 1
    except CannotStart as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
