"""Files of viewers: kept when they come, checked, then taken in piece by piece."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import bulk, erasures, giving, import_lines, links, plan, profiles, registry
from services.profile.actions.giving import Gift
from services.profile.outside import sheets
from services.profile.outside.sheets import Opened, Unreadable
from services.profile.rules import cells
from services.profile.rules import events as event_rules
from services.profile.rules import imports as rules
from services.profile.schemas.imports import Import, ImportOrder, MappedColumn
from services.profile.store import imports as store
from shared import clock, jobs, pages
from shared.contracts import ResolveAsked
from shared.database import Database
from shared.errors import Conflict, Invalid, NotFound, Problem
from shared.jobs import JobRow, Progress
from shared.pages import Page, PageAsked

KIND = import_lines.KIND
BYTES = 50 * 1024 * 1024
LINES = 1_000_000
COLUMNS = 200
PIECE = 500
"""Lines that are kept, and taken in, together."""

ERRORS = 10_000
"""Wrong lines that are listed; more are counted only."""

KEPT = timedelta(days=90)
LINES_KEPT = timedelta(days=7)


class UnknownImport(NotFound):
    """There is no such import"""


class FileTooLarge(Problem):
    """The file is too large"""

    status = 413


class Underway(Conflict):
    """The import is under way"""


class NoLines(Conflict):
    """The lines of this file are gone"""


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


async def shown(session: AsyncSession, import_id: int, *, unmasked: bool) -> Import:
    """One import with its first lines. Raises UnknownImport."""
    row = await _row(session, import_id)
    first = await _lines(session, import_id, after=0)
    lines = first[1][:5] if first else []
    if not unmasked:
        lines = rules.sample(lines, row.columns, row.mapping or rules.suggest(row.columns))
    return (await _shown(session, [row]))[0].model_copy(update={"sample": lines})


def exposed(shown: Import) -> list[str]:
    """The import, where its first lines stand here with contact data; for the audit log."""
    hidden = rules.sample(shown.sample, shown.columns, shown.mapping or {})
    return [f"import:{shown.id}"] if hidden != shown.sample else []


async def _lines(session: AsyncSession, import_id: int, *, after: int) -> tuple[int, list[list[str]]] | None:
    """The next lines after that one, with the number of the first. They are sealed: they hold contact data."""
    found = await store.lines(session, import_id, after=after)
    if found is None:
        return None
    return found[0], (await import_lines.opener(session))(import_id, found[1])


async def page(session: AsyncSession, asked: PageAsked) -> Page[Import]:
    """Imports, the newest first."""
    rows = await store.page(session, before=asked.number("id"), limit=asked.limit + 1)
    items = await _shown(session, rows[: asked.limit])
    return Page(items=items, next=pages.encode({"id": items[-1].id}) if len(rows) > asked.limit else None)


async def _row(session: AsyncSession, import_id: int, *, lock: bool = False) -> Any:
    row = await store.by_id(session, import_id, lock=lock)
    if row is None:
        raise UnknownImport(f"no import has the id {import_id}")
    return row


async def _shown(session: AsyncSession, rows: Sequence[Any]) -> list[Import]:
    found = await jobs.latest(session, KIND, [str(row.id) for row in rows])
    items = []
    for row in rows:
        job = found.get(str(row.id))
        failed = job is not None and job.state == "failed" and row.state in ("checking", "running")
        said = {
            **row._mapping,
            "state": "failed" if failed else row.state,
            "mapping": row.mapping or rules.suggest(row.columns),
            "done": job.done if job is not None else 0,
            "error": job.error if job is not None else None,
        }
        items.append(Import.model_validate(said))
    return items


async def run(session: AsyncSession, import_id: int, order: ImportOrder, *, unmasked: bool) -> Import:
    """Check a file, or take it in, as a job. Raises UnknownImport, Invalid, Underway, NoLines."""
    row = await _row(session, import_id, lock=True)
    state = (await _shown(session, [row]))[0].state
    if state in ("checking", "running"):
        raise Underway("wait until it is finished: GET the import shows how far it is")
    if state == "finished":
        raise NoLines("it was taken in already; upload the file again to take it in again")
    if await store.lines(session, import_id, after=0) is None and row.lines:
        raise NoLines("they are kept for seven days; upload the file again")
    wrong = rules.mapping_problem(order.mapping, row.columns)
    if wrong is not None:
        raise Invalid(wrong.message, field=f"mapping.{wrong.column}" if wrong.column else "mapping")
    known = await giving.words(session)
    for column, one in order.mapping.items():
        if one.tag is not None and known.get(one.tag) != one.tag:
            detail = f"there is no tag {one.tag!r} of kind manual or imported: make it with PUT /v1/tags/{one.tag}"
            raise Invalid(detail, field=f"mapping.{column}.tag")
    mapping = {column: one.model_dump(exclude_none=True) for column, one in order.mapping.items()}
    await store.drop_errors(session, import_id)
    job_id = await jobs.begin(session, KIND, str(import_id), {"dry_run": order.dry_run}, total=row.lines)
    state = "checking" if order.dry_run else "running"
    await store.change(session, import_id, mapping=mapping, state=state, counts={}, job_id=job_id)
    return await shown(session, import_id, unmasked=unmasked)


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """Check or take in the next lines. What was committed is never done twice: the cursor goes with it."""
    import_id, dry_run = int(job.subject), bool(job.params["dry_run"])
    row = await store.by_id(session, import_id, lock=True)
    if row is None:
        return Progress(done=job.done, finished=True)
    found = await _lines(session, import_id, after=int(job.cursor or 0))
    if found is None:
        state = "checked" if dry_run else "finished"
        await store.change(session, import_id, state=state)
        if not dry_run:
            await store.drop_lines(session, import_id)
        return Progress(done=job.done, total=row.lines, cursor=job.cursor, finished=True)
    first, lines = found
    counts = await _take(session, row, first, lines, dry_run=dry_run)
    total = {name: row.counts.get(name, 0) + count for name, count in counts.items()}
    await store.change(session, import_id, counts=total)
    return Progress(done=job.done + len(lines), total=row.lines, cursor=str(first))


async def _take(
    session: AsyncSession, row: Any, first: int, lines: list[list[str]], *, dry_run: bool
) -> dict[str, int]:
    """Check these lines and take the good ones in; how many were what."""
    mapping = {column: MappedColumn.model_validate(one) for column, one in row.mapping.items()}
    gives = any(one.tag or one.tags for one in mapping.values())
    words = await giving.words(session) if gives else {}
    laid = await registry.registry(session)
    wrong: list[tuple[int, str, str]] = []
    good: list[tuple[int, rules.Line]] = []
    empty = 0
    for number, line in enumerate(lines, start=first):
        # A workbook needs no marks against formulas, so there a mark is part of the text.
        cells_ = [cells.plain(cell) for cell in line] if row.format == "csv" else line
        if not any(cell.strip() for cell in cells_):
            empty += 1
            continue
        found = rules.read(cells_, row.columns, mapping, words)
        flaws = rules.refused(found, mapping, laid.definitions) if isinstance(found, rules.Line) else found
        if flaws or not isinstance(found, rules.Line):
            wrong += [(number, one.column, one.message) for one in flaws]
        else:
            good.append((number, found))
    now = clock.now()
    # The upload's time: a second try of the same line is the same call, and later news win over an old file.
    calls = {
        number: rules.call(
            said,
            message_id=f"import:{row.id}:{number}",
            time=row.created_at,
            received_at=now,
            source=f"import:{row.id}",
        )
        for number, said in good
    }
    blind, blocked = await links.blinder(session), await plan.blocked(session)
    origins: dict[int, str] = {}
    for number, item in calls.items():
        try:
            origins[number] = event_rules.claim(item, blind, blocked).origin
        except event_rules.Malformed as error:
            wrong.append((number, "", str(error)))
    erased = await erasures.erased_among(session, set(origins.values()))
    good = [(number, said) for number, said in good if number in origins and origins[number] not in erased]
    refs = {f"{namespace}:{value}" for _, said in good for namespace, value in said.ids.items()}
    known = (await profiles.resolve(session, ResolveAsked(refs=sorted(refs)))).profile_ids
    old = sum(any(f"{name}:{value}" in known for name, value in said.ids.items()) for _, said in good)
    if not dry_run:
        refused = await bulk.take(session, [calls[number] for number, _ in good])
        wrong += [(good[place][0], "", why) for place, why in refused.items()]
        taken = [(number, said) for place, (number, said) in enumerate(good) if place not in refused]
        gifts = [Gift(said.ref, key, weight) for _, said in taken for key, weight in said.tags.items()]
        unknown = await giving.hand_out(session, gifts, source=f"import:{row.id}")
        nobody = "taken in, but without its tags: nobody is known by its id any more"
        wrong += [(number, "", nobody) for number, said in taken if said.tags and said.ref in unknown]
    bad = len({number for number, _, _ in wrong})
    room = max(0, ERRORS - row.counts.get("bad", 0))
    await store.add_errors(session, row.id, sorted(wrong)[:room])
    return {
        "good": len(lines) - empty - bad - sum(one in erased for one in origins.values()),
        "bad": bad,
        "empty": empty,
        "erased": sum(one in erased for one in origins.values()),
        "known": old,
        "new": len(good) - old,
    }


async def errors(database: Database, import_id: int) -> AsyncIterator[bytes]:
    """What is wrong with an import's lines, as CSV. The import must exist."""
    yield "\ufeff".encode() + _csv([["line", "column", "message"]])
    after: int | None = 0
    while after is not None:
        async with database.transaction() as session:
            rows = await store.errors(session, import_id, after=after, limit=1000)
        yield _csv([[str(row.line), cells.safe(row.column), cells.safe(row.message)] for row in rows])
        after = rows[-1].id if rows else None


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(lines)
    return text.getvalue().encode()


async def exists(session: AsyncSession, import_id: int) -> None:
    """Raises UnknownImport."""
    await _row(session, import_id)


async def remove(session: AsyncSession, import_id: int) -> None:
    """Forget a file and what was said about it; what was taken in stays. Raises UnknownImport, Underway."""
    row = await _row(session, import_id, lock=True)
    if (await _shown(session, [row]))[0].state in ("checking", "running"):
        raise Underway("wait until it is finished: GET the import shows how far it is")
    await store.remove(session, import_id)


async def forget(session: AsyncSession) -> None:
    """Forget lines and errors after seven days, imports after ninety."""
    now = clock.now()
    await store.forget(session, lines_before=now - LINES_KEPT, before=now - KEPT)
