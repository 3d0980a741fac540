"""What operators do with tags: say what they mean, take them away; and what the clock takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, search, sizes, telling
from services.profile.rules import tags as rules
from services.profile.schemas.profiles import Profile
from services.profile.schemas.tags import (
    SLUG,
    UNITS,
    HeldTag,
    Interest,
    TagInput,
    TagOutput,
    TagRule,
    seconds,
)
from services.profile.store import followers, identities
from services.profile.store import tags as store
from services.profile.store.tags import IN_USE
from shared import clock, jobs, pages
from shared.errors import Conflict, Invalid, NotFound
from shared.jobs import JobRow, Progress
from shared.pages import Page, PageAsked

TRIAL, DELETED = "trial", "deleted"
RETELL, FORGET, ANEW = "retell a tag", "forget a tag", "work out interests"
CHUNK = 500
LONGEST_KEY = 64
BY_HAND = ("manual", "imported")


class UnknownTag(NotFound):
    """There is no such tag"""


class OtherKind(Conflict):
    """This tag is of another kind"""


class BeingDeleted(Conflict):
    """This tag is being deleted"""


class Circle(Conflict):
    """The tag would depend on itself"""


async def known(session: AsyncSession, key: str, *, lock: bool = False) -> Any:
    """A tag. Raises UnknownTag."""
    row = await store.by_key(session, key, lock=lock)
    if row is None or row.state == DELETED:
        raise UnknownTag(f"{key!r}: make it with PUT /v1/tags/{key}")
    return row


async def define(session: AsyncSession, key: str, wanted: TagInput) -> TagOutput:
    """Make a tag, on trial, or change its words. Raises OtherKind, BeingDeleted, Circle, Invalid."""
    if len(key) > LONGEST_KEY or not re.fullmatch(SLUG, key):
        raise Invalid(f"letters and digits with single - _ . : between them, at most {LONGEST_KEY}", field="key")
    before = await store.by_key(session, key, lock=True)
    segment = wanted.rule.segment if wanted.rule else None
    if before is not None:
        if before.state == DELETED:
            raise BeingDeleted(f"{key!r} is still being taken from its viewers: try again in a moment")
        if (before.kind, before.segment) != (wanted.kind, segment):
            of = f" of the segment {before.segment!r}" if before.segment else ""
            raise OtherKind(f"{key!r} is of kind {before.kind}{of}, and stays so: make another tag", field="kind")
    elif segment is not None:
        await _may_follow(session, key, segment)
    values: dict[str, Any] = {
        "name": wanted.name,
        "weight": wanted.weight,
        "lifetime": None if wanted.expires_after is None else seconds(wanted.expires_after),
        "kind": wanted.kind,
        "segment": segment,
        "interest": _interest(key, wanted),
    }
    if before is None:
        values |= {"state": TRIAL, "filling": None if segment is None else "0"}
    else:
        # They stay; an insert that turns out to be an update must name them all the same.
        values |= {"state": before.state, "filling": before.filling}
    row = await store.define(session, key, clock.now(), values)
    if row.interest is not None and (before is None or before.interest != row.interest):
        await jobs.begin(session, ANEW, "all", {})
    if before is not None and before.segment and before.state == IN_USE and before.weight != row.weight:
        # By rule, the weight of the tag is that of every viewer who has it.
        await jobs.begin(session, RETELL, key, {"key": key})
    return (await _outputs(session, [row]))[0]


def _interest(key: str, wanted: TagInput) -> dict[str, Any] | None:
    if wanted.kind != "interest":
        return None
    said = (wanted.interest or Interest.model_validate({})).model_dump()
    return said | {"tags": said["tags"] or [key]}


async def _may_follow(session: AsyncSession, key: str, segment: str) -> None:
    """Raises Invalid for a segment that is not there, Circle when its rule depends on this tag."""
    segments = await followers.segments(session)
    if segment not in segments or segments[segment].archived:
        detail = f"there is no live segment {segment!r}; one made a moment ago is known in a second"
        raise Invalid(detail, field="rule.segment")
    asks = {name: row.tags for name, row in segments.items()}
    way = rules.circle(key, segment, asks, await followers.rules(session))
    if way is not None:
        raise Circle(f"it would depend on itself: {' → '.join(way)}", field="rule.segment")


def _duration(lifetime: int) -> str:
    unit = next(unit for unit in ("w", "d", "h", "m", "s") if lifetime % UNITS[unit] == 0)
    return f"{lifetime // UNITS[unit]}{unit}"


async def _outputs(session: AsyncSession, rows: Sequence[Any]) -> list[TagOutput]:
    held = await sizes.of(session, [row.key for row in rows])
    return [
        TagOutput(
            key=row.key,
            name=row.name,
            kind=row.kind,
            state=row.state,
            interest=row.interest,
            rule=None if row.segment is None else TagRule(segment=row.segment),
            weight=row.weight,
            expires_after=None if row.lifetime is None else _duration(row.lifetime),
            size=held.get(row.key, 0),
            filling=row.filling is not None and row.problem is None,
            problem=row.problem,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


async def get(session: AsyncSession, key: str) -> TagOutput:
    """One tag. Raises UnknownTag."""
    return (await _outputs(session, [await known(session, key)]))[0]


async def page(session: AsyncSession, asked: PageAsked, *, state: str | None) -> Page[TagOutput]:
    """Tags by key."""
    rows = await store.page(session, after=asked.text("key") or "", limit=asked.limit + 1, state=state)
    shown = rows[: asked.limit]
    following = pages.encode({"key": shown[-1].key}) if len(rows) > len(shown) else None
    return Page(items=await _outputs(session, shown), next=following)


async def delete(session: AsyncSession, key: str) -> None:
    """Delete a tag: it is taken from its viewers in the background. Raises UnknownTag."""
    row = await known(session, key, lock=True)
    await store.change(session, key, {"state": DELETED, "problem": "it is being deleted", "updated_at": clock.now()})
    await jobs.begin(session, FORGET, key, {"key": key, "tell": row.state == IN_USE, "wholly": True})


async def put_state(session: AsyncSession, key: str, state: str) -> TagOutput:
    """Take a tag into use, or back on trial; who has it is told by a job. Raises UnknownTag."""
    row = await known(session, key, lock=True)
    if row.state != state:
        await store.change(session, key, {"state": state, "updated_at": clock.now()})
        await jobs.begin(session, RETELL, key, {"key": key})
    return await get(session, key)


async def retell(session: AsyncSession, job: JobRow) -> Progress:
    """A step of telling again who has a tag."""
    key, after = job.params["key"], int(job.cursor or 0)
    found = await store.holders(session, key, clock.now(), after=after, limit=CHUNK)
    await tell_again(session, found)
    last = str(found[-1]) if found else job.cursor
    return Progress(job.done + len(found), job.total, last, finished=len(found) < CHUNK)


async def forget(session: AsyncSession, job: JobRow) -> Progress:
    """A step of taking a tag from all who have it; at the end it is gone itself."""
    key = job.params["key"]
    found = await store.forget(session, key, CHUNK)
    if job.params["tell"]:
        await tell_again(session, found)
    if not found and job.params["wholly"]:
        await store.remove(session, key)
    return Progress(job.done + len(found), job.total, job.cursor, finished=not found)


async def tell_again(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Lock these profiles, raise their versions and tell them; who finds viewers by tags hears of it too."""
    found = sorted(set(profile_ids))
    if found:
        await identities.lock_profiles(session, found)
        await telling.again(session, found, "rule")
        await search.touch(session, found)


