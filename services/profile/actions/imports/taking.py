"""Lines of a file: which are good, and taking those in."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import bulk, erasures, giving, links, plan, profiles, registry
from services.profile.actions.giving import Gift
from services.profile.rules import cells
from services.profile.rules import events as event_rules
from services.profile.rules import imports as rules
from services.profile.schemas.imports import MappedColumn
from services.profile.store import imports as store
from shared import clock
from shared.contracts import ResolveAsked

ERRORS = 10_000
"""Wrong lines that are listed; more are counted only."""


async def take(session: AsyncSession, row: Any, first: int, lines: list[list[str]], *, dry_run: bool) -> dict[str, int]:
    """Check these lines and take the good ones in; how many were what."""
    mapping = {column: MappedColumn.model_validate(one) for column, one in row.mapping.items()}
    gives = any(one.tag or one.tags for one in mapping.values())
    words = await giving.words(session) if gives else {}
    laid = await registry.registry(session)
    wrong: list[tuple[int, str, str]] = []
    good: list[tuple[int, rules.Line]] = []
    empty = 0
    for number, line in enumerate(lines, start=first):
        # A workbook needs no marks against formulas, so there a mark is part of the text.
        cells_ = [cells.plain(cell) for cell in line] if row.format == "csv" else line
        if not any(cell.strip() for cell in cells_):
            empty += 1
            continue
        found = rules.read(cells_, row.columns, mapping, words)
        flaws = rules.refused(found, mapping, laid.definitions) if isinstance(found, rules.Line) else found
        if flaws or not isinstance(found, rules.Line):
            wrong += [(number, one.column, one.message) for one in flaws]
        else:
            good.append((number, found))
    now = clock.now()
    # The upload's time: a second try of the same line is the same call, and later news win over an old file.
    calls = {
        number: rules.call(
            said,
            message_id=f"import:{row.id}:{number}",
            time=row.created_at,
            received_at=now,
            source=f"import:{row.id}",
        )
        for number, said in good
    }
    blind, blocked = await links.blinder(session), await plan.blocked(session)
    origins: dict[int, str] = {}
    for number, item in calls.items():
        try:
            origins[number] = event_rules.claim(item, blind, blocked).origin
        except event_rules.Malformed as error:
            wrong.append((number, "", str(error)))
    erased = await erasures.erased_among(session, set(origins.values()))
    good = [(number, said) for number, said in good if number in origins and origins[number] not in erased]
    refs = {f"{namespace}:{value}" for _, said in good for namespace, value in said.ids.items()}
    known = (await profiles.resolve(session, ResolveAsked(refs=sorted(refs)))).profile_ids
    old = sum(any(f"{name}:{value}" in known for name, value in said.ids.items()) for _, said in good)
    if not dry_run:
        refused = await bulk.take(session, [calls[number] for number, _ in good])
        wrong += [(good[place][0], "", why) for place, why in refused.items()]
        taken = [(number, said) for place, (number, said) in enumerate(good) if place not in refused]
        gifts = [Gift(said.ref, key, weight) for _, said in taken for key, weight in said.tags.items()]
        unknown = await giving.hand_out(session, gifts, source=f"import:{row.id}")
        nobody = "taken in, but without its tags: nobody is known by its id any more"
        wrong += [(number, "", nobody) for number, said in taken if said.tags and said.ref in unknown]
    bad = len({number for number, _, _ in wrong})
    room = max(0, ERRORS - row.counts.get("bad", 0))
    await store.add_errors(session, row.id, sorted(wrong)[:room])
    return {
        "good": len(lines) - empty - bad - sum(one in erased for one in origins.values()),
        "bad": bad,
        "empty": empty,
        "erased": sum(one in erased for one in origins.values()),
        "known": old,
        "new": len(good) - old,
    }
