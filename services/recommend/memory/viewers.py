"""Viewers the process has met lately, kept so that the same visitor's next decision reads no database."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Viewer:
    """What a decision needs to know of a visitor. An identity nobody knows has no profile and no segments."""

    profile_id: int | None
    named: bool
    """Whether the profile has a `user_id`: an anonymous id that leads here belongs to somebody."""
    segments: frozenset[str]


UNKNOWN = Viewer(profile_id=None, named=False, segments=frozenset())


@dataclass(slots=True)
class Loading:
    """One read of the database that is under way, with the changes that were announced meanwhile."""

    profiles: list[Collection[int]] = field(default_factory=list)
    identities: list[Collection[str]] = field(default_factory=list)
    everything: bool = False

    def stale(self, identity: str, viewer: Viewer) -> bool:
        """Whether what was read may be older than a change that was already announced."""
        return (
            self.everything
            or any(identity in changed for changed in self.identities)
            or any(viewer.profile_id in changed for changed in self.profiles)
        )


@dataclass(slots=True)
class _Entry:
    viewer: Viewer
    until: float


class Viewers:
    """A bounded, least-recently-used memory of identity (`user_id:u1`) → Viewer.

    A change is announced after its commit by `forget`, here or from another replica: the entry goes, and the next
    decision reads the truth. Forgetting needs no order between announcements, which updating in place would. An
    announcement can get lost on its way from another replica, so an entry is kept no longer than `max_age` seconds.
    """

    def __init__(self, *, size: int, max_age: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._max_age = max_age
        self._timer = timer
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._by_profile: dict[int, set[str]] = {}
        self._loading: list[Loading] = []

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, identity: str) -> Viewer | None:
        """Who this is, or None when it must be read."""
        entry = self._entries.get(identity)
        if entry is None:
            return None
        if entry.until <= self._timer():
            self._drop(identity)
            return None
        self._entries.move_to_end(identity)
        return entry.viewer

    @contextmanager
    def reading(self) -> Iterator[Loading]:
        """Around a read of the database, from before its first statement until after `keep`."""
        loading = Loading()
        self._loading.append(loading)
        try:
            yield loading
        finally:
            self._loading.remove(loading)

    def keep(self, loading: Loading, identity: str, viewer: Viewer) -> bool:
        """Remember what was read, unless a change of this viewer was announced since (then False)."""
        if loading.stale(identity, viewer):
            return False
        self._drop(identity)
        self._entries[identity] = _Entry(viewer, self._timer() + self._max_age)
        if viewer.profile_id is not None:
            self._by_profile.setdefault(viewer.profile_id, set()).add(identity)
        while len(self._entries) > self._size:
            self._drop(next(iter(self._entries)))
        return True

    def forget(self, *, profiles: Collection[int] = (), identities: Collection[str] = ()) -> None:
        """These changed: their entries go, and reads under way do not bring them back."""
        profiles, identities = frozenset(profiles), frozenset(identities)
        for loading in self._loading:
            loading.profiles.append(profiles)
            loading.identities.append(identities)
        self._drop_all(identities)
        # Walk the smaller side: a first fill announces far more profiles than are in memory.
        few = len(profiles) < len(self._by_profile)
        for profile_id in profiles if few else [one for one in self._by_profile if one in profiles]:
            self._drop_all(tuple(self._by_profile.get(profile_id, ())))

    def forget_all(self) -> None:
        """Something changed and nobody can say for whom."""
        for loading in self._loading:
            loading.everything = True
        self._entries.clear()
        self._by_profile.clear()

    def _drop_all(self, identities: Iterable[str]) -> None:
        for identity in identities:
            self._drop(identity)

    def _drop(self, identity: str) -> None:
        entry = self._entries.pop(identity, None)
        if entry is None or entry.viewer.profile_id is None:
            return
        known = self._by_profile[entry.viewer.profile_id]
        known.discard(identity)
        if not known:
            del self._by_profile[entry.viewer.profile_id]
