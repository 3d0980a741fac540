"""What changed here since the other replicas were told last."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

import msgspec

MOST = 2000
"""Ids in one piece of news; with more, "forget everybody" is shorter and cheaper."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One broadcast. `sender` lets a replica skip its own."""

    sender: str
    placements: dict[str, int] = {}
    profiles: list[int] = []
    identities: list[str] = []
    everybody: bool = False
    popular: bool = False


class News:
    """Collects changes until a step broadcasts them; bounded, since beyond `MOST` ids it says "everybody"."""

    def __init__(self) -> None:
        self.sender = secrets.token_hex(8)
        self._clear()

    def _clear(self) -> None:
        self._placements: dict[str, int] = {}
        self._profiles: set[int] = set()
        self._identities: set[str] = set()
        self._everybody = False
        self._popular = False

    def add(
        self,
        *,
        placements: Mapping[str, int] | None = None,
        profiles: Collection[int] = (),
        identities: Collection[str] = (),
        everybody: bool = False,
        popular: bool = False,
    ) -> None:
        """These changed."""
        self._placements.update(placements or {})
        self._popular |= popular
        if self._everybody:
            return
        self._profiles.update(profiles)
        self._identities.update(identities)
        if everybody or len(self._profiles) + len(self._identities) > MOST:
            self._profiles, self._identities, self._everybody = set(), set(), True

    def take(self) -> Told | None:
        """All that is to be told, once; None when nothing is."""
        told = Told(
            sender=self.sender,
            placements=self._placements,
            profiles=sorted(self._profiles),
            identities=sorted(self._identities),
            everybody=self._everybody,
            popular=self._popular,
        )
        self._clear()
        return None if told == Told(sender=self.sender) else told
