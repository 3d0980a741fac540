"""What operators do with traits: say what they hold and whom to believe, see why a value counts, correct one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import keys, profiles, registry, search, telling
from services.profile.rules import bots, contacts, definitions, looks, sources
from services.profile.rules import traits as rules
from services.profile.rules.definitions import BUILT_IN, Definition
from services.profile.rules.sources import Registry
from services.profile.rules.traits import Trait
from services.profile.schemas.traits import (
    Candidate,
    DefinitionInput,
    DefinitionOutput,
    RankInput,
    RefusedOutput,
    SourceOutput,
    TraitOutput,
    TraitsInput,
    TraitsOutput,
)
from services.profile.store import identities, leanings
from services.profile.store import traits as store
from services.profile.store.identities import Held
from shared import clock, jobs, pages
from shared.errors import Conflict, Invalid, NotFound
from shared.jobs import JobRow, Progress
from shared.pages import Page, PageAsked

RETELL = "retell traits"
CHUNK = 500


class UnknownDefinition(NotFound):
    """There is no such definition of a trait"""


class BuiltIn(Conflict):
    """This definition comes with every installation"""


async def all_definitions(session: AsyncSession) -> list[DefinitionOutput]:
    """What traits hold, by name."""
    laid = await registry.registry(session)
    return [_definition(one) for _, one in sorted(laid.definitions.items())]


async def definition(session: AsyncSession, name: str) -> DefinitionOutput:
    """What a trait holds. Raises UnknownDefinition."""
    laid = await registry.registry(session)
    if name not in laid.definitions:
        raise UnknownDefinition(f"nobody has laid down what {name!r} holds: it takes any value")
    return _definition(laid.definitions[name])


async def define(session: AsyncSession, name: str, wanted: DefinitionInput) -> DefinitionOutput:
    """Lay down what a trait holds; who has it is told again where it becomes personal, or no longer is."""
    if looks.is_contact(name, "") or rules.is_own_word(name):
        raise Invalid(f"{name!r} is contact data or consent, which have rules of their own", field="name")
    if name == bots.MARK:
        raise Invalid(f"{name!r} is how Marquee marks programs, and nobody else's word: choose another", field="name")
    laid = await registry.registry(session)
    now = clock.now()
    values = wanted.model_dump(include={"type", "enum", "personal", "description"})
    await store.define(session, name, values | {"updated_at": now})
    if laid.is_personal(name) != wanted.personal:
        await _retell(session, f"trait {name}", [_word(name)])
    return await definition(session, name)


async def undefine(session: AsyncSession, name: str) -> None:
    """Forget an operator's definition; a built-in one stands again. Raises UnknownDefinition, BuiltIn."""
    before = (await registry.registry(session)).is_personal(name)
    if not await store.undefine(session, name):
        if name in BUILT_IN:
            raise BuiltIn(f"{name!r} cannot be deleted; PUT another definition of it instead")
        raise UnknownDefinition(f"nobody has laid down what {name!r} holds")
    if (await registry.registry(session)).is_personal(name) != before:
        await _retell(session, f"trait {name}", [_word(name)])


def _definition(one: Definition) -> DefinitionOutput:
    return DefinitionOutput(
        name=one.name,
        type=one.type,
        enum=None if one.enum is None else list(one.enum),
        personal=one.personal,
        description=one.description,
        built_in=BUILT_IN.get(one.name) == one,
    )


async def ranks(session: AsyncSession) -> list[SourceOutput]:
    """Kinds of sources and sources with a rank of their own, the most trusted first."""
    laid = await registry.registry(session)
    names = sorted({*sources.KINDS, *laid.ranks}, key=lambda one: (-laid.rank(one), one))
    return [SourceOutput(source=one, rank=laid.rank(one), default=one not in laid.ranks) for one in names]


async def rank(session: AsyncSession, source: str, wanted: RankInput) -> SourceOutput:
    """Set how far a source is believed; the viewers it spoke of are told again, by a job. Raises Invalid."""
    kind, _, name = source.partition(":")
    if kind not in sources.KINDS or source.endswith(":"):
        known = ", ".join(sorted(sources.KINDS))
        raise Invalid(f"{source!r} is neither one of {known} nor one of these with a name, as sdk:web", field="source")
    before = (await registry.registry(session)).rank(source)
    await store.rank(session, source, wanted.rank, clock.now())
    laid = await registry.registry(session)
    if laid.rank(source) != before:
        await _retell(session, f"source {source}", [f'"{source}"' if name else f'"{kind}:'])
    return SourceOutput(source=source, rank=laid.rank(source), default=source not in laid.ranks)


def _word(name: str) -> str:
    """The text by which stored traits show that they hold this one."""
    return rules.write({name: Trait(None, clock.now(), clock.now())}).partition("[")[0].removeprefix("{").rstrip(":")


async def _retell(session: AsyncSession, subject: str, words: Sequence[str]) -> None:
    await jobs.begin(session, RETELL, subject, {"words": list(words)})


async def retell(session: AsyncSession, job: JobRow) -> Progress:
    """A step of telling again whom a change of definitions or ranks may concern."""
    after = int(job.cursor or 0)
    found = await store.speaking(session, job.params["words"], after=after, limit=CHUNK)
    if found:
        await identities.lock_profiles(session, found)
        await telling.again(session, found, "rule")
        await search.touch(session, found)
    last = str(found[-1]) if found else job.cursor
    return Progress(job.done + len(found), job.total, last, finished=len(found) < CHUNK)


