"""`./marquee import <kind> DIR`: brings a platform's own files in through the public API, as any client would."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from deploy.tools import kuairand
from deploy.tools.client import Client, Door, NoDoor, Refused, add_options, data_folder, door
from deploy.tools.delivery import LANES, Tally, deliver
from deploy.tools.ledger import Ledger
from deploy.tools.parcels import Phase
from deploy.tools.settling import settled
from deploy.tools.sheets import Unreadable

KINDS = {"kuairand": kuairand.phases}
SHOWN_REFUSALS = 50
"""Refusals printed one by one; all are counted by reason in the summary."""
INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """0 when everything was acknowledged, 1 when something was refused or could not be read, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    console = Console()
    try:
        there = door(options)
        phases = KINDS[options.kind](options.folder, limit=options.limit)
        identity = {
            "kind": options.kind,
            "folder": str(options.folder.resolve()),
            "url": there.url,
            "key": hashlib.sha256(there.write_key.encode()).hexdigest()[:16],
            "limit": options.limit,
        }
        state = options.state or data_folder() / f"import-{options.kind}.json"
        with Ledger(state, identity=identity, lanes=LANES, journal=options.journal) as ledger:
            if ledger.resumed:
                console.print("Going on where the last import stopped.")
            return asyncio.run(_run(phases, there, ledger, console))
    except (NoDoor, Unreadable, Refused) as wrong:
        console.print(f"[red]{wrong}[/red]", markup=True, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. The same command again goes on from here.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="marquee import", description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS), help="what the files are")
    parser.add_argument("folder", type=Path, help="folder with the files (.csv or .csv.gz)")
    parser.add_argument("--limit", type=_positive, help="only the first N log rows, with their viewers and items")
    parser.add_argument("--state", type=Path, help="where to remember what is acknowledged (default: the data folder)")
    parser.add_argument("--journal", type=Path, help="write one JSON line per acknowledged event to this file")
    add_options(parser)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


async def _run(phases: list[Phase], there: Door, ledger: Ledger, console: Console) -> int:
    tally = Tally()
    started = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {
            phase.path.name: progress.add_task(phase.path.name, total=phase.path.stat().st_size, note="")
            for phase in phases
        }
        current = [bars[phases[0].path.name]]

        told: set[str] = set()

        def waiting(reason: str | None) -> None:
            progress.update(current[0], note=f"waiting: {reason}" if reason else "")
            if reason and not console.is_terminal and reason not in told:  # in a log there is no bar to look at
                told.add(reason)
                console.print(f"waiting: {reason}", markup=False, highlight=False, soft_wrap=True)

        def refused(label: str, reason: str) -> None:
            if tally.refused.total() <= SHOWN_REFUSALS:
                console.print(f"refused {label}: {reason}", markup=False, highlight=False)

        def moved(position: int, size: int) -> None:
            rate = tally.acknowledged.total() / (time.monotonic() - started)
            progress.update(current[0], completed=position, total=size, note=f"{rate:,.0f}/s")

        async with Client(there, on_wait=waiting) as client:
            for phase in phases:
                current[0] = bars[phase.path.name]
                await deliver(phase, client=client, ledger=ledger, tally=tally, on_progress=moved, on_refused=refused)
            delivered = time.monotonic() - started
            bar = progress.add_task("taken in by all services", total=None, note="")

            def behind(messages: int, service: str) -> None:
                progress.update(bar, note=f"{service} has {messages:,} messages to go" if messages else "")

            await settled(client, behind)
            progress.update(bar, total=1, completed=1)
    ledger.forget()
    _summary(tally, delivered, console)
    return 1 if tally.refused else 0


def _summary(tally: Tally, seconds: float, console: Console) -> None:
    kept = tally.acknowledged
    skipped = f" ({tally.skipped:,} already acknowledged earlier)" if tally.skipped else ""
    lines = [
        f"{tally.rows:,} rows{skipped}: {kept['track']:,} events, {kept['identify']:,} viewers and {kept['item']:,} "
        f"items acknowledged, {tally.refused.total():,} refused",
        f"{seconds:,.1f} s, {kept.total() / max(seconds, 0.001):,.0f}/s",
        *(f"refused {count:,} times: {reason}" for reason, count in tally.refused.most_common(20)),
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
