"""What is laid down about traits, applied to what arrives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import prometheus_client
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules import definitions
from services.profile.rules import traits as trait_rules
from services.profile.rules.definitions import BUILT_IN, Definition
from services.profile.rules.sources import Registry
from services.profile.store import traits as store
from shared import clock

REFUSED = prometheus_client.Counter("marquee_traits_refused", "Values that a trait did not take", ["source"])

TOO_LARGE = f"larger than {trait_rules.LARGEST // 1024} KB"
NO_ROOM = f"no room: all traits of an id have {trait_rules.MAX_BYTES // 1024} KB together"


def definition(row: Any) -> Definition:
    """A definition as stored."""
    enum = None if row.enum is None else tuple(row.enum)
    return Definition(name=row.name, type=row.type, enum=enum, personal=row.personal, description=row.description)


async def registry(session: AsyncSession) -> Registry:
    """Definitions and ranks as they are now."""
    rows = await store.laid_down(session)
    own = {row.name: definition(row) for row in rows if row.rank is None}
    return Registry(definitions={**BUILT_IN, **own}, ranks={row.name: row.rank for row in rows if row.rank is not None})


class Gate:
    """Values on their way in: each as its trait holds it, or refused and counted."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._refused: Counter[tuple[str, str, str]] = Counter()

    def taken(self, source: str, traits: Mapping[str, Any]) -> dict[str, Any]:
        """The traits that are taken, as they are kept."""
        kept: dict[str, Any] = {}
        for name, value in traits.items():
            if not trait_rules.fits(value):
                self._refused[name, source, TOO_LARGE] += 1
                continue
            known = self.registry.definitions.get(name)
            try:
                kept[name] = value if known is None else definitions.taken(known, value)
            except definitions.Refused as error:
                self._refused[name, source, str(error)] += 1
        return kept

    def refused(self, source: str, names: Iterable[str], reason: str) -> None:
        """Count values that were refused for another reason than their type."""
        for name in names:
            self._refused[name, source, reason] += 1

    async def close(self, session: AsyncSession) -> None:
        """Write down what was refused."""
        if self._refused:
            await store.refuse(session, self._refused, clock.now())
            for (_, source, _), count in self._refused.items():
                REFUSED.labels(source.partition(":")[0]).inc(count)
