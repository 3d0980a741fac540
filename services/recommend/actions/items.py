"""Keep the catalogue: items one by one or in bulk, told to the others only when something really changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, schemas, store
from services.recommend.actions import paging
from shared import clock, errors, pages
from shared.contracts import ItemUpdated
from shared.database import after_commit
from shared.outbox import tell
from shared.pages import Page, PageAsked


async def put(session: AsyncSession, item_id: str, item: schemas.ItemInput) -> schemas.ItemOutput:
    """Create an item or replace it; the item as it stands."""
    await _store(session, [{"id": item_id, **item.model_dump()}])
    return await get(session, item_id)


async def put_many(session: AsyncSession, bulk: schemas.BulkInput) -> schemas.BulkOutput:
    """Create or replace the good items and list what is wrong with the others."""
    rows: dict[str, dict[str, Any]] = {}
    refused: list[schemas.BulkError] = []
    for index, raw in enumerate(bulk.items):
        if index % 50 == 0:
            # Checking 1,000 items takes 60 ms; decisions go on in between.
            await asyncio.sleep(0)
        try:
            row = schemas.BulkItem.model_validate(raw).model_dump()
        except ValidationError as error:
            refused.append(_refusal(index, raw, error))
            continue
        if row["id"] in rows:
            refused.append(
                schemas.BulkError(
                    index=index, id=row["id"], field=f"items[{index}].id", message="this id stands twice in the batch"
                )
            )
            continue
        rows[row["id"]] = row
    changed = len(await _store(session, list(rows.values())))
    return schemas.BulkOutput(changed=changed, unchanged=len(rows) - changed, errors=refused)


async def get(session: AsyncSession, item_id: str) -> schemas.ItemOutput:
    """One item; NotFound when there is none."""
    row = await store.items.by_id(session, item_id)
    if row is None:
        raise errors.NotFound(f"there is no item {item_id!r}")
    return schemas.ItemOutput.model_validate(row)


async def page(session: AsyncSession, asked: PageAsked) -> Page[schemas.ItemOutput]:
    """Items by id."""
    rows = await store.items.page(session, paging.after(asked, "id"), asked.limit + 1)
    found = [schemas.ItemOutput.model_validate(row) for row in rows[: asked.limit]]
    return Page(items=found, next=pages.encode({"id": found[-1].id}) if len(rows) > asked.limit else None)


async def snapshot(session: AsyncSession, after: str | None, limit: int) -> tuple[list[ItemUpdated], str | None]:
    """The catalogue as facts, for a service that comes later."""
    rows = await store.items.page(session, after, limit)
    return [_fact(row) for row in rows], rows[-1].id if len(rows) == limit else None


async def _store(session: AsyncSession, rows: list[dict[str, Any]]) -> Sequence[Row[Any]]:
    """Upsert, and tell what changed."""
    changed = await store.items.upsert(session, rows, clock.now())
    for row in changed:
        tell(session, _fact(row))
    if changed:
        after_commit(session, memory.of(session).popularity_changed)
    return changed


def _fact(row: Row[Any]) -> ItemUpdated:
    """The item as the others hear of it; its address is one of its properties there."""
    properties = {**row.properties, "url": row.url} if row.url is not None else row.properties
    return ItemUpdated(
        item_id=row.id,
        item_kind=row.kind,
        title=row.title,
        tags=row.tags,
        creator_id=row.creator_id,
        active=row.active,
        properties=properties,
    )


def _refusal(index: int, raw: dict[str, Any], error: ValidationError) -> schemas.BulkError:
    """The first thing that is wrong with an item, with the path that leads to it."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    given = raw.get("id")
    return schemas.BulkError(
        index=index,
        id=given[:200] if isinstance(given, str) else None,
        field=f"items[{index}]{path}",
        message=errors.said(first["msg"]),
    )
