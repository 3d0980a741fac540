"""Finding viewers: pages of a filtered list, and keeping what they are found by up to date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import links, profiles, registry, telling
from services.profile.rules import blind
from services.profile.rules import identities as identity_rules
from services.profile.rules import search as rules
from services.profile.rules import traits as trait_rules
from services.profile.schemas.profiles import Profile
from services.profile.schemas.search import BOT, HAS, TAG, Condition, Sort
from services.profile.store import identities, programs
from services.profile.store import search as store
from services.profile.store import tags as store_tags
from services.profile.store.search import Place, Wanted
from shared import clock, pages
from shared.contracts import ResolveAsked
from shared.errors import Invalid
from shared.pages import Page, PageAsked

if TYPE_CHECKING:
    from services.profile.actions.stages import Recorded

CONTACTS = ("email", "phone")

WALKS = 10
"""Pages looked through at most for one without programs; where all are full of them, it is shorter than asked for."""

NOTES = 20_000
"""Notes of touched viewers taken in one transaction."""


class TimePlace(msgspec.Struct, frozen=True):
    """A place in a list ordered by time."""

    place: Annotated[datetime, msgspec.Meta(tz=True)]
    last: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class NumberPlace(msgspec.Struct, frozen=True):
    """A place in a list ordered by a number."""

    place: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    last: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


async def note(session: AsyncSession, fresh: Sequence[Recorded]) -> None:
    """A stage: these viewers' rows are to be worked out again, all of them where traits were given."""
    said: dict[int, bool] = {}
    for call, profile_id in fresh:
        said[profile_id] = said.get(profile_id, False) or bool(call.traits)
    await store.touch(session, said)