async def refused(session: AsyncSession, asked: PageAsked) -> Page[RefusedOutput]:
    """Values that were not taken, by trait, source and reason."""
    name, source, reason = asked.text("name"), asked.text("source"), asked.text("reason")
    after = (name, source, reason) if name is not None and source is not None and reason is not None else None
    rows = await store.refused(session, after=after, limit=asked.limit + 1)
    shown = rows[: asked.limit]
    following = {one: getattr(shown[-1], one) for one in ("name", "source", "reason")} if shown else {}
    return Page(
        items=[RefusedOutput.model_validate(row) for row in shown],
        next=pages.encode(following) if len(rows) > len(shown) else None,
    )


async def explained(session: AsyncSession, ref: str, *, unmasked: bool) -> TraitsOutput:
    """Every trait of a viewer with all that was said of it. Raises UnknownProfile."""
    profile_id = await profiles.found(session, ref)
    held = (await keys.opened(session, await identities.of(session, [profile_id])))[profile_id]
    return _explained(profile_id, held, await registry.registry(session), unmasked=unmasked)


def _explained(profile_id: int, held: Sequence[Held], laid: Registry, *, unmasked: bool) -> TraitsOutput:
    said: dict[str, list[tuple[str, Trait]]] = {}
    for one in held:
        for name, trait in rules.read(one.traits).items():
            said.setdefault(name, []).extend((one.origin, candidate) for candidate in trait.candidates)
    view = rules.aged(rules.view((rules.read(one.traits) for one in held), laid), clock.now().date())

    def shown(name: str, value: Any) -> Any:
        if unmasked or value is None:
            return value
        return sources.HIDDEN if laid.is_personal(name) else contacts.masked(value, name)

    result: list[TraitOutput] = []
    for name in sorted({*said, *view}):
        own = rules.is_own_word(name)
        trusted = sources.EQUAL if own else laid
        every = said.get(name, [])
        heard = [one for _, one in every]
        winner = rules.winner(rules.own_words(name, heard) if own else heard, trusted) if every else None
        known = laid.definitions.get(name)
        counted = view.get(name)
        result.append(
            TraitOutput(
                name=name,
                value=shown(name, counted.value) if counted else None,
                type=known.type if known else None,
                personal=laid.is_personal(name),
                source=counted.source if counted else None,
                since=counted.since if counted else None,
                candidates=[
                    Candidate(
                        value=shown(name, one.value),
                        source=one.source,
                        rank=trusted.rank(one.source),
                        origin=origin,
                        at=one.at,
                        since=one.since,
                        wins=one is winner,
                    )
                    for origin, one in every
                ],
            )
        )
    return TraitsOutput(profile_id=profile_id, traits=result)


def exposed(shown: TraitsOutput) -> list[str]:
    """Whose contact data or personal traits stand readable in this answer, for the audit log."""
    readable = any(
        one.personal or any(contacts.masked(said.value, one.name) != said.value for said in one.candidates)
        for one in shown.traits
    )
    return [f"profile:{shown.profile_id}"] if readable else []


def home(ref: str, held: Sequence[Held]) -> str:
    """The identity to which something is given that is said of a viewer: the one named, else his first, users first."""
    origins = [one.origin for one in held]
    if ref in origins:
        return ref
    return min(held, key=lambda one: (not one.origin.startswith("user_id:"), one.first_seen, one.origin)).origin


async def correct(session: AsyncSession, ref: str, wanted: TraitsInput, *, by: str, unmasked: bool) -> TraitsOutput:
    """Set traits as an operator. Raises UnknownProfile, and Invalid for a value its trait does not take."""
    profile_id, held = await profiles.locked(session, ref)
    laid = await registry.registry(session)
    values = _taken(laid, wanted.traits)
    origin = home(ref, held)
    given = await keys.seal_traits(session, origin, values)
    before = {one.origin: rules.read(one.traits) for one in held}
    after = before | {origin: rules.absorb(before[origin], [(clock.now(), given)], source=f"operator:{by}")}
    await identities.say(session, {origin: rules.write(after[origin])})
    if rules.whole(after.values(), laid) != rules.whole(before.values(), laid):
        await telling.again(session, [profile_id], "rule")
    await search.touch(session, [profile_id])
    await leanings.note(session, [profile_id])
    return await explained(session, str(profile_id), unmasked=unmasked)


def _taken(laid: Registry, traits: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in traits.items():
        if rules.is_own_word(name):
            raise Invalid(f"{name} is the viewer's own word: it is changed where consent is", field=f"traits.{name}")
        known = laid.definitions.get(name)
        try:
            values[name] = value if known is None else definitions.taken(known, value)
        except definitions.Refused as error:
            choices = f"; it takes {', '.join(known.enum)}" if known and known.enum else ""
            raise Invalid(f"{name} does not take this: {error}{choices}", field=f"traits.{name}") from error
        if not rules.fits(values[name]):
            raise Invalid(f"a value has at most {rules.LARGEST} bytes", field=f"traits.{name}")
    return values
