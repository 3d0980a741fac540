"""What an import has had acknowledged, kept so that it can go on after Ctrl-C or kill -9."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from deploy.tools.parcels import Entry, Phase
from deploy.tools.sheets import Unreadable

WRITE_EVERY = 0.25
"""Seconds between two writes: what is lost to a kill is delivered again, and known again by its message ids."""


class Ledger:
    """For each file and lane, the row up to which everything is acknowledged; and the journal of acknowledged events.

    The journal is written and synced before the ledger that counts on it, and the ledger remembers the journal's
    length: a resumed import cuts the journal there, so it holds every acknowledged event once
    (tests/tools/test_importer.py, the test with kill -9).
    """

    def __init__(self, path: Path, *, identity: dict[str, Any], lanes: int, journal: Path | None = None) -> None:
        """`identity` says what is imported whereto: a ledger of anything else is not gone on with."""
        self._path = path
        self._lanes = lanes
        self._identity = {**identity, "lanes": lanes}
        kept = _read(path)
        self.resumed = kept is not None and kept["identity"] == self._identity
        self._files: dict[str, dict[str, Any]] = kept["files"] if kept and self.resumed else {}
        self._journal: BinaryIO | None = None
        if journal is not None:
            length = kept["journal_bytes"] if kept and self.resumed else 0
            self._journal = journal.open("r+b" if journal.exists() else "w+b")
            self._journal.truncate(min(length, journal.stat().st_size))
            self._journal.seek(0, os.SEEK_END)
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._path.exists() or self._files:
            self.write()
        if self._journal is not None:
            self._journal.close()

    def acknowledged(self, phase: Phase) -> list[int]:
        """By lane: the last row of that file of which nothing is owed. A file that was changed since begins anew."""
        status = phase.path.stat()
        mark = [status.st_size, status.st_mtime_ns]
        file = self._files.get(phase.path.name)
        if file is None or file["mark"] != mark:
            file = self._files[phase.path.name] = {"mark": mark, "acknowledged": [0] * self._lanes}
        rows: list[int] = file["acknowledged"]
        return rows

    def record(self, phase: Phase, lane: int, row: int, entries: list[Entry]) -> None:
        """That lane's rows up to `row` are acknowledged, and with them these events."""
        self.acknowledged(phase)[lane] = row
        if self._journal is not None:
            self._journal.writelines(msgspec.json.encode(entry) + b"\n" for entry in entries)
        if time.monotonic() - self._written >= WRITE_EVERY:
            self.write()

    def write(self) -> None:
        """Everything recorded so far is on disk when this returns."""
        length = self._sync_journal()
        draft = self._path.with_suffix(".new")
        draft.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w") as file:
            json.dump({"identity": self._identity, "journal_bytes": length, "files": self._files}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._written = time.monotonic()

    def forget(self) -> None:
        """The import is complete: the next one begins anew (and changes nothing, by its message ids)."""
        self._sync_journal()
        self._files = {}
        self._path.unlink(missing_ok=True)

    def _sync_journal(self) -> int:
        """The journal's length, all of it on disk; 0 without a journal."""
        if self._journal is None:
            return 0
        self._journal.flush()
        os.fsync(self._journal.fileno())
        return self._journal.tell()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as wrong:
        raise Unreadable(f"{path} is damaged ({wrong}): delete it to import from the beginning") from wrong
    return kept
