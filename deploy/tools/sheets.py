"""Reads CSV files, packed or not, row by row, and says plainly what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path


class Unreadable(Exception):
    """The files cannot be imported as they are; the text says which file and why."""


class Sheet:
    """One CSV file, open for one pass. `position` of `size` is how far the packed bytes were read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.position = 0

    def rows(self, required: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
        """(row number from 1, column → text). Raises Unreadable when a column or part of the file is missing."""
        with self.path.open("rb") as raw:
            packed = self.path.suffix == ".gz"
            text = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding="utf-8-sig", newline="")
            try:
                reader = csv.reader(text)
                columns = next(reader, [])
                missing = [column for column in required if column not in columns]
                if missing:
                    raise Unreadable(
                        f"{self.path.name} has no column {', '.join(missing)}; it has {', '.join(columns)}"
                    )
                for number, row in enumerate(reader, start=1):
                    self.position = raw.tell()
                    if len(row) != len(columns):
                        raise Unreadable(f"{self.path.name} row {number} has {len(row)} columns, not {len(columns)}")
                    yield number, dict(zip(columns, row, strict=True))
            except (OSError, EOFError, UnicodeDecodeError, csv.Error) as wrong:
                raise Unreadable(f"{self.path.name} is damaged: {wrong}") from wrong
        self.position = self.size


def find(folder: Path, *patterns: str) -> list[Path]:
    """Files matching `<pattern>.csv` or `<pattern>.csv.gz`, by name. The same file packed and unpacked is an error."""
    found = sorted({path for pattern in patterns for end in (".csv", ".csv.gz") for path in folder.glob(pattern + end)})
    stems: dict[str, Path] = {}
    for path in found:
        stem = path.name.removesuffix(".gz")
        if stem in stems:
            raise Unreadable(f"{folder} holds both {stems[stem].name} and {path.name}; keep one of them")
        stems[stem] = path
    return found
