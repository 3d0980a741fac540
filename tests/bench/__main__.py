"""`./marquee bench <campaign|console|edge|ingest|latency|segment> [--json] [--scale 0.01]`."""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from deploy.local.processes import CannotStart
from deploy.tools.client import Refused
from tests.bench import campaign, console, edge, ingest, latency, report, segment
from tests.bench.load import Failed
from tests.bench.report import Line
from tests.bench.suite import TooSlow

Bench: TypeAlias = Callable[[], Coroutine[Any, Any, list[Line]]]
BENCHES: dict[str, Bench] = {"edge": edge.measure, "ingest": ingest.measure, "latency": latency.measure}


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 when something went wrong, and then there are no numbers."""
    parser = argparse.ArgumentParser(prog="marquee bench", description=__doc__)
    parser.add_argument("name", choices=sorted([*BENCHES, "campaign", "console", "segment"]), help="what to measure")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object per line: name, value, unit, baseline, ratio"
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="segment: this share of 1 million viewers and 20 million events; campaign: of 100,000 recipients; "
        "console: of 1,200 viewers",
    )
    parser.add_argument("--minutes", type=float, default=0.0, help="ingest: go on so long, and compare the last minute")
    options = parser.parse_args(argv)
    report.quiet()
    benches: dict[str, Bench] = {
        **BENCHES,
        "segment": functools.partial(segment.measure, segment.scaled(options.scale)),
    }
    benches["campaign"] = functools.partial(
        campaign.measure, recipients=max(1, round(campaign.RECIPIENTS * options.scale))
    )
    benches["console"] = functools.partial(console.measure, viewers=max(60, round(console.VIEWERS * options.scale)))
    benches["ingest"] = functools.partial(ingest.measure, minutes=options.minutes)
    try:
        lines = asyncio.run(benches[options.name]())
    except (Failed, TooSlow, Refused, CannotStart) as wrong:
        print(f"bench {options.name}: {wrong}", file=sys.stderr)
        return 1
    report.show(lines, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
