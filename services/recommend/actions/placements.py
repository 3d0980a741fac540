"""Keep placements and their creatives, and arrange them in memory once the change is committed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, rules, schemas, store
from services.recommend.actions import paging
from shared import clock, errors, pages
from shared.contracts import CreativeShown, Use, UsesAnswered, UsesAsked
from shared.database import Database, after_commit
from shared.house import House
from shared.pages import Page, PageAsked

MOST_PLACEMENTS = 1000
MOST_CREATIVES = 200
"""Of one placement. All of them are held in every process's memory, so there is an end to them."""


async def put(session: AsyncSession, key: str, change: schemas.PlacementInput) -> schemas.PlacementWhole:
    """Create a placement or change it; the placement as it stands."""
    await store.placements.lock(session)
    if await store.placements.by_key(session, key) is None and await store.placements.count(session) >= MOST_PLACEMENTS:
        raise errors.Conflict(f"there are {MOST_PLACEMENTS} placements already; delete one first")
    row = await store.placements.put(session, key, change.name, change.slots, clock.now())
    await _arrange(session, key)
    return await _whole(session, row)


async def get(session: AsyncSession, key: str) -> schemas.PlacementWhole:
    """One placement with its creatives; NotFound when there is none."""
    return await _whole(session, await _existing(session, key))


async def remove(session: AsyncSession, key: str) -> None:
    """Delete a placement with its creatives; NotFound when there is none."""
    await store.placements.lock(session)
    revision = await store.placements.remove(session, key)
    if revision is None:
        raise _unknown(key)
    held = memory.of(session)
    after_commit(session, lambda: held.placement_changed(key, revision, None))


async def page(session: AsyncSession, asked: PageAsked) -> Page[schemas.PlacementOutput]:
    """Placements by key."""
    rows = await store.placements.page(session, paging.after(asked, "key"), asked.limit + 1)
    found = [schemas.PlacementOutput.model_validate(row) for row in rows[: asked.limit]]
    return Page(items=found, next=pages.encode({"key": found[-1].key}) if len(rows) > asked.limit else None)


async def put_creative(
    session: AsyncSession, placement: str, key: str, change: schemas.CreativeInput
) -> schemas.CreativeOutput:
    """Create a creative or change it; NotFound when its placement does not exist."""
    await store.placements.lock(session)
    if await store.placements.revise(session, placement) is None:
        raise _unknown(placement)
    values = {
        "audience": change.audience.segment if change.audience else None,
        "priority": change.priority,
        "content": change.content,
    }
    row = await store.placements.put_creative(session, placement, key, values, clock.now())
    if len(await store.placements.creatives_of(session, placement)) > MOST_CREATIVES:
        raise errors.Conflict(f"placement {placement!r} has {MOST_CREATIVES} creatives already; delete one first")
    await _arrange(session, placement)
    return _creative(row)


async def get_creative(session: AsyncSession, placement: str, key: str) -> schemas.CreativeOutput:
    """One creative; NotFound when there is none."""
    row = await store.placements.creative(session, placement, key)
    if row is None:
        raise errors.NotFound(f"placement {placement!r} has no creative {key!r}")
    return _creative(row)


async def remove_creative(session: AsyncSession, placement: str, key: str) -> None:
    """Delete a creative; NotFound when there is none."""
    await store.placements.lock(session)
    if not await store.placements.remove_creative(session, placement, key):
        raise errors.NotFound(f"placement {placement!r} has no creative {key!r}")
    await store.placements.revise(session, placement)
    await _arrange(session, placement)


async def uses(session: AsyncSession, asked: UsesAsked) -> UsesAnswered:
    """Creatives by the segments whose members see them: segment asks before it lets one go."""
    rows = await store.placements.using(session, asked.keys)
    return UsesAnswered(
        uses=[
            Use(segment=row.audience, kind="creative", key=f"{row.placement}/{row.key}", name=row.name) for row in rows
        ]
    )


async def report(session: AsyncSession, key: str, days: int) -> schemas.Report:
    """Impressions and clicks of the last `days` UTC days, today included; NotFound when there is no such placement."""
    await _existing(session, key)
    since = (clock.now() - timedelta(days=days - 1)).date()
    rows = await store.feedback.of_placement(session, key, since)
    return schemas.Report(placement=key, since=since, days=[schemas.CreativeDay.model_validate(row) for row in rows])


async def load(database: Database, held: memory.Memory) -> bool:
    """Read every placement anew; False when something changed while we read, so that it must be done again."""
    touched = held.catalogue.touched
    async with database.transaction() as session:
        rows = await store.placements.whole(session)
    return held.catalogue.replace(_arranged(rows), touched=touched)


async def refresh(house: House) -> bool:
    """Read them now and then, in case another replica's announcement got lost. A loop's step."""
    return not await load(house.db, memory.held(house))


async def reload(house: House, key: str, revision: int) -> None:
    """Another replica changed this placement, or deleted it with `revision`."""
    async with house.db.transaction() as session:
        rows = await store.placements.whole(session, key)
    found = _arranged(rows).get(key)
    memory.held(house).catalogue.put(key, *(found or (revision, None)))


async def _arrange(session: AsyncSession, key: str) -> None:
    """After the commit, decide with the placement as this transaction leaves it."""
    revision, placement = _arranged(await store.placements.whole(session, key))[key]
    held = memory.of(session)
    after_commit(session, lambda: held.placement_changed(key, revision, placement))


def _arranged(rows: Any) -> dict[str, tuple[int, rules.creatives.Placement]]:
    """Rows of `store.placements.whole` as placements with their revisions."""
    found: dict[str, tuple[int, int, list[rules.creatives.Creative]]] = {}
    for row in rows:
        _, _, creatives = found.setdefault(row.placement, (row.revision, row.slots, []))
        if row.key is not None:
            creatives.append(
                rules.creatives.Creative(
                    shown=CreativeShown(key=row.key, content=row.content),
                    audience=row.audience,
                    priority=row.priority,
                    link_url=row.content.get("link_url"),
                )
            )
    return {
        key: (revision, rules.creatives.arrange(key, slots, creatives))
        for key, (revision, slots, creatives) in found.items()
    }


async def _existing(session: AsyncSession, key: str) -> Row[Any]:
    row = await store.placements.by_key(session, key)
    if row is None:
        raise _unknown(key)
    return row


async def _whole(session: AsyncSession, row: Row[Any]) -> schemas.PlacementWhole:
    creatives = await store.placements.creatives_of(session, row.key)
    return schemas.PlacementWhole(
        key=row.key,
        name=row.name,
        slots=row.slots,
        created_at=row.created_at,
        updated_at=row.updated_at,
        creatives=[_creative(creative) for creative in creatives],
    )


def _creative(row: Row[Any]) -> schemas.CreativeOutput:
    return schemas.CreativeOutput(
        key=row.key,
        audience=schemas.Audience(segment=row.audience) if row.audience is not None else None,
        priority=row.priority,
        content=row.content,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _unknown(key: str) -> errors.NotFound:
    return errors.NotFound(f"there is no placement {key!r}")
