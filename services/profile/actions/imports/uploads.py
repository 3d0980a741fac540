"""Files as they come: their lines are read and kept."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import import_lines
from services.profile.actions.imports.listing import shown
from services.profile.outside import sheets
from services.profile.outside.sheets import Opened, Unreadable
from services.profile.rules import imports as rules
from services.profile.schemas.imports import Import
from services.profile.store import imports as store
from shared import clock
from shared.errors import Invalid, Problem

BYTES = 50 * 1024 * 1024
LINES = 1_000_000
COLUMNS = 200

PIECE = 500
"""Lines that are kept, and taken in, together."""


class FileTooLarge(Problem):
    """The file is too large"""

    status = 413


async def upload(session: AsyncSession, body: AsyncIterator[bytes], *, name: str, by: str, unmasked: bool) -> Import:
    """Keep a file's lines. Raises FileTooLarge, and Invalid for one that cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        await _save(body, path)
        try:
            opened = await asyncio.to_thread(sheets.look, path)
            pieces = _pieces(path, opened)
            nothing: list[list[str]] = []
            first = await anext(pieces, nothing)
            header = [cell.strip() for cell in first[0]] if first else []
            while header and not header[-1]:
                header.pop()
            if (why := rules.header_problem(header)) is not None:
                raise Invalid(why, field="file")
            if len(header) > COLUMNS:
                raise Invalid(f"{len(header)} columns; at most {COLUMNS}", field="file")
            import_id = await store.create(
                session,
                name=name,
                format=opened.format,
                encoding=opened.encoding,
                delimiter=opened.delimiter,
                columns=header,
                lines=0,
                state="uploaded",
                mapping=None,
                counts={},
                by=by,
                created_at=clock.now(),
            )
            count = await _keep(session, import_id, first[1:], pieces, len(header))
        except Unreadable as error:
            raise Invalid(str(error), field="file") from error
    await store.change(session, import_id, lines=count)
    return await shown(session, import_id, unmasked=unmasked)


async def _save(body: AsyncIterator[bytes], path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in body:
            size += len(chunk)
            if size > BYTES:
                raise FileTooLarge(f"a file may have {BYTES // 1024**2} MB; split it into several")
            await asyncio.to_thread(file.write, chunk)
    if not size:
        raise Invalid("send the file as the body of the request", field="file")


async def _pieces(path: Path, opened: Opened) -> AsyncIterator[list[list[str]]]:
    """The lines of a file, some hundred at a time."""
    if opened.format == "xlsx":
        piece: list[list[str]] = []
        async for line in sheets.lines_of_workbook(path):
            piece.append(line)
            if len(piece) == PIECE:
                yield piece
                piece = []
        if piece:
            yield piece
        return
    lines = sheets.lines_of_text(path, opened)
    while piece := await asyncio.to_thread(_next, lines):
        yield piece


def _next(lines: Iterator[list[str]]) -> list[list[str]]:
    return list(islice(lines, PIECE))


async def _keep(
    session: AsyncSession, import_id: int, begun: list[list[str]], pieces: AsyncIterator[list[list[str]]], width: int
) -> int:
    """Keep the lines; their number."""
    count = await _add(session, import_id, begun, 0, width)
    async for piece in pieces:
        count = await _add(session, import_id, piece, count, width)
    return count


async def _add(session: AsyncSession, import_id: int, piece: list[list[str]], before: int, width: int) -> int:
    """Keep these lines after `before` others; the number of all. They are numbered as in the file: the header is 1."""
    if before + len(piece) > LINES:
        raise Invalid(f"at most {LINES:,} lines; split the file into several", field="file")
    if piece:
        # One cell more than there are columns is enough to say that a line is too long.
        storable = [[cell.replace("\0", "\ufffd") for cell in line[: width + 1]] for line in piece]
        seal = await import_lines.sealer(session)
        await store.add_lines(session, import_id, before + 2, seal(import_id, storable))
    return before + len(piece)
