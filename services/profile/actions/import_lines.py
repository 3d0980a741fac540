"""The lines of uploaded files: sealed while they wait, and without those of who was erased."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import links
from services.profile.rules import imports as rules
from services.profile.rules import namespaces, sealing
from services.profile.rules.identities import origin
from services.profile.rules.namespaces import Blind
from services.profile.store import imports as store
from services.profile.tables import imports
from shared import lasting

KIND = "import"

Lines = list[list[str]]


async def sealer(session: AsyncSession) -> Callable[[int, Lines], str]:
    """Seals lines of an import: they hold contact data."""
    key = await lasting.key(session, KIND, since=imports)
    return lambda import_id, lines: sealing.seal(key, f"{KIND}:{import_id}", "lines", lines)


async def opener(session: AsyncSession) -> Callable[[int, str], Lines]:
    """Opens what `sealer` has sealed."""
    key = await lasting.key(session, KIND, since=imports)

    def opened(import_id: int, sealed: str) -> Lines:
        lines: Lines = sealing.unseal(key, f"{KIND}:{import_id}", sealed)
        return lines

    return opened


async def after(session: AsyncSession, import_id: int, number: int) -> tuple[int, Lines] | None:
    """The next lines after the one of this number, opened, with the number of the first."""
    found = await store.lines(session, import_id, after=number)
    if found is None:
        return None
    return found[0], (await opener(session))(import_id, found[1])


async def forget(session: AsyncSession, origins: Sequence[str]) -> int:
    """Empty the lines that name one of these identities, in files that wait to be taken in; how many there were.

    An empty line says nothing and keeps the numbers of the others. What was wrong with such a line goes too.
    """
    seal, open_ = await sealer(session), await opener(session)
    blind = await links.blinder(session)
    wanted, count = frozenset(origins), 0
    for row in await store.waiting(session):
        at = id_columns(row.columns, row.mapping or rules.suggest(row.columns))
        after: int | None = 0
        while after is not None and (found := await store.lines(session, row.id, after=after)) is not None:
            after, sealed = found
            lines = open_(row.id, sealed)
            his = [n for n, line in enumerate(lines) if wanted & names(line, at, blind)]
            for n in his:
                lines[n] = [""]
            if his:
                await store.replace_lines(session, row.id, after, seal(row.id, lines))
                await store.drop_errors(session, row.id, [after + n for n in his])
            count += len(his)
    return count


def id_columns(columns: Sequence[str], mapping: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
    """Places of the columns that hold ids, with their namespaces."""
    return {n: str(mapping[name]["id"]) for n, name in enumerate(columns) if mapping.get(name, {}).get("id")}


def names(line: Sequence[str], at: Mapping[int, str], blind: Blind) -> set[str]:
    """Origins that a line names."""
    found: set[str] = set()
    for n, namespace in at.items():
        if n < len(line) and (value := line[n].strip()):
            found.add(namespaces.known_as(blind, namespace, value) or origin(namespace, value))
    return found
