"""How far the loading of the demo has come, kept so that it goes on after Ctrl-C or kill -9 and is done only once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import msgspec

WRITE_EVERY = 0.5
"""Seconds between two writes: what is lost to a kill is sent again, and known again by its message ids."""
STAGES = ("things", "before", "campaign", "after", "shelves", "done")
"""What is done one after the other; `done` is the end."""


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Which audience is loaded whereto. `until` in milliseconds since 1970."""

    seed: int
    viewers: int
    days: int
    until: int
    key: str
    """The write key's hash: it stays when the installation moves to another address."""


class Other(Exception):
    """Another audience is meant than the one that was loaded; the text says what to do."""


class _Kept(msgspec.Struct, kw_only=True):
    audience: Audience
    stage: str
    sent: dict[str, list[int]]
    refused: int


class Ledger:
    """For each part and lane, how many calls are acknowledged; and the stage that is under way."""

    def __init__(self, path: Path, audience: Audience, *, lanes: int) -> None:
        kept = _read(path)
        mine = kept if kept is not None and kept.audience == audience else None
        self._path = path
        self._written = time.monotonic()
        self.resumed = mine is not None
        self._kept = mine or _Kept(
            audience=audience, stage=STAGES[0], sent={part: [0] * lanes for part in ("before", "after")}, refused=0
        )

    @property
    def stage(self) -> str:
        """What is under way."""
        return self._kept.stage

    @property
    def refused(self) -> int:
        """Calls and things that were not taken."""
        return self._kept.refused

    def sent(self, part: str) -> list[int]:
        """By lane: how many calls of this part are acknowledged."""
        return self._kept.sent[part]

    def refuse(self, count: int) -> None:
        """So many more were not taken."""
        self._kept.refused += count

    def record(self, part: str, lane: int, count: int) -> None:
        """That lane's first `count` calls are acknowledged."""
        self._kept.sent[part][lane] = count
        if time.monotonic() - self._written >= WRITE_EVERY:
            self.write()

    def enter(self, stage: str) -> None:
        """Everything before this stage is done."""
        self._kept.stage = stage
        self.write()

    def write(self) -> None:
        """Everything recorded so far is on disk when this returns."""
        draft = self._path.with_suffix(".new")
        draft.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(self._kept))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._written = time.monotonic()


def known(path: Path, *, key: str) -> Audience | None:
    """The audience that was loaded, or half loaded; None when there is none. Raises Other if it is of another key."""
    kept = _read(path)
    if kept is None:
        return None
    if kept.audience.key != key:
        raise Other(f"{path} is about another gateway's demo: give --state with another file for this one")
    return kept.audience


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.convert(json.loads(path.read_bytes()), _Kept)
    except FileNotFoundError:
        return None
    except (ValueError, msgspec.ValidationError) as wrong:
        raise Other(f"{path} is damaged ({wrong}): delete it to load the demo from the beginning") from wrong
