"""Which identities are one viewer: links, merges and refusals, decided call by call over the groups they meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.profile.rules import namespaces
from services.profile.rules.identities import USER, Claim, parts
from services.profile.rules.namespaces import ANONYMOUS, Spaces

VETO, SHARED, UNIQUE, LIMIT = "veto", "shared_device", "uniqueness", "limit"


@dataclass(slots=True)
class Group:
    """A profile as linking sees it: its origins, the sides of splits it stands on, merges into it in 24 hours."""

    origins: set[str] = field(default_factory=set)
    sides: set[tuple[int, bool]] = field(default_factory=set)
    merges: int = 0

    def counts(self) -> Counter[str]:
        """Number of ids by namespace."""
        return Counter(parts(one)[0] for one in self.origins)


class Link(NamedTuple):
    """Two identities that call `n` names together, and what came of it: `reason` is None when they are one viewer."""

    one: str
    other: str
    reason: str | None
    n: int


class Merge(NamedTuple):
    """A profile that became part of another, with all its origins, by the link of call `n`."""

    gone: int
    into: int
    origins: tuple[str, ...]
    link: Link


@dataclass(slots=True)
class Plan:
    """What a batch amounts to: the profile of each call in the end, new identities, merges in order, links.

    Until `settled`, a negative profile id is a profile still to be made: -1, -2, … -fresh. `touched` are the known
    profiles that get or lose identities.
    """

    owners: list[int] = field(default_factory=list)
    linked: dict[str, int] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    fresh: int = 0
    created: list[int] = field(default_factory=list)

    @property
    def known_by(self) -> dict[str, int]:
        """New identities to be told: no contact data, and not those that a merge tells."""
        merged = {origin for one in self.merges for origin in one.origins}
        return {
            origin: profile_id
            for origin, profile_id in self.linked.items()
            if origin not in merged and not namespaces.is_contact(origin)
        }

    @property
    def untold(self) -> list[int]:
        """Profiles that were made and that no merge has told or ended."""
        merged = {one.gone for one in self.merges} | {one.into for one in self.merges}
        return [profile_id for profile_id in self.created if profile_id not in merged]

    def settled(self, created: Sequence[int]) -> Plan:
        """The same plan with the ids of the profiles that were made for it."""

        def made(profile_id: int) -> int:
            return profile_id if profile_id > 0 else created[-profile_id - 1]

        return Plan(
            owners=[made(profile_id) for profile_id in self.owners],
            linked={origin: made(profile_id) for origin, profile_id in self.linked.items()},
            merges=[one._replace(gone=made(one.gone), into=made(one.into)) for one in self.merges],
            links=self.links,
            touched=self.touched,
            created=list(created),
        )


def plain(claim: Claim, known: Mapping[str, int]) -> bool:
    """Whether every id of a claim is known and of one profile: then there is nothing to decide."""
    owner = known.get(claim.origin)
    return owner is not None and all(known.get(other) == owner for other in claim.others)


def chosen(claims: Iterable[Claim], known: Mapping[str, int]) -> list[Claim]:
    """The claims, each with the kind of its former id settled: a user's where that is known, else a visitor's."""
    named: set[str] = set()
    found = []
    for claim in claims:
        if claim.also is not None:
            first, *others = claim.others
            is_user = not _is_known(first, known, named) and _is_known(claim.also, known, named)
            claim = claim._replace(others=(claim.also if is_user else first, *others), also=None)
        named.update(claim.keys)
        found.append(claim)
    return found


def _is_known(one: str, known: Mapping[str, int], named: set[str]) -> bool:
    return one in known or one in named


def met(claims: Iterable[Claim], known: Mapping[str, int]) -> set[int]:
    """Known profiles that calls with something to decide meet."""
    return {known[key] for claim in claims if not plain(claim, known) for key in claim.keys if key in known}


def resolve(claims: Sequence[Claim], known: Mapping[str, int], groups: Mapping[int, Group], spaces: Spaces) -> Plan:
    """Decide call by call, in order. `groups` has every profile of `met`, whole.

    The first id of a call (the user's, if it has one) says whose it is. If nobody knows it, it joins the first known
    other id that may have it, else a new profile. Unknown other ids join it. Two known ids of different profiles make
    one of them if nothing speaks against it and the call says so: an identify, an alias, and any call that names a user
    and a visitor id, as Segment takes it. So it does not matter which of the two was heard of first.
    """
    return _Graph(known, groups, spaces).run(claims)


def survivor(one: int, other: int, groups: Mapping[int, Group], spaces: Spaces) -> int:
    """Which of two profiles stays: the one with the id of higher priority, else the older."""

    def rank(profile_id: int) -> tuple[int, bool, int]:
        best = max((namespaces.of(spaces, origin).priority for origin in groups[profile_id].origins), default=0)
        # Profiles still to be made are younger than all others, and among themselves in order: -1 before -2.
        return -best, profile_id < 0, abs(profile_id)

    return min(one, other, key=rank)


def refusal(spaces: Spaces, left: Group, right: Group, via: str) -> str | None:
    """What speaks against two groups being one viewer, when a call of the left one names `via` of the right one."""
    if any((move, not side) in right.sides for move, side in left.sides):
        return VETO
    mine, theirs = left.counts(), right.counts()
    for name in sorted(mine.keys() | theirs.keys(), key=lambda name: name != USER):
        most = (spaces.get(name) or spaces[namespaces.CUSTOM]).most
        if mine[name] + theirs[name] > most and mine[name] and theirs[name]:
            if most > 1:
                return LIMIT
            shared = name == USER and (parts(via)[0] == ANONYMOUS or namespaces.of(spaces, via).shared)
            return SHARED if shared else UNIQUE
    if namespaces.of(spaces, via).shared and theirs[USER] and not mine[USER]:
        return SHARED
    return None


class _Graph:
    """The groups while calls are applied to them."""

    def __init__(self, known: Mapping[str, int], groups: Mapping[int, Group], spaces: Spaces) -> None:
        self.owner = dict(known)
        self.groups = {key: Group(set(one.origins), set(one.sides), one.merges) for key, one in groups.items()}
        self.spaces = spaces
        self.plan = Plan()

    def run(self, claims: Sequence[Claim]) -> Plan:
        for n, claim in enumerate(claims):
            if not plain(claim, self.owner):
                self._take(n, claim)
        self.plan.owners = [self.owner[claim.origin] for claim in claims]
        self.plan.linked = {origin: self.owner[origin] for origin in self.plan.linked}
        return self.plan

    def _take(self, n: int, claim: Claim) -> None:
        first = claim.origin
        if first not in self.owner:
            self._settle_first(n, first, claim.others)
        for other in claim.others:
            if other == first:
                continue
            mine, its = self.owner[first], self.owner.get(other)
            if its is None:
                reason = refusal(self.spaces, self.groups[mine], Group({other}), other)
                self._note(n, first, other, reason)
                if reason is None:
                    self._join(other, mine)
            elif its != mine:
                self._meet(n, claim, other)

    def _settle_first(self, n: int, first: str, others: Sequence[str]) -> None:
        for other in others:
            home = self.owner.get(other)
            if home is None:
                continue
            reason = refusal(self.spaces, Group({first}), self.groups[home], other)
            self._note(n, first, other, reason)
            if reason is None:
                self._join(first, home)
                return
        self.plan.fresh += 1
        self.groups[-self.plan.fresh] = Group()
        self._join(first, -self.plan.fresh)

    def _meet(self, n: int, claim: Claim, other: str) -> None:
        """A call names two profiles."""
        mine, its = self.owner[claim.origin], self.owner[other]
        left, right = self.groups[mine], self.groups[its]
        reason = refusal(self.spaces, left, right, other)
        into = survivor(mine, its, self.groups, self.spaces)
        if reason is None and not (claim.joins or (claim.user is not None and parts(other)[0] == ANONYMOUS)):
            return
        if reason is None and self.groups[into].merges >= namespaces.of(self.spaces, other).merges_per_day:
            reason = LIMIT
        link = self._note(n, claim.origin, other, reason)
        if reason is None:
            self._merge(its if into == mine else mine, into, link)

    def _note(self, n: int, first: str, other: str, reason: str | None) -> Link:
        link = Link(min(first, other), max(first, other), reason, n)
        self.plan.links[link.one, link.other] = link
        return link

    def _join(self, origin: str, profile_id: int) -> None:
        self.owner[origin] = profile_id
        self.groups[profile_id].origins.add(origin)
        self.plan.linked[origin] = profile_id
        if profile_id > 0:
            self.plan.touched.add(profile_id)

    def _merge(self, gone: int, into: int, link: Link) -> None:
        lost, kept = self.groups.pop(gone), self.groups[into]
        kept.origins |= lost.origins
        kept.sides |= lost.sides
        kept.merges += 1
        for origin in lost.origins:
            self.owner[origin] = into
        self.plan.merges.append(Merge(gone, into, tuple(sorted(lost.origins)), link))
        self.plan.touched |= {one for one in (gone, into) if one > 0}
