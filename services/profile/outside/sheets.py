"""Reading files of people: CSV in the encodings Excel writes, XLSX in a process of its own.

`python -m services.profile.outside.sheets FILE` prints a workbook's first sheet, one JSON list of texts a line. A small
workbook can unpack to a huge one, so that process has little memory and time, and this one only reads lines from it.
"""

from __future__ import annotations

import asyncio
import codecs
import csv
import datetime
import json
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

MEMORY = 2 * 1024**3
SECONDS = 50
WIDEST = 16 * 1024 * 1024
"""Bytes of one line of a workbook."""

ENCODINGS = ("utf-8-sig", "gb18030")
"""Tried in this order; GB18030 holds GBK and GB2312. A byte order mark decides by itself."""

DELIMITERS = ",;\t|"

csv.field_size_limit(1024 * 1024)


class Unreadable(Exception):
    """The file cannot be read; the message says why and what to do."""


class Opened(NamedTuple):
    """How a file is to be read."""

    format: str
    encoding: str | None
    delimiter: str | None


def look(path: Path) -> Opened:
    """Find out format, encoding and delimiter of a file. Raises Unreadable."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:4] == b"PK\x03\x04":
        return Opened("xlsx", None, None)
    if start[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("this is an old .xls file or one with a password: save it as .xlsx or CSV")
    encoding = _encoding(path, start)
    with path.open(encoding=encoding, newline="") as text:
        return Opened("csv", encoding, delimiter(text.read(64 * 1024)))


def _encoding(path: Path, start: bytes) -> str:
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    for encoding in ENCODINGS:
        try:
            with path.open(encoding=encoding, newline="") as text:
                while text.read(1024 * 1024):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise Unreadable("the text is neither UTF-8 nor GBK: save it as “CSV UTF-8”")


def delimiter(sample: str) -> str:
    """The delimiter that cuts most of the first lines into the header's number of columns."""
    best, most = ",", (0, 0)
    for candidate in DELIMITERS:
        lines = [line for line in csv.reader(sample.splitlines()[:50], delimiter=candidate) if line]
        width = len(lines[0]) if lines else 0
        # How many lines are as wide as the header counts first, then how wide that is.
        score = (sum(len(line) == width for line in lines), width) if width > 1 else (0, 0)
        if score > most:
            best, most = candidate, score
    return best


def lines_of_text(path: Path, opened: Opened) -> Iterator[list[str]]:
    """The lines of a CSV file. Raises Unreadable."""
    with path.open(encoding=opened.encoding, newline="") as text:
        reader = csv.reader(text, delimiter=opened.delimiter or ",")
        try:
            yield from reader
        except csv.Error as error:
            raise Unreadable(f"line {reader.line_num}: {error}") from error


async def lines_of_workbook(path: Path) -> AsyncIterator[list[str]]:
    """The lines of a workbook's first sheet. Raises Unreadable."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.profile.outside.sheets", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=WIDEST,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async for line in process.stdout:
            yield json.loads(line)
        words = (await process.stderr.read()).decode(errors="replace").strip()
        if await process.wait() != 0:
            raise Unreadable(words if words.startswith("the workbook") else "the workbook is too large when unpacked")
    except ValueError as error:
        raise Unreadable("the workbook has a line that is too long") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def text_of(cell: object) -> str:
    """A workbook's cell as text: whole numbers without a point (telephone numbers), times in ISO 8601."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)


def _print(path: str) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    import python_calamine

    try:
        sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        # Empty lines above the first are no lines, also where they have a format.
        for line in sheet.iter_rows():
            sys.stdout.write(json.dumps([text_of(cell) for cell in line]) + "\n")
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        sys.stderr.write(f"the workbook cannot be read ({error}): save it again as .xlsx, or as CSV UTF-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_print(sys.argv[1]))
