"""The rules of grouping in their plainest form, and what random steps may say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MOST = {"user_id": 1, "anonymous_id": 3, "device_id": 4, "shop_id": 2}
PER_DAY = {"user_id": 9, "anonymous_id": 3, "device_id": 9, "shop_id": 1}
PRIORITY = {"user_id": 100, "shop_id": 70, "anonymous_id": 20, "device_id": 10}


class Said(NamedTuple):
    """One call by its ids; `joins`: an identify that says all of them are one viewer. Its time is anything."""

    user: str | None
    visitor: str | None
    device: str | None
    shop: str | None
    joins: bool
    time: int

    @property
    def ids(self) -> list[str]:
        """Origins in the order they are looked at."""
        named = {"user_id": self.user, "anonymous_id": self.visitor, "shop_id": self.shop, "device_id": self.device}
        return [f"{name}:{value}" for name, value in named.items() if value]


class Taken(NamedTuple):
    """An operator takes ids away from whoever has the first."""

    ids: tuple[str, ...]


class Put(NamedTuple):
    """An operator makes one viewer of two."""

    gone: str
    into: str


@dataclass
class Naive:
    """The rules in their plainest form: one thing at a time, everything looked up by walking through all of it."""

    home: dict[str, int] = field(default_factory=dict)
    made: int = 0
    merges: dict[int, int] = field(default_factory=dict)
    log: list[tuple[int, int, set[str]]] = field(default_factory=list)
    redirects: dict[int, int] = field(default_factory=dict)
    vetoes: list[tuple[set[str], set[str]]] = field(default_factory=list)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    told: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def members(self, number: int) -> set[str]:
        return {one for one, home in self.home.items() if home == number}

    def against(self, left: set[str], right: set[str], via: str) -> bool:
        for went, stayed in self.vetoes:
            if (left & went and right & stayed) or (left & stayed and right & went):
                return True
        for name, most in MOST.items():
            mine = sum(one.startswith(f"{name}:") for one in left)
            theirs = sum(one.startswith(f"{name}:") for one in right)
            if mine and theirs and mine + theirs > most:
                return True
        users = [any(one.startswith("user_id:") for one in side) for side in (left, right)]
        return via.startswith("device_id:") and users == [False, True]

    def note(self, one: str, other: str, *, refused: bool) -> None:
        pair = (min(one, other), max(one, other))
        if not (refused and self.links.get(pair) == "vetoed"):
            self.links[pair] = "refused" if refused else "active"

    def take(self, number: int, said: Said) -> None:
        first, *rest = said.ids
        if first not in self.home:
            for other in rest:
                if other in self.home:
                    refused = self.against({first}, self.members(self.home[other]), other)
                    self.note(first, other, refused=refused)
                    if not refused:
                        self.home[first] = self.home[other]
                        break
            else:
                self.made += 1
                self.home[first] = self.made
        for other in rest:
            mine, its = self.home[first], self.home.get(other)
            if its is None:
                refused = self.against(self.members(mine), {other}, other)
                self.note(first, other, refused=refused)
                if not refused:
                    self.home[other] = mine
            elif its != mine:
                joins = said.joins or (said.user is not None and other.startswith("anonymous_id:"))
                self.meet(first, other, joins=joins)
        self.told.setdefault(first, []).append((said.time, number))

    def meet(self, first: str, other: str, *, joins: bool) -> None:
        mine, its = self.home[first], self.home[other]
        refused = self.against(self.members(mine), self.members(its), other)
        if not refused and not joins:
            return

        def rank(number: int) -> tuple[int, int]:
            return -max(PRIORITY[one.partition(":")[0]] for one in self.members(number)), number

        into = min(mine, its, key=rank)
        refused = refused or self.merges.get(into, 0) >= PER_DAY[other.partition(":")[0]]
        self.note(first, other, refused=refused)
        if not refused:
            self.merge(its if into == mine else mine, into)

    def merge(self, gone: int, into: int) -> None:
        self.log.append((gone, into, self.members(gone)))
        self.redirects[gone] = into
        self.merges[into] = self.merges.get(into, 0) + 1
        for one in self.members(gone):
            self.home[one] = into

    def put(self, gone: str, into: str) -> bool:
        left, right = self.home.get(gone), self.home.get(into)
        if left is None or right is None or left == right:
            return False
        mine, theirs = self.members(left), self.members(right)
        for name, most in MOST.items():
            counts = [sum(one.startswith(f"{name}:") for one in side) for side in (mine, theirs)]
            if all(counts) and sum(counts) > most:
                return False
        self.vetoes = [
            (went - mine, stayed - mine)
            if (mine & went and theirs & stayed) or (mine & stayed and theirs & went)
            else (went, stayed)
            for went, stayed in self.vetoes
        ]
        for one, other in list(self.links):
            if self.links[one, other] == "vetoed" and {self.home.get(one), self.home.get(other)} == {left, right}:
                self.links[one, other] = "active"
        self.merge(left, right)
        return True

    def split(self, ids: Sequence[str]) -> bool:
        number = self.home.get(ids[0])
        if number is None:
            return False
        held, went = self.members(number), set(ids)
        if not went <= held or went == held:
            return False
        into = next(
            (
                gone
                for gone, home, moved in reversed(self.log)
                if home == number and went <= moved and self.redirects.get(gone) == number
            ),
            None,
        )
        if into is None:
            self.made += 1
            into = self.made
        self.redirects.pop(into, None)
        for one in went:
            self.home[one] = into
        self.vetoes.append((went, held - went))
        for one, other in self.links:
            if (one in went and other in held - went) or (other in went and one in held - went):
                self.links[one, other] = "vetoed"
        return True
