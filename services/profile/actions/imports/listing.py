"""Files that were uploaded, as operators see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import import_lines
from services.profile.rules import imports as rules
from services.profile.schemas.imports import Import
from services.profile.store import imports as store
from shared import jobs, pages
from shared.errors import NotFound
from shared.pages import Page, PageAsked


class UnknownImport(NotFound):
    """There is no such import"""


async def shown(session: AsyncSession, import_id: int, *, unmasked: bool) -> Import:
    """One import with its first lines. Raises UnknownImport."""
    row = await known(session, import_id)
    first = await import_lines.after(session, import_id, 0)
    lines = first[1][:5] if first else []
    if not unmasked:
        lines = rules.sample(lines, row.columns, row.mapping or rules.suggest(row.columns))
    return (await outputs(session, [row]))[0].model_copy(update={"sample": lines})


def exposed(shown: Import) -> list[str]:
    """The import, where its first lines stand here with contact data; for the audit log."""
    hidden = rules.sample(shown.sample, shown.columns, shown.mapping or {})
    return [f"import:{shown.id}"] if hidden != shown.sample else []


async def page(session: AsyncSession, asked: PageAsked) -> Page[Import]:
    """Imports, the newest first."""
    rows = await store.page(session, before=asked.number("id"), limit=asked.limit + 1)
    items = await outputs(session, rows[: asked.limit])
    return Page(items=items, next=pages.encode({"id": items[-1].id}) if len(rows) > asked.limit else None)


async def known(session: AsyncSession, import_id: int, *, lock: bool = False) -> Any:
    """The row of an import, locked for who wants to change it. Raises UnknownImport."""
    row = await store.by_id(session, import_id, lock=lock)
    if row is None:
        raise UnknownImport(f"no import has the id {import_id}")
    return row


async def outputs(session: AsyncSession, rows: Sequence[Any]) -> list[Import]:
    """Imports as they are shown, without lines."""
    found = await jobs.latest(session, import_lines.KIND, [str(row.id) for row in rows])
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


async def exists(session: AsyncSession, import_id: int) -> None:
    """Raises UnknownImport."""
    await known(session, import_id)
