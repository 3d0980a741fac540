"""The sub-commands of `./marquee`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence

import httpx

from deploy.local.databases import SERVICES
from deploy.local.installation import HOME
from deploy.local.processes import CannotStart

ELSEWHERE = {
    "import": "deploy.tools.importer",
    "demo": "deploy.tools.demo",
    "bench": "tests.bench.__main__",
    "screenshots": "deploy.local.screenshots",
}
"""Commands that live outside this package, as modules with `main(argv) -> int`; loaded only when called."""


def parser() -> argparse.ArgumentParser:
    """All commands. What follows a command of `ELSEWHERE`, `test` or `psql` is handed on as it stands."""
    top = argparse.ArgumentParser(prog="marquee", description="Marquee, the CRM of an online-video or social platform.")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    up = commands.add_parser("up", help="start everything and keep it running until Ctrl-C")
    up.add_argument("--demo", action="store_true", help="load a small simulated audience when ready")
    keys = commands.add_parser("keys", help="print this installation's keys as JSON, or manage keys")
    actions = keys.add_subparsers(dest="action", metavar="action")
    actions.add_parser("list", help="every key of the running installation")
    create = actions.add_parser("create", help="make a key")
    create.add_argument("kind", choices=("write", "secret"))
    create.add_argument("name")
    create.add_argument("--role", choices=("viewer", "operator", "approver", "admin"), help="what a secret key may do")
    create.add_argument("--origin", action="append", default=[], help="bind a write key to a web origin (repeatable)")
    revoke = actions.add_parser("revoke", help="stop a key for good")
    revoke.add_argument("key", help="its id, or the key itself")
    commands.add_parser("status", help="who runs where, and is it ready")
    commands.add_parser("migrate", help="bring the databases of the running servers to the newest schema")
    commands.add_parser("env", help="print new secrets as a .env file for docker compose")
    commands.add_parser("check", help="linters, types, import rules and migrations")
    for name, text in (
        ("psql", "open a service's database: psql <service> [psql arguments]"),
        ("test", "run the tests: test [pytest arguments]"),
        ("import", "load real data: import <kind> <path>"),
        ("demo", "load a small simulated audience"),
        ("screenshots", "take the README's pictures of the running console: screenshots [--to FOLDER] [--dark]"),
        ("bench", "measure: bench campaign|console|edge|ingest|latency|segment [--json]"),
    ):
        commands.add_parser(name, help=text, add_help=False)
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command; its exit status."""
    options, rest = parser().parse_known_args(argv)
    command = str(options.command)
    if rest and command not in {*ELSEWHERE, "psql", "test"}:
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    if command in {*ELSEWHERE, "psql", "test"}:
        rest = list(argv[list(argv).index(command) + 1 :])
    try:
        return _run(command, options, rest)
    except (CannotStart, httpx.TransportError) as error:
        print(f"marquee: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(command: str, options: argparse.Namespace, rest: list[str]) -> int:
    if command == "up":
        from deploy.local.up import up

        return up(demo=options.demo)
    if command == "test":
        # Two workers, since tests wait for servers much of the time; tests/conftest.py says what goes to one of them.
        parallel = () if rest else ("-n", "2", "--dist", "loadfile")
        return subprocess.run((sys.executable, "-m", "pytest", *parallel, *rest), cwd=HOME, check=False).returncode
    if command == "check":
        from deploy.local.checks import check

        return check()
    if command in ELSEWHERE:
        return int(importlib.import_module(ELSEWHERE[command]).main(rest))
    if command == "env":
        from deploy.local import secrets

        print(secrets.as_environment(secrets.fresh()))
        return 0
    if command == "migrate":
        return asyncio.run(_migrate())
    from deploy.local import keys

    if command == "status":
        return keys.status()
    if command == "psql":
        if not rest or rest[0] not in SERVICES:
            raise CannotStart(f"psql needs the name of a service: {', '.join(SERVICES)}.")
        keys.psql(rest[0], rest[1:])
    if options.action == "list":
        return keys.list_all()
    if options.action == "create":
        return keys.create(kind=options.kind, name=options.name, role=options.role, origins=options.origin)
    if options.action == "revoke":
        return keys.revoke(options.key)
    return keys.show()


async def _migrate() -> int:
    """Migrate the databases `up` uses: those of the environment, else the embedded ones of the running installation."""
    from deploy.local import databases, installation, migrations, secrets

    given = {service: os.environ.get(f"{service.upper()}_DATABASE_URL") for service in SERVICES}
    urls = {service: url for service, url in given.items() if url}
    if len(urls) < len(given):
        place = installation.installation()
        port, kept = installation.running(place)["ports"]["postgres"], secrets.read(place.data)
        for service in given.keys() - urls.keys():
            urls[service] = databases.url(service, password=kept.databases[service], port=port)
    await migrations.upgrade_all(urls, say=lambda name, line: print(f"{name:<10}| {line}"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
