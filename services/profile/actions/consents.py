"""What viewers agree to: written down with its proof, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, registry, telling
from services.profile.rules import consents as rules
from services.profile.rules import sources
from services.profile.rules import traits as trait_rules
from services.profile.rules.consents import PREFIX
from services.profile.schemas.consents import Consents, NewStatement, NewStatements, Statement
from services.profile.store import consents, identities, leanings
from shared import clock, pages
from shared.contracts import ConsentNoted, ConsentSaid
from shared.errors import Invalid, NotFound
from shared.pages import PageAsked

if TYPE_CHECKING:
    from services.profile.actions.stages import Recorded

OVERTURNS = "a file or a bulk call does not take back a no"

SOURCE = "consent"
"""What recorded an answer as a trait; ranks of sources do not count for answers, the last one does."""


async def heeded(session: AsyncSession, fresh: list[Recorded]) -> list[Recorded]:
    """These calls, without answers of files and of the bulk API that would take back a no; those are counted.

    A yes that was bought, or exported before he said no, is worth nothing against it. His new answer comes by a call of
    his own, or with its proof by `PUT /v1/profiles/{ref}/consents`.
    """
    concerned = {
        one.profile_id
        for one in fresh
        if one.call.traits
        and sources.is_second_hand(sources.of(one.call.item.source))
        and any(map(trait_rules.is_own_word, one.call.traits))
    }
    if not concerned:
        return fresh
    await identities.lock_profiles(session, concerned)
    held = await identities.of(session, concerned)
    counts = {
        profile_id: {
            name: one.value
            for name, one in trait_rules.view(trait_rules.read(identity.traits) for identity in its).items()
            if trait_rules.is_own_word(name)
        }
        for profile_id, its in held.items()
    }
    result: list[Recorded] = []
    gate = registry.Gate(sources.PLAIN)
    for one in fresh:
        present = counts.get(one.profile_id)
        source = sources.of(one.call.item.source)
        if present is None:
            result.append(one)
            continue
        said = one.call.traits
        undone = (
            {name for name, value in said.items() if trait_rules.overturns(name, value, present.get(name))}
            if sources.is_second_hand(source)
            else set()
        )
        if undone:
            gate.refused(source, undone, OVERTURNS)
            said = {name: value for name, value in said.items() if name not in undone}
            one = one._replace(call=one.call._replace(traits=said))
        # Of two lines about one viewer the second must not take back what the first one says.
        present |= {name: value for name, value in said.items() if trait_rules.is_own_word(name)}
        result.append(one)
    await gate.close(session)
    return result


async def note(session: AsyncSession, batch: Sequence[Recorded]) -> None:
    """A stage: answers that came with calls go into the history where they differ from the last of their identity."""
    said = [
        (call, purpose, answer)
        for call, _ in batch
        if call.traits
        for purpose, answer in rules.statements(call.traits).items()
    ]
    if not said:
        return
    held = await consents.latest(session, {call.claim.origin for call, _, _ in said})
    now = clock.now()
    fresh: list[consents.Statement] = []
    for call, purpose, answer in sorted(said, key=lambda one: one[0].time):
        key = (call.claim.origin, purpose)
        if key not in held or held[key] is not answer:
            held[key] = answer
            by = sources.of(call.item.source)
            second = sources.is_second_hand(by)
            kind = "sdk" if not second else "import" if by.startswith(sources.FILE) else "bulk"
            # The line of a file, or the call of an operator's system, is where the answer can be looked up.
            proof = call.message_id if second else None
            fresh.append(consents.Statement(key[0], purpose, answer, kind, None, proof, call.time, now, by))
    if fresh:
        await consents.add(session, fresh)


async def shown(session: AsyncSession, ref: str, asked: PageAsked) -> Consents:
    """What holds for a viewer, and the history. Raises UnknownProfile."""
    profile_id = await profiles.found(session, ref)
    before = asked.number("before")
    rows = await consents.history(session, profile_id, before=before, limit=asked.limit + 1)
    lines = rows[: asked.limit]
    held = (await identities.of(session, [profile_id]))[profile_id]
    said = trait_rules.view((trait_rules.read(one.traits) for one in held), await registry.registry(session))
    values = {name: one.value for name, one in said.items()}
    today = clock.now().date()
    return Consents(
        profile_id=profile_id,
        current=rules.current(values, today),
        age=rules.age(values, today),
        history=[Statement.model_validate(row) for row in lines],
        next=pages.encode({"before": lines[-1].id}) if len(rows) > len(lines) else None,
    )


async def record(session: AsyncSession, ref: str, said: NewStatements, *, by: str) -> Consents:
    """Write answers down and tell the viewer anew. Raises UnknownProfile, Invalid for a time in the future."""
    now = clock.now()
    for place, one in enumerate(said.consents):
        if one.at is not None and one.at > now:
            raise Invalid("is in the future", field=f"consents[{place}].at")
    profile_id, held = await profiles.locked(session, ref)
    # A ref may name one of his identities; else the answer is kept with the first, the user's where there is one.
    origin = next((one for one in held if one.origin == ref), held[0])
    lines = [
        consents.Statement(
            origin.origin,
            one.purpose,
            one.granted,
            said.source,
            one.version,
            one.proof,
            (one.at or now).astimezone(UTC),
            now,
            by,
        )
        for one in said.consents
    ]
    await consents.add(session, lines)
    traits = trait_rules.read(origin.traits)
    after = trait_rules.absorb(
        traits, [(line.at, {f"{PREFIX}{line.purpose}": line.granted}) for line in lines], source=SOURCE
    )
    await identities.say(session, {origin.origin: trait_rules.write(after)})
    await telling.again(session, [profile_id], "rule")
    await leanings.note(session, [profile_id])
    return await shown(session, ref, PageAsked(50, None))


async def said(session: AsyncSession, asked: ConsentSaid) -> ConsentNoted:
    """An answer given by a link in a message. Who is not there any more has nothing to answer."""
    try:
        one = NewStatement.model_validate({"purpose": asked.purpose, "granted": asked.granted, "proof": asked.proof})
        statements = NewStatements(consents=[one], source=asked.source)
        await record(session, str(asked.profile_id), statements, by="viewer")
    except NotFound:
        return ConsentNoted(known=False)
    return ConsentNoted(known=True)
