"""`./marquee demo`: a simulated audience with planted truths, through the public API, once for an installation."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.tools.client import Client, Door, NoDoor, Refused, add_options, data_folder, door
from deploy.tools.demo import shelves, truths
from deploy.tools.demo.dice import HOUR, SECOND
from deploy.tools.demo.ledger import STAGES, Audience, Ledger, Other, known
from deploy.tools.demo.lives import LEAST_DAYS
from deploy.tools.demo.loading import LANES, load
from deploy.tools.demo.story import Story, story

VIEWERS, DAYS, SEED = 1200, 60, 7
LEAST_VIEWERS = 20
SHOWN_REFUSALS = 20
"""Refusals printed one by one; all are counted."""
INTERRUPTED = 130
FILE = "demo.json"


def main(argv: Sequence[str]) -> int:
    """0 when everything was taken, 1 when something was refused or cannot be loaded here, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    console = Console()
    try:
        there = door(options)
        path = options.state or data_folder() / FILE
        audience = _audience(options, there, known(path, key=_hash(there)))
        ledger = Ledger(path, audience, lanes=LANES)
        if ledger.stage == STAGES[-1]:
            console.print(f"The demo is here already: {_words(audience)}.", highlight=False, soft_wrap=True)
            return 0
        if ledger.resumed:
            console.print("Going on where the last load stopped.")
        told = story(seed=audience.seed, viewers=audience.viewers, days=audience.days, until=audience.until)
        truths.write(told, path.with_name(truths.FILE))
        asyncio.run(_load(told, there, ledger, console))
    except (NoDoor, Refused, Other) as wrong:
        console.print(str(wrong), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. The same command again goes on from here.")
        return INTERRUPTED
    console.print(_next_steps(there, audience, path), markup=False, highlight=False, soft_wrap=True)
    return 1 if ledger.refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="marquee demo", description=__doc__)
    parser.add_argument("--viewers", type=int, help=f"how many people (default {VIEWERS})")
    parser.add_argument("--days", type=int, help=f"how many days back, at least {LEAST_DAYS} (default {DAYS})")
    parser.add_argument("--seed", type=int, help=f"another seed is another audience (default {SEED})")
    parser.add_argument("--until", type=datetime.fromisoformat, help="the end of time (default: this full hour)")
    parser.add_argument("--state", type=Path, help="where to remember how far it is (default: the data folder)")
    add_options(parser)
    return parser


def _audience(options: argparse.Namespace, there: Door, held: Audience | None) -> Audience:
    """The one that is meant: what was loaded before, unless the options say otherwise; then Other."""
    until = options.until or datetime.now(UTC)
    end = int((until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()) * SECOND // HOUR * HOUR
    wanted = {"seed": (options.seed, SEED), "viewers": (options.viewers, VIEWERS), "days": (options.days, DAYS)}
    if held is not None:
        given = {name: said for name, (said, _) in wanted.items() if said is not None}
        if options.until:
            given["until"] = end
        if any(getattr(held, name) != said for name, said in given.items()):
            raise Other(
                f"This installation has another demo: {_words(held)}. For a second one use other data, as in: "
                "MARQUEE_DATA=.data-2 ./marquee up"
            )
        return held
    found = {name: default if said is None else said for name, (said, default) in wanted.items()}
    if found["days"] < LEAST_DAYS or found["viewers"] < LEAST_VIEWERS:
        raise Other(f"The demo needs at least {LEAST_DAYS} days and {LEAST_VIEWERS} viewers.")
    return Audience(**found, until=end, key=_hash(there))


def _hash(there: Door) -> str:
    return hashlib.sha256(there.write_key.encode()).hexdigest()[:16]


def _words(audience: Audience) -> str:
    until = datetime.fromtimestamp(audience.until / SECOND, UTC)
    days = f"{audience.days} days up to {until:%Y-%m-%d %H:%M} UTC"
    return f"{audience.viewers:,} viewers, {days}, seed {audience.seed}"


async def _load(told: Story, there: Door, ledger: Ledger, console: Console) -> None:
    """Load it, with a bar where somebody looks, with a line now and then where it goes to a log."""
    started = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("demo", total=None, note="")
        said = [("", -1)]

        def moved(what: str, done: int, of: int) -> None:
            note = f"{done:,} of {of:,}" if of else f"{-done:,} messages to go" if done else ""
            progress.update(bar, description=what, total=of or None, completed=max(done, 0), note=note)
            tenth = (what, 10 * done // of if of else 0)
            if not console.is_terminal and tenth != said[0]:
                said[0] = tenth
                console.print(f"demo: {what} {note}".rstrip(), markup=False, highlight=False)

        def refused(message_id: str, reason: str) -> None:
            if ledger.refused < SHOWN_REFUSALS:
                console.print(f"refused {message_id}: {reason}", markup=False, highlight=False)

        def waiting(reason: str | None) -> None:
            if reason:
                progress.update(bar, note=f"waiting: {reason}")

        async with Client(there, on_wait=waiting) as client:
            await load(told, client, ledger, moved, refused)
        progress.update(bar, description="done", total=1, completed=1, note="")
    console.print(
        f"{told.them.size:,} viewers, {len(told.offered.items)} things and {int(told.times.sum()):,} calls of "
        f"{told.days} days in {time.monotonic() - started:.1f} s, {ledger.refused} refused",
        highlight=False,
    )


def _next_steps(there: Door, audience: Audience, path: Path) -> str:
    bearer = f"-H 'Authorization: Bearer {there.secret_key}'"
    viewer = f"demo-{audience.seed}-00001"
    asked = f'{{"userId": "{viewer}", "placements": ["{shelves.PLACEMENT}"]}}'
    return f"""
What was planted is in {path.with_name(truths.FILE)}. Try next, in the console or with curl:

  # who has been silent for two weeks
  curl -s {bearer} {there.url}/v1/segments/{shelves.SILENT}
  curl -s {bearer} '{there.url}/v1/segments/{shelves.SILENT}/members?limit=5'

  # one viewer and what he did
  curl -s {bearer} {there.url}/v1/viewers/user_id:{viewer}

  # his banner, asked as a front-end asks
  curl -s -u {there.write_key}: -H 'Content-Type: application/json' -d '{asked}' {there.url}/v1/decide

  # what the campaign of the past brought
  curl -s {bearer} {there.url}/v1/campaigns/membership-festival/report
"""
