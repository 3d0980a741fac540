"""Who is it? Which profile an event belongs to, and which identities it links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

USER = "user_id"
ANONYMOUS = "anonymous_id"
NAMESPACES = (USER, ANONYMOUS)


class Claim(NamedTuple):
    """What one event says about its viewer: origins `namespace:value`. Without a user there is exactly one other."""

    user: str | None
    others: tuple[str, ...]

    @property
    def origin(self) -> str:
        """The identity the event came with: the user's, else the anonymous one."""
        return self.user or self.others[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every identity it names."""
        return self.others if self.user is None else (self.user, *self.others)


@dataclass(slots=True)
class Plan:
    """What resolving a batch amounts to: the profile of each event, identities newly linked, profiles a user joined.

    Until `settled`, a negative profile id is a profile still to be made: -1, -2, … -fresh.
    """

    owners: list[int] = field(default_factory=list)
    linked: dict[str, int] = field(default_factory=dict)
    joined: set[int] = field(default_factory=set)
    fresh: int = 0
    created: list[int] = field(default_factory=list)

    def settled(self, created: Sequence[int]) -> Plan:
        """The same plan with the ids of the profiles that were made for it."""

        def made(profile_id: int) -> int:
            return profile_id if profile_id > 0 else created[-profile_id - 1]

        return Plan(
            owners=[made(profile_id) for profile_id in self.owners],
            linked={origin: made(profile_id) for origin, profile_id in self.linked.items()},
            joined=self.joined,
            created=list(created),
        )


def origin(namespace: str, value: str) -> str:
    """The identity as one word, `user_id:u1`."""
    return f"{namespace}:{value}"


def parts(origin: str) -> tuple[str, str]:
    """Namespace and value of an origin; the value may hold colons of its own."""
    namespace, _, value = origin.partition(":")
    return namespace, value


def reference(ref: str) -> int | str | None:
    """A ref as profile id or origin; None when it is neither."""
    if ref.isascii() and ref.isdigit():
        profile_id = int(ref)
        return profile_id if 0 < profile_id < 2**32 else None
    namespace, value = parts(ref)
    return ref if namespace in NAMESPACES and value and "\0" not in ref else None


def candidates(claims: Iterable[Claim], known: Mapping[str, int]) -> set[int]:
    """Known profiles that a user id nobody has seen yet might join."""
    return {
        known[other]
        for claim in claims
        if claim.user is not None and claim.user not in known
        for other in claim.others
        if other in known
    }


def resolve(claims: Sequence[Claim], known: Mapping[str, int], users: AbstractSet[int]) -> Plan:
    """The profile of each event, in order, given the known identities and which of their profiles have a user id.

    The user id wins. An unknown anonymous id seen with a user is linked to him. An unknown user id joins the profile of
    a known anonymous id that has no user yet, else he gets a new profile. Two known ids of different profiles change
    nothing: the event is the user's. No decision is ever taken back here, so a known identity keeps its profile.
    """
    plan = Plan()
    owner = dict(known)
    taken = set(users)

    def fresh() -> int:
        plan.fresh += 1
        return -plan.fresh

    def link(key: str, profile_id: int) -> None:
        owner[key] = profile_id
        plan.linked[key] = profile_id

    for user, others in claims:
        mine = owner.get(others[0] if user is None else user)
        if mine is None and user is not None:
            mine = next((owner[other] for other in others if other in owner and owner[other] not in taken), None)
            if mine is None:
                mine = fresh()
            elif mine > 0:
                plan.joined.add(mine)
            link(user, mine)
        elif mine is None:
            mine = fresh()
        if user is not None:
            taken.add(mine)
        for other in others:
            if other not in owner:
                link(other, mine)
        plan.owners.append(mine)
    return plan
