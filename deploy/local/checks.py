"""`check`: everything that must hold before a change is taken, besides the tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from deploy.local import databases, migrations, temporary
from deploy.local.databases import SERVICES
from deploy.local.installation import HOME

COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy", ("-m", "mypy", "--strict", "shared", "services", "gateway", "deploy", "tests")),
    ("lint-imports", ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")),
)


def check() -> int:
    """Run every check, even when one fails; 0 when all hold."""
    failed = [name for name, arguments in COMMANDS if not _holds(name, arguments)]
    if not _migrations_hold():
        failed.append("migrations")
    print(f"\ncheck: {'failed: ' + ', '.join(failed) if failed else 'all good'}")
    return 1 if failed else 0


def _holds(name: str, arguments: tuple[str, ...]) -> bool:
    print(f"== {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run((sys.executable, *arguments), cwd=HOME, check=False).returncode
    print(f"   {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    return code == 0


def _migrations_hold() -> bool:
    """Each service's migrations, run on an empty database, give exactly the tables of its code."""
    print("== migrations", flush=True)
    with temporary.scratch() as folder, temporary.postgres(folder) as server:
        return asyncio.run(_compare(server.port))


async def _compare(port: int) -> bool:
    password = temporary.PASSWORD
    await databases.make_on(port, superuser=password, passwords=dict.fromkeys(SERVICES, password))
    urls = {service: databases.url(service, password=password, port=port) for service in SERVICES}
    code, words = await migrations.run(["upgrade", "check"], urls)
    print(words + f"   {'ok' if code == 0 else 'FAILED'}", flush=True)
    return code == 0
