"""Brings every service's database to the schema its code expects, all at the same time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

from deploy.local.installation import HOME
from deploy.local.processes import CannotStart
from deploy.local.supervisor import python


async def upgrade_all(urls: Mapping[str, str], *, say: Callable[[str, str], None]) -> None:
    """Migrate the databases given by service name; CannotStart when one fails, after saying its words."""
    outcomes = await asyncio.gather(*(run("upgrade", service, url) for service, url in urls.items()))
    failed = []
    for service, (code, words) in zip(urls, outcomes, strict=True):
        if code != 0:
            failed.append(service)
            for line in words.splitlines():
                say(service, line)
    if failed:
        raise CannotStart(f"The database of {', '.join(failed)} could not be migrated; the reason is above.")


async def run(verb: str, service: str, url: str) -> tuple[int, str]:
    """One `python -m shared.migrations <verb> <service>`: its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *python("-m", "shared.migrations", verb, service),
        cwd=HOME,
        env={**os.environ, "DATABASE_URL": url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        words, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, words.decode(errors="replace")