async def touch(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """These viewers changed otherwise (merged, split, tagged, erased): all of their rows are worked out again."""
    await store.touch(session, dict.fromkeys(profile_ids, True))


async def refresh(session: AsyncSession) -> bool:
    """Work out the rows of viewers that were touched; True when there may be more.

    What is committed after the notes were taken left a note of its own, so nothing stays stale.
    """
    taken = await store.take(session, limit=NOTES)
    if not taken:
        return False
    await store.count_activity(session, sorted(taken))
    if changed := sorted(profile_id for profile_id, whole in taken.items() if whole):
        await store.drop_activity(session, changed)
        found_by = {}
        laid = await registry.registry(session)
        tags = await store_tags.held(session, changed, clock.now())
        for profile_id, held in (await identities.of(session, changed)).items():
            whole = trait_rules.whole((trait_rules.read(one.traits) for one in held), laid)
            found_by[profile_id] = rules.values(whole.traits, has=whole.has, tags=tags.get(profile_id, ()))
        await store.keep(session, found_by)
    if turned := await programs.mark(session, taken):
        await identities.lock_profiles(session, turned)
        await telling.again(session, turned, "rule")
    return True


def wanted(
    *,
    traits: Sequence[Condition] = (),
    name: str | None = None,
    has: Sequence[str] = (),
    tags: Sequence[str] = (),
    seen_after: datetime | None = None,
    seen_before: datetime | None = None,
    bot: bool | None = None,
) -> Wanted:
    """What is asked, checked. Raises Invalid. That programs are left out is no condition: see `page`."""
    conditions = [
        *traits,
        *rules.marked(HAS, has),
        *rules.marked(TAG, tags),
        *rules.marked(BOT, [programs.YES] if bot else []),
    ]
    if name is not None:
        try:
            conditions.append(rules.named(name))
        except rules.Malformed as error:
            raise Invalid(str(error), field="name") from error
    return Wanted(tuple(conditions), seen_after, seen_before)


async def filterable(session: AsyncSession, tags: Sequence[str], *, field: str = "tag") -> None:
    """Whether viewers can be filtered by these tags: nobody would be found by one on trial. Raises Invalid."""
    states = {row.key: row.state for row in await store_tags.by_keys(session, tags)} if tags else {}
    for tag in tags:
        if tag not in states:
            raise Invalid(f"there is no tag {tag!r}: GET /v1/tags has them all", field=field)
        if states[tag] != store_tags.IN_USE:
            told = f"{tag!r} is on trial: adopt it first, or see who has it at GET /v1/tags/{tag}/viewers"
            raise Invalid(told, field=field)


def parsed(written: Sequence[str]) -> list[Condition]:
    """Conditions on traits from a query. Raises Invalid."""
    try:
        return [rules.parse(one) for one in written]
    except rules.Malformed as error:
        raise Invalid(str(error), field="trait") from error


async def page(
    session: AsyncSession,
    asked: PageAsked,
    *,
    q: str | None,
    wanted: Wanted,
    sort: Sort,
    unmasked: bool,
    people: bool = False,
) -> Page[Profile]:
    """Viewers in this order, the largest first; `q` is an id in any namespace, else part of a name.

    With `people` programs are left out, but for one that `q` names by its id.
    """
    if q is not None:
        if asked.after is None and (found := await _known(session, q)):
            versions = await identities.versions(session, found)
            return Page(items=await profiles.shown(session, versions, unmasked=unmasked))
        try:
            wanted = wanted._replace(conditions=(*wanted.conditions, rules.named(q)))
        except rules.Malformed:
            return Page(items=[])
    kept: list[tuple[Place, Profile]] = []
    following: Place | None = None
    # Programs are few and what tells them stands with what is shown, so they are dropped on the way instead of asked
    # about: every index stays as it is, and who is not looked for costs nothing.
    for _ in range(WALKS):
        places, following = await _places(session, asked, wanted, sort)
        versions = await identities.versions(session, [profile_id for _, profile_id in places])
        ordered = {profile_id: versions[profile_id] for _, profile_id in places if profile_id in versions}
        place_of = {place[1]: place for place in places}
        for one in await profiles.shown(session, ordered, unmasked=unmasked):
            if not (people and one.bot):
                kept.append((place_of[one.profile_id], one))
        if len(kept) >= asked.limit or following is None:
            break
        asked = replace(asked, after=_after(following))
    if len(kept) > asked.limit:
        kept = kept[: asked.limit]
        following = kept[-1][0]
    return Page(items=[one for _, one in kept], next=pages.encode(_after(following)) if following is not None else None)


def _after(place: Place) -> dict[str, Any]:
    """A place as a cursor has it."""
    return {"place": place[0], "last": place[1]}


async def _known(session: AsyncSession, q: str) -> set[int]:
    """The viewers that have exactly this id: a profile id, namespace:value, or a value in any namespace."""
    if "\0" in q:
        return set()
    refs = [q, *(identity_rules.origin(namespace, q) for namespace in identity_rules.NAMESPACES)]
    found = set((await profiles.resolve(session, ResolveAsked(refs=refs))).profile_ids.values())
    index = await links.blinder(session)
    hidden = [identity_rules.origin(one, f"{blind.MARK}{index(one, q)}") for one in (*CONTACTS, *index.contacts)]
    return found | set((await identities.owners(session, hidden)).values())


async def _places(
    session: AsyncSession, asked: PageAsked, wanted: Wanted, sort: Sort
) -> tuple[list[Place], Place | None]:
    """Who stands on this page, and the place of its last one when there are more."""
    cursor = _cursor(asked, sort)
    if sort == "newest" and wanted.everybody:
        versions = await identities.newest(session, before=cursor[1] if cursor else None, limit=asked.limit + 1)
        found: list[Place] = [(profile_id, profile_id) for profile_id in versions]
    elif wanted.everybody:
        found = (await store.window(session, wanted, sort, cursor=cursor, size=asked.limit + 1)).found
    else:
        found = await _filtered(session, wanted, sort, cursor, asked.limit + 1)
    shown = found[: asked.limit]
    return shown, shown[-1] if len(found) > len(shown) else None


async def _filtered(session: AsyncSession, wanted: Wanted, sort: Sort, cursor: Place | None, limit: int) -> list[Place]:
    """The next who are wanted. Who are many stand near by, who are few are in an index: neither way takes long."""
    near = await store.window(session, wanted, sort, cursor=cursor, size=store.NEAR)
    if len(near.found) >= limit or near.end:
        return near.found[:limit]
    if len(wanted.conditions) <= 1 and all(one.op == "contains" for one in wanted.conditions):
        # The index for looking inside values is slow where many fit, and counting by it takes as long as asking it.
        rarest, matches = 0, store.CAP if near.found else 0
    else:
        rarest, matches = await store.rarest(session, wanted)
    met = await _further(session, wanted, sort, near, limit) if matches >= store.CAP else None
    return met or await store.by_index(session, wanted, sort, rarest, cursor=cursor, limit=limit)


async def _further(
    session: AsyncSession, wanted: Wanted, sort: Sort, near: store.Windowed, limit: int
) -> list[Place] | None:
    """Walk on from what was found near by; None when it is too far."""
    found, edge, walked = list(near.found), near.edge, store.NEAR
    while walked < store.FAR:
        # So many more rows, and some more, should fill the page if it goes on like that. None yet may be bad luck.
        likely = (limit - len(found)) * walked * 5 // (4 * len(found)) if found else store.STEP
        if walked + likely > store.FAR:
            return None
        size = min(max(likely, store.NEAR), store.STEP)
        window = await store.window(session, wanted, sort, cursor=edge, size=size)
        found += window.found
        if len(found) >= limit or window.end:
            return found[:limit]
        edge, walked = window.edge, walked + size
    return None


def _cursor(asked: PageAsked, sort: Sort) -> Place | None:
    if asked.after is None:
        return None
    kind: type[TimePlace | NumberPlace] = TimePlace if sort == "last_seen" else NumberPlace
    try:
        place = msgspec.convert(asked.after, kind)
    except msgspec.ValidationError as error:
        raise Invalid("the cursor is not one of this list: begin again without it", field="cursor") from error
    return place.place, place.last
