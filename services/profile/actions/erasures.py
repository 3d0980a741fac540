"""Forgetting a viewer everywhere: here in one transaction, in the other services by a fact, in the streams by a sweep.

His data keys go too, so whatever was sealed is unreadable wherever it is. His ids are kept until all is done, then
only their blind indexes, by which later events of them are dropped.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import import_lines, links, merges, profiles
from services.profile.rules import aggregates
from services.profile.rules.events import Call
from services.profile.schemas.erasures import Erasure, Lifting, NewErasure
from services.profile.store import erasures
from services.profile.store import links as link_store
from services.profile.store import merges as merge_store
from services.profile.tables import events, metadata, redirects, suppressed
from shared import clock, erasure, lasting, pages, telemetry
from shared.bus import Unanswered
from shared.contracts import (
    SERVICES,
    ErasureAnswered,
    ErasureAsked,
    ProfileErased,
    SweepAnswered,
    SweepAsked,
)
from shared.erasure import PROFILE, Keeps
from shared.errors import NotFound
from shared.house import House
from shared.outbox import tell
from shared.pages import Page, PageAsked

log = telemetry.logger(__name__)

PURPOSE = "suppression"
OTHERS = tuple(name for name in SERVICES if name != "profile")
SWEEP_SECONDS = 60.0
AT_ONCE = 10

DROPPED = Counter("marquee_suppressed_events", "Events of erased viewers that were dropped")


class UnknownErasure(NotFound):
    """There is no such erasure"""


class NotSuppressed(NotFound):
    """Nothing of this is suppressed"""


async def _first(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    await link_store.forget(session, origins)
    return {"import_lines": await import_lines.forget(session, origins)}


def _month(row: Mapping[str, Any]) -> dict[str, Any]:
    first = aggregates.bounds(row["month"])[0]
    month = datetime.fromtimestamp(first, UTC).strftime("%Y-%m")
    return {"origin": row["origin"], "month": month, **aggregates.readable(row["month"], row["data"])}


def _key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "wrapped"}


KEEPS = Keeps(
    tables=metadata,
    readable={"aggregates": _month, "data_keys": _key},
    also={PROFILE: (redirects.c.into_id,)},
    spared=frozenset({"erasures", "links", "moves", "vetoes"}),
    before=_first,
    order={"events": (events.c.profile_id, events.c.time, events.c.id)},
)


def blind(key: bytes, origin: str) -> str:
    """What stands for an erased identity."""
    return hmac.digest(key, origin.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]


async def request(session: AsyncSession, wanted: NewErasure, *, by: str) -> Erasure:
    """Forget a viewer here, and tell the others to. Raises UnknownProfile."""
    await erasures.close(session)
    profile_id, origins = await _locked(session, wanted.ref)
    ids = [profile_id, *await merge_store.parts(session, profile_id)]
    now = clock.now()
    number = await erasures.add(
        session,
        {
            "profile_id": profile_id,
            "origins": {"ids": ids, "origins": origins},
            "state": "running",
            "reason": wanted.reason,
            "requested_by": by,
            "requested_at": now,
        },
    )
    key = await lasting.key(session, PURPOSE, since=suppressed)
    await erasures.suppress(session, [blind(key, origin) for origin in origins], number, now)
    rows = await erasure.forget(session, KEEPS, ids, origins)
    await erasures.change(session, number, receipts={"profile": {"rows": rows, "at": now.isoformat()}})
    for one in ids:
        tell(session, ProfileErased(erasure_id=number, profile_id=one, origins=origins))
    return await shown(session, number)


async def _locked(session: AsyncSession, ref: str) -> tuple[int, list[str]]:
    """The viewer and his ids, locked as everybody locks them: what others were about to add is there, or will not be.

    Raises UnknownProfile.
    """
    for _ in range(profiles.ATTEMPTS):
        profile_id = await profiles.found(session, ref, field="ref")
        if origins := await merges.lock(session, [profile_id]):
            return profile_id, origins
    raise profiles.UnknownProfile(profiles.MOVING.format(ref), field="ref")


async def lift(session: AsyncSession, wanted: Lifting, *, by: str) -> Erasure:
    """Let ids of an erased viewer come in again. Raises NotSuppressed."""
    one: str | None = None
    if wanted.ref is not None:
        origin = profiles.reference(wanted.ref, await links.blinder(session))
        if not isinstance(origin, str):
            raise NotSuppressed(f"{wanted.ref!r} is no id: write namespace:value, like user_id:u1", field="ref")
        one = blind(await lasting.key(session, PURPOSE, since=suppressed), origin)
    found = await erasures.lift(session, erasure_id=wanted.erasure_id, blind=one)
    if not found:
        raise NotSuppressed("nothing of this is suppressed; events of it come in", field="ref" if one else "erasure_id")
    note = {"at": clock.now().isoformat(), "by": by, "ids": len(found), "reason": wanted.reason}
    await erasures.note_lifted(session, found[0], note)
    return await shown(session, found[0])


async def shown(session: AsyncSession, erasure_id: int) -> Erasure:
    """How far it is. Raises UnknownErasure."""
    row = await erasures.by_id(session, erasure_id)
    if row is None:
        raise UnknownErasure(str(erasure_id))
    return _shown(row, await erasures.dropped(session, [erasure_id]))


async def page(session: AsyncSession, asked: PageAsked) -> Page[Erasure]:
    """Erasures, the newest first."""
    rows = await erasures.page(session, before=asked.number("before"), limit=asked.limit + 1)
    lines = rows[: asked.limit]
    dropped = await erasures.dropped(session, [row.id for row in lines])
    return Page(
        items=[_shown(row, dropped) for row in lines],
        next=pages.encode({"before": lines[-1].id}) if len(rows) > len(lines) else None,
    )


def _shown(row: Row[Any], dropped: dict[int, int]) -> Erasure:
    return Erasure(
        id=row.id,
        profile_id=row.profile_id,
        state=row.state,
        reason=row.reason,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        receipts=row.receipts,
        verification=row.verification,
        dropped=dropped.get(row.id, 0),
        lifted=row.lifted,
        finished_at=row.finished_at,
    )


async def carry_on(house: House) -> bool:
    """Collect receipts, sweep the streams, prove that nothing is left. A step."""
    async with house.db.transaction() as session:
        rows = await erasures.waiting(session, limit=AT_ONCE)
    for row in rows:
        try:
            await _carry_on(house, row)
        except Unanswered as error:
            log.info("an erasure waits", erasure=row.id, reason=str(error)[:300])
    return False


async def _carry_on(house: House, row: Row[Any]) -> None:
    ids, origins = row.origins["ids"], row.origins["origins"]
    receipts = dict(row.receipts)
    left: dict[str, Any] = {}
    for name in OTHERS:
        question = ErasureAsked(erasure_id=row.id, profile_ids=ids, origins=origins)
        answer = await house.bus.ask(question, ErasureAnswered, to=name)
        if not set(ids) <= set(answer.profile_ids):
            left[name] = "has not come to it yet"
        elif answer.left:
            left[name] = answer.left
        else:
            receipts[name] = {"rows": answer.rows, "at": receipts.get(name, {}).get("at", clock.now().isoformat())}
    standing: dict[str, int] = {}
    swept = dict((row.verification or {}).get("removed", {}))
    if not left:
        answer_ = await house.bus.ask(SweepAsked(words=erasure.words(origins)), SweepAnswered, timeout=SWEEP_SECONDS)
        standing = answer_.standing
        swept = {stream: swept.get(stream, 0) + count for stream, count in answer_.removed.items()}
    async with house.db.transaction() as session:
        if mine := await left_here(session, ids, origins):
            left["profile"] = mine
        now = clock.now()
        done = not left and not any(standing.values())
        verification = {"left": left, "standing": standing, "removed": swept, "at": now.isoformat()}
        values: dict[str, Any] = {"receipts": receipts, "verification": verification, "attempts": row.attempts + 1}
        if done:
            key = await lasting.key(session, PURPOSE, since=suppressed)
            blinds = [blind(key, origin) for origin in origins]
            values |= {"state": "finished", "finished_at": now, "origins": {"ids": ids, "blinds": blinds}}
        await erasures.change(session, row.id, **values)


async def erased_among(session: AsyncSession, origins: Collection[str]) -> set[str]:
    """Which of these identities belong to who was erased: what comes of them is dropped."""
    if not origins or not await erasures.enter(session):
        return set()
    key = await lasting.key(session, PURPOSE, since=suppressed)
    blinds = {blind(key, one): one for one in origins}
    return {blinds[one] for one in await erasures.suppressed_among(session, list(blinds))}


async def left_here(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    """Rows about him that were left here, by table. They go now, and the next look proves it.

    Something may be added while he goes, by whoever had begun before and asks no lock: a note that he was touched.
    """
    left = await erasure.remaining(session, KEEPS, ids, origins)
    if left:
        await erasure.forget(session, KEEPS, ids, origins)
    return left


async def admit(session: AsyncSession, batch: list[Call]) -> list[Call]:
    """The calls without those of erased viewers. Who uses the device of one loses that id, not his event."""
    if not await erasures.enter(session):
        return batch
    key = await lasting.key(session, PURPOSE, since=suppressed)
    blinds = {one: blind(key, one) for call in batch for one in call.claim.keys}
    gone = await erasures.suppressed_among(session, list(blinds.values()))
    if not gone:
        return batch
    kept: list[Call] = []
    dropped: dict[str, int] = {}
    for call in batch:
        claim = call.claim
        others = tuple(one for one in claim.others if blinds[one] not in gone)
        erased = blinds[claim.origin] in gone
        if erased:
            dropped[blinds[claim.origin]] = dropped.get(blinds[claim.origin], 0) + 1
        elif len(others) < len(claim.others) or blinds.get(claim.also or "") in gone:
            kept.append(call._replace(claim=claim._replace(others=others, also=None)))
        else:
            kept.append(call)
    if dropped:
        await erasures.count_dropped(session, dropped)
        DROPPED.inc(sum(dropped.values()))
    return kept
