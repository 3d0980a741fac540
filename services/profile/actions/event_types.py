"""The event types operators see and change."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import plan
from services.profile.rules import catalogue
from services.profile.rules import event_types as rules
from services.profile.rules.event_types import Wanted
from services.profile.schemas.collection import EventType, EventTypeChange, EventTypeInFull, Violation
from services.profile.store import event_types as store
from shared import clock, pages
from shared.database import after_commit
from shared.errors import Conflict, Invalid, NotFound
from shared.pages import Page, PageAsked

VIOLATIONS = timedelta(days=7)
KEPT = timedelta(days=30)
MOST = 20

LONGEST = 512
"""Characters of a name, as at the gateway."""


class UnknownEventType(NotFound):
    """There is no such event type"""


class BuiltIn(Conflict):
    """The catalogue's own event types stay"""


async def page(session: AsyncSession, asked: PageAsked, *, q: str | None) -> Page[EventType]:
    """Event types by name, with `q` those that have it in their name."""
    wanted = await _all(session)
    after = asked.text("name")
    named = [name for name in rules.names(wanted, after) if q is None or q.lower() in name.lower()]
    shown = named[: asked.limit]
    return Page(
        items=[_shown(wanted[name]) for name in shown],
        next=pages.encode({"name": shown[-1]}) if len(named) > len(shown) else None,
    )


async def by_name(session: AsyncSession, name: str) -> EventTypeInFull:
    """One event type. Raises UnknownEventType."""
    one = (await _all(session)).get(name)
    if one is None:
        raise UnknownEventType(f"no event type is named {name!r}; PUT makes it")
    since = (clock.now() - VIOLATIONS).date()
    found = await store.violations(session, name, since=since, limit=MOST)
    violations = [Violation.model_validate(row) for row in found]
    return EventTypeInFull(**_shown(one).model_dump(by_alias=False), violations=violations)


async def put(session: AsyncSession, name: str, change: EventTypeChange) -> EventType:
    """Add or change an event type, at once for this process and within seconds for the others. Raises Invalid."""
    if not name or len(name) > LONGEST or "\0" in name:
        raise Invalid(f"a name has 1 to {LONGEST} characters and no NUL", field="name")
    # First, so that two who change the same type do it one after the other.
    await store.raise_version(session)
    before = (await _all(session)).get(name) or Wanted(name, "observe", "", {"type": "object"}, own=False)
    after = Wanted(
        name,
        change.mode or before.mode,
        before.description if change.description is None else change.description,
        before.schema if change.schema_ is None else change.schema_,
        own=True,
    )
    if name == rules.ANY:
        if after.mode == "strip":
            raise Invalid("unknown names can be observed or refused", field="mode")
        if after.schema:
            raise Invalid("unknown names have no schema", field="schema")
    try:
        rules.checked(after.schema)
    except rules.BadSchema as error:
        raise Invalid(str(error), field=f"schema.{error.path}" if error.path else "schema") from error
    if after.mode == "strip" and not isinstance(after.schema.get("properties"), dict):
        raise Invalid("strip needs a schema that names properties", field="schema.properties")
    await store.put(
        session,
        name=name,
        mode=after.mode,
        description=after.description,
        schema=after.schema,
        at=clock.now(),
    )
    after_commit(session, lambda: plan.drop(session))
    return _shown(after)


async def delete(session: AsyncSession, name: str) -> None:
    """Remove an event type; of a built-in one, what was changed about it. Raises UnknownEventType, BuiltIn."""
    if await store.drop(session, name):
        await store.raise_version(session)
        after_commit(session, lambda: plan.drop(session))
    elif name in rules.merged(()):
        raise BuiltIn(f"{name!r} stands in the catalogue unchanged; to ignore what is wrong with it, set it to observe")
    else:
        raise UnknownEventType(f"no event type is named {name!r}")


async def forget(session: AsyncSession) -> None:
    """Drop violations that were counted more than 30 days ago."""
    await store.forget_violations(session, (clock.now() - KEPT).date())


async def _all(session: AsyncSession) -> dict[str, Wanted]:
    changed = await store.changed(session)
    return rules.merged(Wanted(row.name, row.mode, row.description, row.schema, own=True) for row in changed)


def _shown(one: Wanted) -> EventType:
    return EventType(
        name=one.name,
        description=one.description,
        mode=one.mode,
        built_in=one.name in catalogue.KNOWN or one.name == rules.ANY,
        changed=one.own,
        schema_=one.schema,
    )
