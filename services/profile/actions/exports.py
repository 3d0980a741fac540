"""Lists of viewers as files, written while they are downloaded."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, search
from services.profile.rules import exports as rules
from services.profile.rules.workbook import Cell, Workbook
from services.profile.schemas.exports import Export, ExportOrder, Filter
from services.profile.store import exports as store
from services.profile.store import followers, identities, tags
from services.profile.store import search as found
from services.profile.store.search import Place, Wanted
from shared import clock, pages
from shared.contracts import AmongAnswered, AmongAsked
from shared.database import settings_of
from shared.errors import Invalid, NotFound
from shared.house import House
from shared.pages import Page, PageAsked
from shared.pseudonyms import pseudonym

WALKED = 1000
"""Viewers looked at in one transaction."""

KEPT = timedelta(days=30)


class UnknownExport(NotFound):
    """There is no such export"""


async def order(session: AsyncSession, asked: ExportOrder, *, by: str) -> Export:
    """Keep what an export is to hold. Raises Invalid."""
    _wanted(asked.filter)
    await search.filterable(session, asked.filter.tag, field="filter.tag")
    columns = asked.columns or [
        column for column in rules.DEFAULT if rules.problem([column], pseudonymous=asked.pseudonymous) is None
    ]
    why = rules.problem(columns, pseudonymous=asked.pseudonymous)
    if why is not None:
        raise Invalid(why, field="columns")
    known = await followers.segments(session)
    for key, field in (
        (asked.filter.segment, "filter.segment"),
        *((one, "columns") for one in rules.of_kind(columns, "segment")),
    ):
        if key is not None and (key not in known or known[key].archived):
            raise Invalid(f"there is no live segment {key!r}; one made a moment ago is known in a second", field=field)
    row = await store.create(
        session,
        name=asked.name,
        format=asked.format,
        filter=asked.filter.model_dump(mode="json", exclude_defaults=True),
        columns=columns,
        pseudonymous=asked.pseudonymous,
        domain=asked.domain,
        by=by,
        created_at=clock.now(),
    )
    return _shown(row)


def _wanted(asked: Filter) -> Wanted:
    return search.wanted(
        traits=search.parsed(asked.trait),
        name=asked.name,
        has=asked.has,
        tags=asked.tag,
        seen_after=asked.seen_after,
        seen_before=asked.seen_before,
        bot=asked.bot,
    )


def _shown(row: Any) -> Export:
    return Export.model_validate({**row._mapping, "file": f"/v1/exports/{row.id}/file"})


async def by_id(session: AsyncSession, export_id: int) -> Export:
    """One export. Raises UnknownExport."""
    row = await store.by_id(session, export_id)
    if row is None:
        raise UnknownExport(f"no export has the id {export_id}; they are kept for {KEPT.days} days")
    return _shown(row)


async def page(session: AsyncSession, asked: PageAsked) -> Page[Export]:
    """Exports, the newest first."""
    rows = await store.page(session, before=asked.number("id"), limit=asked.limit + 1)
    items = [_shown(row) for row in rows[: asked.limit]]
    return Page(items=items, next=pages.encode({"id": items[-1].id}) if len(rows) > asked.limit else None)


async def file(house: House, export: Export, *, unmasked: bool) -> AsyncIterator[bytes]:
    """The file in pieces. Memory holds a thousand viewers at most, however many there are.

    Raises Unanswered in the middle of the file, which then stays short, when segment is asked about and is away.
    """
    header = rules.header(export.columns, pseudonymous=export.pseudonymous)
    if export.format == "xlsx":
        book = Workbook(header)
        async for rows in _rows(house, export, unmasked=unmasked):
            yield book.rows(rows)
        yield book.end()
        return
    # Excel takes a file without this mark for the local code page, and spoils Chinese.
    yield "\ufeff".encode() + _csv([header])
    async for rows in _rows(house, export, unmasked=unmasked):
        yield _csv(rows)


async def _rows(house: House, export: Export, *, unmasked: bool) -> AsyncIterator[list[list[Cell]]]:
    """The newest viewers first, each transaction a bounded walk: the file is no snapshot of one instant."""
    asked = Filter.model_validate(export.filter)
    wanted = _wanted(asked)
    named = rules.of_kind(export.columns, "segment")
    keys = sorted({*named, *([asked.segment] if asked.segment else [])})
    tagged = "tags" in export.columns or bool(rules.of_kind(export.columns, "tag"))
    place: Place | None = None
    end = False
    count = 0
    while not end:
        async with house.db.transaction() as session:
            walked = await found.window(session, wanted, "newest", cursor=place, size=WALKED)
            ids = [profile_id for _, profile_id in walked.found]
            inside = await _inside(house, keys, ids)
            if asked.segment is not None:
                ids = [one for one in ids if asked.segment in inside.get(one, ())]
            versions = await identities.versions(session, ids)
            ordered = {profile_id: versions[profile_id] for profile_id in ids if profile_id in versions}
            shown = [
                one
                for one in await profiles.shown(session, ordered, unmasked=unmasked and not export.pseudonymous)
                if asked.bot is None or one.bot is asked.bot
            ]
            settings = settings_of(session)
            held = await tags.held(session, ordered, clock.now(), trial=True) if tagged else {}
            place, end = walked.edge, walked.end
            count += len(shown)
            await store.note(session, export.id, rows=count, finished_at=clock.now() if end else None)
        beside = rules.Beside({one: {key: has.weight for key, has in its.items()} for one, its in held.items()}, inside)
        if shown:
            yield [
                rules.row(
                    one,
                    export.columns,
                    beside,
                    pseudonym=pseudonym(settings, export.domain, one.profile_id) if export.pseudonymous else None,
                )
                for one in shown
            ]


async def _inside(house: House, keys: Sequence[str], profile_ids: Sequence[int]) -> dict[int, set[str]]:
    """Which of these segments each of these viewers is in."""
    if not keys or not profile_ids:
        return {}
    answer = await house.bus.ask(AmongAsked(keys=list(keys), profile_ids=list(profile_ids)), AmongAnswered)
    found: dict[int, set[str]] = {}
    for key, members in answer.members.items():
        for profile_id in members:
            found.setdefault(profile_id, set()).add(key)
    return found


def _csv(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([rules.text(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


async def forget(session: AsyncSession) -> None:
    """Forget exports after thirty days."""
    await store.forget(session, clock.now() - KEPT)