async def of(session: AsyncSession, ref: str) -> list[HeldTag]:
    """Tags of a viewer, on trial or in use, by key. Raises UnknownProfile."""
    return await of_profile(session, await profiles.found(session, ref))


async def of_profile(session: AsyncSession, profile_id: int) -> list[HeldTag]:
    """Tags of a profile, on trial or in use, by key."""
    rows = await store.of(session, profile_id, clock.now())
    return [HeldTag.model_validate(row) for row in rows if row.state != DELETED]


async def viewers(session: AsyncSession, key: str, asked: PageAsked, *, unmasked: bool) -> Page[Profile]:
    """Viewers who have a tag, on trial or in use, by id. Raises UnknownTag."""
    await known(session, key)
    after = asked.number("profile_id") or 0
    found = await store.holders(session, key, clock.now(), after=after, limit=asked.limit + 1)
    ids = found[: asked.limit]
    shown = await profiles.shown(session, await identities.versions(session, ids), unmasked=unmasked)
    return Page(
        items=sorted(shown, key=lambda one: one.profile_id),
        next=pages.encode({"profile_id": ids[-1]}) if len(found) > len(ids) else None,
    )


async def take_away(session: AsyncSession, ref: str, key: str) -> None:
    """Take a tag from a viewer, whichever of his identities has it. Raises UnknownProfile, UnknownTag, OtherKind."""
    profile_id = await profiles.found(session, ref)
    row = await known(session, key)
    if row.kind == "rule":
        raise OtherKind(f"{key!r} follows the segment {row.segment!r}: he has it while he is in it", field="key")
    if row.kind == "interest":
        raise OtherKind(f"{key!r} follows what he cares for: he has it until that has faded", field="key")
    await identities.lock_profiles(session, [profile_id])
    if await store.take_away(session, profile_id, key):
        await _changed(session, row, [profile_id])


async def _changed(session: AsyncSession, row: Any, profile_ids: Iterable[int]) -> None:
    if row.state == IN_USE:
        await tell_again(session, profile_ids)


async def expire(session: AsyncSession) -> bool:
    """Take away what has ended, and tell it at once; whether there may be more."""
    now = clock.now()
    ending = await store.expiring(session, now, CHUNK)
    origins = sorted(set(ending))
    if not origins:
        return False
    # Profiles first, then what they have: as everyone else who gives or takes tags.
    found = await store.profiles_of(session, origins)
    await identities.lock_profiles(session, found)
    await store.expire(session, origins, now)
    await tell_again(session, found)
    return len(ending) == CHUNK
