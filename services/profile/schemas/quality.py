"""Shapes of data quality."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from shared.schemas import Output

SHARES = (
    "What part is as it should be, 0 to 1: completeness (expected properties are there), validity (of the expected "
    "type), uniqueness (no resends), accepted (by the tracking plan), timeliness (at most 24 hours old on arrival), "
    "humanity (not of programs), freshness (arrived lately). A share nobody can tell is left out."
)


class Measured(Output):
    """One event of one source."""

    source: str = Field(description="The write key, or bulk:… and import:…")
    event: str = Field(
        description="The event, or the call in parentheses: (identify); (all) for a source that has fallen silent, of "
        "which nothing came in these days; * for names that are too many to be told apart"
    )
    score: float = Field(description="0 to 100")
    shares: dict[str, float] = Field(description=SHARES)
    received: int
    refused: int
    recorded: int
    duplicates: int
    late: int
    bots: int
    last: datetime = Field(description="Latest arrival")


class Offender(Output):
    """What costs most."""

    source: str
    event: str
    score: float
    share: str
    value: float
    why: str


class Quality(Output):
    """How good the data is that came in."""

    score: float = Field(description="0 to 100, over all")
    shares: dict[str, float] = Field(description=SHARES)
    since: datetime
    events: list[Measured] = Field(description="By source and event, the worst first; at most 500")
    worst: list[Offender] = Field(description="At most ten, each with at least 20 calls")
    viewers: dict[str, float] = Field(
        description="Share of viewers of whom something is known, as of the last hour: $name, $has (an address), traits"
    )


class Snapshot(Output):
    """A score as it was."""

    at: datetime
    source: str = Field(description="Empty: all together")
    event: str = Field(description="Empty: all together; (viewers): what is known of viewers")
    score: float
    shares: dict[str, float]
