"""Many viewers made or changed at once, by the way every call takes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, registry
from services.profile.actions.events import absorb
from services.profile.rules import definitions, traits
from services.profile.rules import imports as rules
from services.profile.rules.sources import Registry
from services.profile.schemas.imports import BulkDone, BulkError, BulkItem, BulkProfile
from shared import clock
from shared.contracts import EventReceived, ResolveAsked
from shared.database import is_outage, words
from shared.errors import said
from shared.outbox import effects


async def upsert(session: AsyncSession, given: Sequence[dict[str, Any]], *, by: str) -> BulkDone:
    """Make or change these viewers. What is wrong with one is told, and does not hold up the others."""
    now = clock.now()
    laid = await registry.registry(session)
    errors: list[BulkError] = []
    items: list[tuple[int, EventReceived]] = []
    refs: dict[int, str] = {}
    for index, raw in enumerate(given):
        try:
            one = BulkProfile.model_validate(raw)
        except ValidationError as error:
            errors += [_error(index, ".".join(map(str, it["loc"])), said(it["msg"])) for it in error.errors()[:5]]
            continue
        wrong = [*_wrong(index, one, laid)]
        if wrong:
            errors += wrong
            continue
        line = rules.Line(one.ids, one.traits, {})
        call = rules.call(
            line,
            message_id=one.message_id or f"bulk:{uuid.uuid4().hex}",
            time=min(one.time, now) if one.time else now,
            received_at=now,
            source=f"bulk:{by}",
        )
        items.append((index, call))
        refs[index] = line.ref
    refused = await take(session, [call for _, call in items])
    errors += [_error(items[place][0], "", message) for place, message in refused.items()]
    accepted = [index for place, (index, _) in enumerate(items) if place not in refused]
    owners = await profiles.resolve(session, ResolveAsked(refs=sorted({refs[index] for index in accepted})))
    return BulkDone(
        accepted=len(accepted),
        items=[BulkItem(index=index, profile_id=owners.profile_ids.get(refs[index])) for index in accepted],
        errors=sorted(errors, key=lambda one: one.index),
    )


def _error(index: int, field: str, message: str) -> BulkError:
    return BulkError(index=index, field=f"profiles[{index}]{'.' if field else ''}{field}", message=message)


def _wrong(index: int, one: BulkProfile, laid: Registry) -> Iterator[BulkError]:
    if not one.ids:
        yield _error(index, "ids", "needs at least one id, like {'user_id': 'u1'}")
    for namespace, value in one.ids.items():
        if (why := rules.id_problem(namespace, value)) is not None:
            yield _error(index, f"ids.{namespace}", why)
    for name, value in one.traits.items():
        if not traits.fits(value):
            yield _error(index, f"traits.{name}", f"a value has at most {traits.LARGEST} bytes")
        elif value is not None and (known := laid.definitions.get(name)) is not None:
            try:
                definitions.taken(known, value)
            except definitions.Refused as error:
                yield _error(index, f"traits.{name}", str(error))


async def take(session: AsyncSession, calls: Sequence[EventReceived]) -> dict[int, str]:
    """Absorb these calls; by place, why some could not be. Raises only for an outage."""
    if not calls:
        return {}
    told = effects(session)
    mark = told.mark()
    try:
        async with session.begin_nested():
            await absorb(session, list(calls))
        return {}
    except Exception as error:
        if is_outage(error):
            raise
        told.rollback(mark)
        if len(calls) == 1:
            return {0: words(error)[:500]}
    # Halving finds a culprit among a thousand in some twenty tries.
    middle = len(calls) // 2
    left = await take(session, calls[:middle])
    right = await take(session, calls[middle:])
    return left | {middle + place: why for place, why in right.items()}
