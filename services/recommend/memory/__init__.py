"""What recommend keeps in its process so that a decision needs nothing else; pure, no SQL.

A change reaches it after its commit: here at once, on the other replicas by the news that are broadcast.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.memory.catalogue import Catalogue
from services.recommend.memory.log import DecisionLog
from services.recommend.memory.lookups import Lookups
from services.recommend.memory.news import News
from services.recommend.memory.popular import Popular
from services.recommend.memory.viewers import Viewers
from services.recommend.rules.creatives import Placement
from services.recommend.settings import Settings
from shared.house import House


@dataclass(frozen=True, slots=True)
class Memory:
    """The process's own view of its database."""

    catalogue: Catalogue
    viewers: Viewers
    lookups: Lookups
    popular: Popular
    log: DecisionLog
    news: News
    settings: Settings
    track_key: bytes
    """Signs the tokens of click and impression links."""

    def placement_changed(self, key: str, revision: int, placement: Placement | None) -> None:
        """A transaction that changed a placement has committed (None: deleted it)."""
        self.catalogue.put(key, revision, placement)
        self.news.add(placements={key: revision})

    def viewers_changed(self, *, profiles: Collection[int], identities: Collection[str]) -> None:
        """A transaction that changed who these are, or where they belong, has committed."""
        self.viewers.forget(profiles=profiles, identities=identities)
        self.news.add(profiles=profiles, identities=identities)

    def everybody_changed(self) -> None:
        """A transaction that may have changed any viewer has committed."""
        self.viewers.forget_all()
        self.news.add(everybody=True)

    def popularity_changed(self) -> None:
        """A transaction that changed events or items has committed."""
        self.popular.changed = True
        self.news.add(popular=True)


def fresh(settings: Settings) -> Memory:
    """An empty memory of the sizes that the settings say."""
    return Memory(
        catalogue=Catalogue(),
        viewers=Viewers(size=settings.viewers_in_memory, max_age=settings.viewers_max_age),
        lookups=Lookups(),
        popular=Popular(),
        log=DecisionLog(size=settings.decisions_waiting),
        news=News(),
        settings=settings,
        track_key=settings.key("track"),
    )


_by_engine: WeakKeyDictionary[Any, Memory] = WeakKeyDictionary()


def belongs(memory: Memory, engine: Any) -> None:
    """Transactions of this engine change this memory."""
    _by_engine[engine] = memory


def of(session: AsyncSession) -> Memory:
    """The memory of the process whose transaction this is."""
    return _by_engine[session.bind]


def held(house: House) -> Memory:
    """The memory this house opened."""
    memory = house.memory
    assert isinstance(memory, Memory)
    return memory
